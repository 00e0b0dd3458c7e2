"""Tables out of what was measured."""

import collections
import json
import statistics

from . import matrix, plots

shown = plots.shown


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
            name = self.value_of(cell)
        values = [matrix.find(result, name) for result in runs]
        return [value for value in values if isinstance(value, (int, float))]

    def value_of(self, cell):
        """Results of before cells said it themselves have none."""
        latency = self.cells[cell]["kind"] == "latency"
        return self.cells[cell].get("value") or ("pickup_ms.p50" if latency else "jobs_per_s")

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

    def middle(self, cell, system, tuning):
        """The result of the middle run, of those with a throughput over time."""
        runs = [
            run["result"]
            for run in self.document["runs"]
            if (run["cell"], run["system"], run["tuning"]) == (cell, system, tuning)
            and run["result"].get("windows_jobs_per_s")
        ]
        runs.sort(key=lambda result: statistics.mean(result["windows_jobs_per_s"]))
        return runs[len(runs) // 2] if runs else None

    def windows(self, cell, system, tuning):
        middle = self.middle(cell, system, tuning)
        return middle["windows_jobs_per_s"] if middle else None

    def is_held(self, cell):
        return self.value_of(cell).startswith("phases.")

    def dates(self, cell):
        """(first, last, commits) of the runs of a cell that say it."""
        runs = [run for run in self.document["runs"] if run["cell"] == cell and "at" in run]
        days = sorted(run["at"][:10] for run in runs)
        commits = sorted({run["commit"] for run in runs})
        return (days[0], days[-1], commits) if runs else None


def ratio(value, other):
    return "–" if not value or not other else f"{value / other:.2f} ×"


def columns_of(results, cell):
    """The headings of the columns that only cells of this kind have, and their values."""
    kind = results.cells[cell]["kind"]

    def middle(name, scale=1):
        def show(system, tuning):
            value = results.median(cell, system, tuning, name)
            return shown(None if value is None else value / scale)

        return show

    def times(name):
        def show(system, tuning):
            values = results.figures(cell, system, tuning, f"pickup_ms.{name}")
            return f"{shown(min(values))} – {shown(max(values))}" if values else "–"

        return show

    def share(name, other):
        def show(system, tuning):
            result = results.middle(cell, system, tuning) or {}
            return ratio(matrix.find(result, name), matrix.find(result, other))

        return show

    def last_to_first(system, tuning):
        windows = results.windows(cell, system, tuning)
        return ratio(windows[-1], windows[0]) if windows else "–"

    def most_dead(system, tuning):
        samples = (results.middle(cell, system, tuning) or {}).get("samples", [])
        return shown(max((dead for _, dead, _ in samples), default=None))

    if results.is_held(cell):
        return {
            "before": middle("phases.before"),
            "last window held": middle("phases.held_last"),
            "after": middle("phases.after"),
            "last held / before": share("phases.held_last", "phases.before"),
            "dead rows, at most": most_dead,
        }
    if kind == "drain":
        return {
            "WAL bytes per job": middle("wal_bytes_per_job"),
            "worker memory (MB)": middle("worker_peak_memory_bytes", 2**20),
        }
    if kind == "continuous":
        return {"last / first window": last_to_first}
    return {"p99": times("p99"), "max": times("max")} if kind == "latency" else {}


def cell_table(results, cell):
    about = results.cells[cell]
    full, any_peer = results.best_of(cell, results.full), results.best_of(cell, results.peers)
    ceiling = results.best_of(cell, {"ceiling"})
    latency = about["kind"] == "latency"
    more = columns_of(results, cell)
    head = ["system", "tuning", f"median ({about['unit']})", "min – max"]
    head += ["of the best full queue", "of the best peer"]
    head += [*([] if latency else ["of the ceiling"]), *more]
    lines = [f"### {about['title']}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for system, tuning, median in results.rows(cell):
        values = results.figures(cell, system, tuning, "value")
        # docs/performance.md: with more than a fifth between the runs, measure again.
        unsteady = " (unsteady)" if max(values) - min(values) > median / 5 else ""
        row = [system, tuning if system in results.peers else "", f"**{shown(median)}**{unsteady}"]
        row += [f"{shown(min(values))} – {shown(max(values))}"]
        row += [ratio(median, full), ratio(median, any_peer)]
        row += [] if latency else [ratio(median, ceiling)]
        row += [show(system, tuning) for show in more.values()]
        lines.append(f"| {' | '.join(row)} |")
    dates = results.dates(cell)
    if dates:
        first, last, commits = dates
        when = first if first == last else f"{first} to {last}"
        lines += ["", f"Measured {when}, commit {', '.join(commits)}."]
    return lines


def summary_table(results):
    """One line per system, for the README."""
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


def repetitions(document):
    """How many runs of each cell there are: "3", or "1 to 3"."""
    counts = collections.Counter(
        (run["cell"], run["system"], run["tuning"]) for run in document["runs"]
    )
    least, most = min(counts.values(), default=0), max(counts.values(), default=0)
    return str(most) if least == most else f"{least} to {most}"


def text(document):
    results = Results(document)
    machine = document["machine"]
    lines = [
        f"# Measured {document['date']}",
        "",
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB; client, "
        f"workers and server share them. {document['postgres']}; the same cluster for everybody, "
        "every commit on disk.",
        f"{repetitions(document)} runs of each cell, the systems in turn; medians. "
        f"Our worker runs {document['djps_concurrency']} jobs at once, those of peers 24 unless "
        f"their tuning says otherwise. Made by `bench/run`; raw data: `{document['name']}.json`.",
    ]
    if document["quick"]:
        lines += ["", "**A quick run: it shows that everything works, not how fast it is.**"]
    if document.get("complete") is False:
        lines += ["", "**Something is missing; `bench/run --resume` goes on with it.**"]
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
    lines += [f"- {name}: not asked for" for name in document["not_asked"]]
    for failure in document["failures"]:
        lines.append(
            f"- {failure['system']} ({failure['tuning']}), {failure['cell']}, run "
            f"{failure['repetition']}: failed: {failure['why']}"
        )
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
        f"{repetitions(document)} runs, at the best documented tuning of each system:",
        "",
        *summary_table(Results(document)),
        "",
        *(["Short runs: an order of magnitude, not the last word."] if document["quick"] else []),
        "Spreads, settings and plots: `bench/results/README.md`.",
        END,
    ]
    readme.write_text(before + "\n".join(lines) + after, encoding="utf-8")


def picture_of(results, cell):
    about = results.cells[cell]
    rows = results.rows(cell)
    if results.is_held(cell):
        runs = {
            plots.label(system, tuning, results.peers): results.middle(cell, system, tuning)
            for system, tuning, _ in rows
        }
        return plots.held(about["title"], about["unit"], about["options"]["window"], runs)
    if about["kind"] == "continuous":
        series = {
            plots.label(system, tuning, results.peers): results.windows(cell, system, tuning)
            for system, tuning, _ in rows
        }
        return plots.lines(about["title"], about["unit"], about["options"]["window"], series)
    bars = []
    for system, tuning, median in rows:
        values = results.figures(cell, system, tuning, "value")
        bars.append((plots.label(system, tuning, results.peers), median, min(values), max(values)))
    return plots.bars(about["title"], about["unit"], bars)


def write_index(folder):
    """README.md: the tables of the result that says most, and the names of the others."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    documents = [document for document in documents if document.get("runs")]

    def weight(document):
        cells = len({run["cell"] for run in document["runs"]})
        whole = document.get("complete", True) and not document["quick"]
        return whole, not document["quick"], cells, document["date"]

    documents.sort(key=weight, reverse=True)
    lines = [text(documents[0])]
    if len(documents) > 1:
        lines += ["## Other results", ""]
        for document in documents[1:]:
            cells = ", ".join(dict.fromkeys(run["cell"] for run in document["runs"]))
            name = document["name"]
            lines.append(f"- {document['date']}: [{name}]({name}.md) ({cells})")
        lines.append("")
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")


def write(document, folder):
    """Tables and plots; the data are there already."""
    results = Results(document)
    (folder / f"{document['name']}.md").write_text(text(document), encoding="utf-8")
    for cell in results.cells:
        if results.rows(cell):
            name = f"{document['name']}-{cell}.svg"
            (folder / name).write_text(picture_of(results, cell), encoding="utf-8")
    if document["runs"]:
        write_index(folder)
