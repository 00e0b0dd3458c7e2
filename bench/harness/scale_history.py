"""The cell of bench/scale that puts millions of jobs beside those that are measured."""

import datetime
import statistics
import time

from . import build, store, systems
from .scale_cells import bench

SQL = build.BENCH / "history"
DAYS = 5  # below the week for which ended jobs are kept, so that upkeep leaves them in peace
EMPTY, LOADED = "bench_empty", "bench_loaded"


def fill(server, database, counts):
    """Writes the jobs, one partition a day, with the sorting of its index as the largest part."""
    begin = time.monotonic()
    server.psql(database, "alter table djps.ready drop constraint ready_claim_key")
    today = store.utc_now().date()
    for back in range(DAYS, 0, -1):
        day = today - datetime.timedelta(days=back)
        shares = {name: count // DAYS + (back <= count % DAYS) for name, count in counts.items()}
        if not sum(shares.values()):
            continue
        server.psql(
            database, file=SQL / "load_day.sql", day=day, seed=back * 100_000_000, **shares
        )
        build.say(f"loaded {sum(shares.values()):,} jobs of {day}")
    server.psql(database, file=SQL / "index_ready.sql")
    server.psql(database, "vacuum (freeze, analyze)")
    return time.monotonic() - begin


class History:
    """Throughput and latency beside millions of jobs that have ended or wait, and beside none."""

    name = "history"

    @staticmethod
    def settings(_arguments):
        # The tables are made in the transaction that fills them: nothing of that goes to the log.
        return {"wal_level": "minimal", "max_wal_senders": "0", "maintenance_work_mem": "512MB"}

    @staticmethod
    def add_options(parser):
        parser.add_argument("--finished", type=int, default=20_000_000, help="jobs (20 million)")
        parser.add_argument("--scheduled", type=int, default=5_000_000, help="jobs (5 million)")
        parser.add_argument("--ready", type=int, default=1_000_000, help="jobs (1 million)")
        parser.add_argument("--scale", type=float, default=1, help="a share of these, such as 0.01")
        parser.add_argument("--seconds", type=int, default=20, help="of each run (20)")
        parser.add_argument("--repetitions", type=int, default=3, help="of both databases (3)")

    @classmethod
    def measure(cls, server, djps, arguments):
        counts = {
            name: round(getattr(arguments, name) * arguments.scale)
            for name in ("finished", "scheduled", "ready")
        }
        for database in (EMPTY, LOADED):
            systems.migrated(server, djps, database)
        took = fill(server, LOADED, counts)
        size = int(server.psql(LOADED, "select pg_database_size(current_database())"))
        build.say(f"{size / 2**30:.2f} GB in {took:.0f} s")
        runs = []
        for repetition in range(1, arguments.repetitions + 1):
            # Which comes first changes: the second of two finds the machine warmer.
            for database in (EMPTY, LOADED) if repetition % 2 else (LOADED, EMPTY):
                run = cls.run(server, djps, database, arguments.seconds)
                build.say(f"{database}, run {repetition}: {run['jobs_per_s']:,.0f} jobs/s")
                runs.append({"database": database, "repetition": repetition, **run})
        return {"jobs": counts, "load_seconds": took, "database_bytes": size, "runs": runs}

    @staticmethod
    def run(server, djps, database, seconds):
        server.settle()
        words = ["continuous", "--seconds", seconds, "--window", "1s"]
        pace = bench(server, djps, database, *words)["jobs_per_s"]
        server.settle()
        words = ["latency", "--rate", 500, "--seconds", seconds]
        pickup = bench(server, djps, database, *words)["pickup_ms"]
        return {"jobs_per_s": pace, "pickup_ms": {name: pickup[name] for name in ("p50", "p99")}}

    @staticmethod
    def table(result):
        jobs = ", ".join(f"{count:,} {name}" for name, count in result["jobs"].items() if count)
        lines = [
            f"Beside {jobs} jobs ({result['database_bytes'] / 2**30:.2f} GB, loaded in "
            f"{result['load_seconds']:.0f} s), medians:",
            "",
            "| | empty | min – max | loaded | min – max | loaded / empty |",
            "|---|---:|---|---:|---|---:|",
        ]
        figures = (
            ("submitting and working at once (jobs/s)", lambda run: run["jobs_per_s"]),
            ("pickup at 500 jobs/s, p50 (ms)", lambda run: run["pickup_ms"]["p50"]),
            ("pickup at 500 jobs/s, p99 (ms)", lambda run: run["pickup_ms"]["p99"]),
        )
        for title, figure in figures:
            cells, medians = [], []
            for database in (EMPTY, LOADED):
                values = [figure(run) for run in result["runs"] if run["database"] == database]
                medians.append(statistics.median(values))
                cells += [f"{medians[-1]:,.4g}", f"{min(values):,.4g} – {max(values):,.4g}"]
            lines.append(f"| {title} | {' | '.join(cells)} | {medians[1] / medians[0]:.2f} × |")
        return lines
