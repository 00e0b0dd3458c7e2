"""The cell of bench/scale that keeps jobs for years."""

import http.client
import json
import pathlib
import statistics
import threading
import time

from . import build, processes, scale_cells, systems

SQL = build.BENCH / "history"
AT_ONCE = 20
JOBS = 20_000
DAYS_AT_ONCE = 60

# Upkeep does the same, with pauses: one small transaction a step.
MERGE = """
do $$
declare
  v_done text;
begin
  loop
    select done into v_done from djps.history_step();
    commit;
    exit when v_done = 'idle';
  end loop;
end
$$"""


def fill(server, database, days, merged):
    """Jobs of so many past days. merged: parts are merged on the way, as they are by upkeep."""
    for status in ("succeeded", "canceled"):
        server.psql(database, f"select djps.set_retention('*', '{status}', '3660 days')")
    for back in range(days, 0, -DAYS_AT_ONCE):
        last = max(1, back - DAYS_AT_ONCE + 1)
        server.psql(
            database, file=SQL / "many_days.sql", from_back=back, to_back=last, jobs=JOBS // days
        )
        if merged:
            server.psql(database, MERGE)
    server.psql(database, "analyze")


def ids_of(server, database, queue):
    text = server.psql(
        database, f"select id from djps.facts where queue = '{queue}' order by random() limit 1000"
    )
    return text.split()


class Clients:
    """Sends requests to a server from several connections, and remembers how long each took."""

    def __init__(self, port):
        self.port = port
        self.times = []
        self.trouble = []

    def call(self, method, paths):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        for path in paths:
            begin = time.monotonic()
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            self.times.append((time.monotonic() - begin) * 1000)
            if answer.status >= 300:
                self.trouble.append(f"{method} {path}: {body[:300]}")
        connection.close()

    def measure(self, method, paths, at_once):
        """Milliseconds of the median and of the slowest in a hundred."""
        self.times.clear()
        shares = [paths[i::at_once] for i in range(at_once)]
        threads = [threading.Thread(target=self.call, args=(method, share)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.trouble:
            raise RuntimeError(self.trouble[0])
        parts = statistics.quantiles(self.times, n=100)
        return {"p50": parts[49], "p99": parts[98]}


def largest_backend(server, database):
    """The memory of its own of the largest backend, in bytes."""
    pids = server.psql(
        "postgres", f"select pid from pg_stat_activity where datname = '{database}'"
    ).split()
    sizes = []
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("RssAnon:"):
                sizes.append(int(line.split()[1]) * 1024)
    return max(sizes)


class Retention:
    """Reading, canceling and working while jobs of many past days are kept."""

    name = "retention"

    @staticmethod
    def settings(_arguments):
        # Unmerged, a statement locks every partition of three tables.
        return {"max_locks_per_transaction": "1024"}

    @staticmethod
    def add_options(parser):
        parser.add_argument("--days", type=int, default=3660, help="merged, as upkeep does (3660)")
        parser.add_argument(
            "--unmerged", type=int, default=730, help="for comparison, a partition a day (730)"
        )
        parser.add_argument("--seconds", type=int, default=10, help="of submitting and working (10)")

    @classmethod
    def measure(cls, server, djps, arguments):
        cases = [(7, True), (arguments.days, True), (arguments.unmerged, False)]
        return [cls.case(server, djps, *case, arguments.seconds) for case in cases]

    @staticmethod
    def case(server, djps, days, merged, seconds):
        database = "bench_retention"
        url = systems.migrated(server, djps, database)
        begin = time.monotonic()
        fill(server, database, days, merged)
        parts = int(
            server.psql(
                database,
                "select count(*) from pg_inherits where inhparent = 'djps.facts'::regclass",
            )
        )
        build.say(f"{days} days in {parts} partitions, in {time.monotonic() - begin:.0f} s")
        done, waiting = ids_of(server, database, "done"), ids_of(server, database, "waiting")[:300]
        words = ["continuous", "--seconds", seconds, "--window", f"{seconds}s"]
        # Upkeep would merge what is to stay unmerged: its lock keeps it away.
        lock = "select pg_advisory_lock(hashtextextended('djps.history', 0))"
        with server.held(database, lock), processes.Processes() as started:
            pace = scale_cells.bench(server, djps, database, *words)["jobs_per_s"]
            clients = Clients(scale_cells.start_server(started, djps, url))
            jobs = [f"/jobs/{job}" for job in done]
            clients.measure("GET", jobs[:500], AT_ONCE)
            figures = {
                "get": clients.measure("GET", jobs * 3, AT_ONCE),
                "list": clients.measure("GET", ["/jobs?limit=100&status=succeeded"] * 200, 4),
                "cancel": clients.measure("POST", [f"/jobs/{job}/cancel" for job in waiting], 4),
                "delete": clients.measure("DELETE", jobs[-300:], 4),
                "backend_bytes": largest_backend(server, database),
            }
        row = {"days": days, "merged": merged, "partitions": parts, "jobs_per_s": pace, **figures}
        build.say(json.dumps(row))
        return row

    @staticmethod
    def table(rows):
        head = ["days", "partitions", "GET by id, p50 – p99 (ms)", "list of 100 (ms)", "cancel (ms)"]
        head += ["DELETE (ms)", "largest backend (MB)", "jobs/s"]
        lines = [f"{AT_ONCE} clients read by id, 4 list, cancel and delete; each figure is the median and the slowest in a hundred."]
        lines += ["", f"| {' | '.join(head)} |", "|---:" * len(head) + "|"]
        for row in rows:
            kinds = ("get", "list", "cancel", "delete")
            pairs = [f"{row[kind]['p50']:.1f} – {row[kind]['p99']:.1f}" for kind in kinds]
            days = f"{row['days']:,}" + ("" if row["merged"] else ", not merged")
            cells = [days, str(row["partitions"]), *pairs]
            cells += [f"{row['backend_bytes'] / 2**20:.1f}", f"{row['jobs_per_s']:,.0f}"]
            lines.append(f"| {' | '.join(cells)} |")
        return lines
