"""Tables out of what was measured."""

import statistics

from . import plots

def shown(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Results:
    """The runs of a document (see bench/run), by cell and system."""

    def __init__(self, document):
        self.document = document
        self.cells = document["cells"]
        self.systems = list(dict.fromkeys(run["system"] for run in document["runs"]))
        self.peers = {name for name, about in document["systems"].items() if about["is_peer"]}
        self.full = {name for name, about in document["systems"].items() if about["is_full"]}

    def figures(self, cell, system, tuning, name):
        runs = [
            run["result"]
            for run in self.document["runs"]
            if (run["cell"], run["system"], run["tuning"]) == (cell, system, tuning)
        ]
        if name == "value":
            kind = self.cells[cell]["kind"]
            name = "pickup_ms.p50" if kind == "latency" else "jobs_per_s"
        values = []
        for result in runs:
            for part in name.split("."):
                result = result.get(part) if isinstance(result, dict) else None
            if isinstance(result, (int, float)):
                values.append(result)
        return values

    def median(self, cell, system, tuning, name="value"):
        values = self.figures(cell, system, tuning, name)
        return statistics.median(values) if values else None

    def rows(self, cell):
        """(system, tuning, median), the best first."""
        pairs = dict.fromkeys(
            (run["system"], run["tuning"]) for run in self.document["runs"] if run["cell"] == cell
        )
        found = [(*pair, self.median(cell, *pair)) for pair in pairs]
        found = [row for row in found if row[2] is not None]
        return sorted(found, key=lambda row: row[2], reverse=self.cells[cell]["higher_is_better"])

    def best_of(self, cell, systems):
        return next((row[2] for row in self.rows(cell) if row[0] in systems), None)

    def windows(self, cell, system, tuning):
        """The throughput over time of the middle run."""
        runs = [
            run["result"]["windows_jobs_per_s"]
            for run in self.document["runs"]
            if (run["cell"], run["system"], run["tuning"]) == (cell, system, tuning)
            and run["result"].get("windows_jobs_per_s")
        ]
        return sorted(runs, key=statistics.mean)[len(runs) // 2] if runs else None


def ratio(value, other):
    return "–" if not value or not other else f"{value / other:.2f} ×"


def cell_table(results, cell):
    about = results.cells[cell]
    full, any_peer = results.best_of(cell, results.full), results.best_of(cell, results.peers)
    ceiling = results.best_of(cell, {"ceiling"})
    latency = about["kind"] == "latency"
    head = ["system", "tuning", f"median ({about['unit']})", "min – max"]
    head += ["of the best full queue", "of the best peer"]
    head += ["p99", "max"] if latency else ["of the ceiling"]
    if about["kind"] == "drain":
        head += ["WAL bytes per job", "worker memory (MB)"]
    if about["kind"] == "continuous":
        head += ["last / first window"]
    lines = [f"### {about['title']}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for system, tuning, median in results.rows(cell):
        values = results.figures(cell, system, tuning, "value")
        # docs/performance.md: with more than a fifth between the runs, measure again.
        unsteady = " (unsteady)" if max(values) - min(values) > median / 5 else ""
        row = [system, tuning if system in results.peers else "", f"**{shown(median)}**{unsteady}"]
        row += [f"{shown(min(values))} – {shown(max(values))}"]
        row += [ratio(median, full), ratio(median, any_peer)]
        if latency:
            for name in ("p99", "max"):
                times = results.figures(cell, system, tuning, f"pickup_ms.{name}")
                row.append(f"{shown(min(times))} – {shown(max(times))}" if times else "–")
        else:
            row.append(ratio(median, ceiling))
        if about["kind"] == "drain":
            memory = results.median(cell, system, tuning, "worker_peak_memory_bytes")
            row.append(shown(results.median(cell, system, tuning, "wal_bytes_per_job")))
            row.append(shown(memory / 2**20 if memory else None))
        if about["kind"] == "continuous":
            windows = results.windows(cell, system, tuning)
            row.append(ratio(windows[-1], windows[0]) if windows else "–")
        lines.append(f"| {' | '.join(row)} |")
    return lines


def summary_table(results):
    """One line per system: what stands in the README."""
    cells = list(results.cells)
    head = [results.cells[cell]["title"] + f" ({results.cells[cell]['unit']})" for cell in cells]
    lines = [f"| | {' | '.join(head)} |", "|---" * (len(cells) + 1) + "|"]
    for system in results.systems:
        row = [system]
        for cell in cells:
            best = next((r for r in results.rows(cell) if r[0] == system), None)
            row.append(shown(best[2]) if best else "–")
        lines.append(f"| {' | '.join(row)} |")
    return lines


def text(document):
    results = Results(document)
    machine = document["machine"]
    lines = [
        f"# Measured {document['date']}",
        "",
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB; client, "
        f"workers and server share them. {document['postgres']}; the same cluster for everybody, "
        "every commit on disk.",
        f"{document['repetitions']} runs of each cell, the systems in turn; medians. "
        f"Our worker runs {document['djps_concurrency']} jobs at once, those of peers 24 unless "
        f"their tuning says otherwise. Made by `bench/run`; raw data: `{document['name']}.json`.",
    ]
    if document["quick"]:
        lines += ["", "**A quick run: it shows that everything works, not how fast it is.**"]
    lines += ["", *summary_table(results), ""]
    for cell in results.cells:
        if not results.rows(cell):
            continue
        lines += [*cell_table(results, cell), "", f"![]({document['name']}-{cell}.svg)", ""]
    lines += [
        "*of the best full queue*: divided by the best of those that do what a job queue does "
        f"({', '.join(sorted(results.full)) or 'none measured'}), at its better tuning; *of the "
        "best peer*: by the best of all peers. *of the ceiling*: by the same layout driven by "
        "pgbench (`bench/ceiling`).",
        "",
        "## Systems",
        "",
    ]
    for name, about in document["systems"].items():
        lines.append(f"- {name}: {about['version'] or 'of this clone'}")
    for name, why in document["unavailable"].items():
        lines.append(f"- {name}: not measured: {why}")
    for failure in document["failures"]:
        lines.append(f"- {failure['system']}, {failure['cell']}: {failure['why']}")
    lines += ["", "Settings of Postgres:", "", "```"]
    lines += [f"{name} = {value}" for name, value in document["settings"].items()]
    return "\n".join([*lines, "```", ""])


BEGIN, END = "<!-- measured: bench/run --readme -->", "<!-- /measured -->"


def update_readme(document, readme):
    """Puts the summary between the two marks of the README, with its date and machine."""
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    machine = document["machine"]
    lines = [
        BEGIN,
        f"Measured {document['date']} on {machine['cores']} cores ({machine['processor']}), which "
        f"client, workers and {document['postgres']} share; every commit on disk; medians of "
        f"{document['repetitions']} runs, at the best documented tuning of each system:",
        "",
        *summary_table(Results(document)),
        "",
        *(["Short runs: an order of magnitude, not the last word."] if document["quick"] else []),
        "Spreads, settings and plots: `bench/results/README.md`.",
        END,
    ]
    readme.write_text(before + "\n".join(lines) + after, encoding="utf-8")


def write(document, folder):
    """README.md and the plots; the data are there already."""
    results = Results(document)
    (folder / "README.md").write_text(text(document), encoding="utf-8")
    for cell, about in results.cells.items():
        rows = results.rows(cell)
        if not rows:
            continue
        if about["kind"] == "continuous":
            series = {
                plots.label(system, tuning, results.peers): results.windows(cell, system, tuning)
                for system, tuning, _ in rows
            }
            picture = plots.lines(about["title"], about["unit"], about["options"]["window"], series)
        else:
            bars = []
            for system, tuning, median in rows:
                values = results.figures(cell, system, tuning, "value")
                name = plots.label(system, tuning, results.peers)
                bars.append((name, median, min(values), max(values)))
            picture = plots.bars(about["title"], about["unit"], bars)
        (folder / f"{document['name']}-{cell}.svg").write_text(picture, encoding="utf-8")
