"""The cells of bench/scale but that of history: many workers, idle ones, memory."""

import contextlib
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import time

from . import build, processes, systems

CLIENTS = pathlib.Path(__file__).resolve().parent / "idle_clients.py"


def bench(server, djps, database, *words, timeout=600):
    """The results of one `djps bench`; its jobs stay, so that none are removed meanwhile."""
    url = server.url(database)
    command = [djps, "bench", *words, "--json", "--keep", "--database-url", url]
    return json.loads(systems.run(command, timeout=timeout))["results"]


def numbers(text):
    return [int(part) for part in text.split(",")]


def connections_of(workers):
    """A native worker has three, and a fourth for a moment; there are others beside them.

    No more than that: what reads the locks goes through as many places as connections are allowed.
    """
    return 4 * workers + 60


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---- Many workers --------------------------------------------------------------------------------


class Workers:
    """Submitting and working at once with more and more worker processes."""

    name = "workers"

    @staticmethod
    def settings(arguments):
        return {"max_connections": str(connections_of(max(arguments.workers)))}

    @staticmethod
    def add_options(parser):
        parser.add_argument("--workers", type=numbers, default=[1, 4, 16, 64], help="1,4,16,64")
        parser.add_argument("--seconds", type=int, default=20, help="of each run (20)")
        parser.add_argument(
            "--start", type=int, default=10, help="seconds before that, in which processes start (10)"
        )
        parser.add_argument("--repetitions", type=int, default=3, help="of each number (3)")
        parser.add_argument("--concurrency", type=int, default=10, help="of each worker (10)")

    @staticmethod
    def measure(server, djps, arguments):
        rows = {count: [] for count in arguments.workers}
        for repetition in range(arguments.repetitions):
            for count in arguments.workers:
                build.say(f"{count} workers, run {repetition + 1}")
                systems.migrated(server, djps, "bench_workers")
                server.settle()
                words = ["--workers", count, "--concurrency", arguments.concurrency]
                words += ["--seconds", arguments.start + arguments.seconds, "--window", "1s"]
                result = bench(server, djps, "bench_workers", "continuous", *words)
                windows = result["windows_jobs_per_s"]
                rows[count].append(
                    {
                        "jobs_per_s": statistics.mean(windows[arguments.start :]),
                        "windows_jobs_per_s": windows,
                        "worker_peak_memory_bytes": result["worker_peak_memory_bytes"],
                    }
                )
        return [{"workers": count, "runs": runs} for count, runs in rows.items()]

    @staticmethod
    def table(rows):
        lines = ["| worker processes | jobs/s, median | min – max | of the first |", "|---:|---:|---|---:|"]
        first = None
        for row in rows:
            paces = [run["jobs_per_s"] for run in row["runs"]]
            middle = statistics.median(paces)
            first = first or middle
            spread = f"{min(paces):,.0f} – {max(paces):,.0f}"
            lines.append(f"| {row['workers']} | {middle:,.0f} | {spread} | {middle / first:.2f} × |")
        return lines


# ---- Idle cost -----------------------------------------------------------------------------------


class Idle:
    """What Postgres and djps do while there is nothing to do."""

    name = "idle"

    @staticmethod
    def settings(arguments):
        return {"max_connections": str(connections_of(max(arguments.native)))}

    @staticmethod
    def add_options(parser):
        parser.add_argument(
            "--native",
            type=numbers,
            default=[10, 100, 300],
            help="numbers of native worker processes (10,100,300; each takes three connections)",
        )
        parser.add_argument("--polling", type=numbers, default=[1000], help="HTTP workers (1000)")
        parser.add_argument("--seconds", type=int, default=60, help="of each (60)")
        parser.add_argument("--settle", type=int, default=20, help="seconds before that (20)")

    @classmethod
    def measure(cls, server, djps, arguments):
        url = systems.migrated(server, djps, "bench_idle")
        rows = [cls.watch(server, "nothing", [], arguments)]
        for count in arguments.native:
            build.say(f"starting {count} native workers")
            with processes.Processes() as started:
                for _ in range(count):
                    cls.start_worker(started, djps, url)
                started.wait_for(f"the start of {count} workers", lambda n=count: cls.seen(server, n), 300)
                rows.append(
                    cls.watch(server, f"{count} native workers", started.pids(), arguments)
                )
                started.check()
            server.psql("bench_idle", "delete from djps.workers")
        for count in [0, *arguments.polling]:
            rows.append(cls.poll(server, djps, url, count, arguments))
        return rows

    @staticmethod
    def start_worker(started, djps, url):
        words = ["--type", "idle", "--concurrency", "10", "--database-url", url]
        started.start(djps, "worker", *words, "--exec", "true")

    @staticmethod
    def seen(server, count):
        """Are so many workers known to the database?"""
        return int(server.psql("bench_idle", "select count(*) from djps.workers")) >= count

    @classmethod
    def poll(cls, server, djps, url, count, arguments):
        build.say(f"a server with {count} waiting HTTP workers")
        processes.allow_files(count + 200)
        with processes.Processes() as started, clients(count, "poll") as connect:
            port = start_server(started, djps, url)
            connect(port)
            what = f"a server, {count} HTTP workers that wait" if count else "a server alone"
            row = cls.watch(server, what, started.pids(), arguments)
            started.check()
            return row

    @staticmethod
    def watch(server, what, pids, arguments):
        time.sleep(arguments.settle)
        commits = """
            select xact_commit from pg_stat_database where datname = 'bench_idle'"""
        postgres, djps = processes.CpuClock(family=server.postmaster()), processes.CpuClock(pids)
        before, begin = int(server.psql("bench_idle", commits)), time.monotonic()
        time.sleep(arguments.seconds)
        minutes = (time.monotonic() - begin) / 60
        # Of these, two are the looks at this figure.
        after = int(server.psql("bench_idle", commits))
        row = {
            "what": what,
            "postgres_cpu_s_per_minute": postgres.seconds() / minutes,
            "djps_cpu_s_per_minute": djps.seconds() / minutes,
            "transactions_per_minute": (after - before) / minutes,
            "connections": int(
                server.psql("bench_idle", "select count(*) - 1 from pg_stat_activity "
                            "where datname = 'bench_idle' and backend_type = 'client backend'")
            ),
        }
        build.say(f"{what}: Postgres {row['postgres_cpu_s_per_minute']:.2f} s of CPU a minute")
        return row

    @staticmethod
    def table(rows):
        head = ["", "connections to Postgres", "Postgres, s of CPU a minute", "of a core, beyond nothing"]
        head += ["djps, s of CPU a minute", "transactions a minute"]
        lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
        idle = rows[0]["postgres_cpu_s_per_minute"]
        for row in rows:
            cpu = row["postgres_cpu_s_per_minute"]
            figures = [f"{row['connections']:,}", f"{cpu:.2f}", f"{(cpu - idle) / 60:.2%}"]
            figures += [f"{row['djps_cpu_s_per_minute']:.2f}", f"{row['transactions_per_minute']:,.0f}"]
            lines.append(f"| {row['what']} | {' | '.join(figures)} |")
        return lines


def start_server(started, djps, url):
    port = free_port()
    started.start(djps, "server", "--port", port, "--database-url", url)
    health = f"http://127.0.0.1:{port}/health"
    started.wait_for("the start of the server", lambda: processes.answers(health))
    return port


@contextlib.contextmanager
def clients(count, kind):
    """Gives a function that connects so many clients to a port; they go when this is left."""
    running = []

    def connect(port):
        if count == 0:
            return
        command = [sys.executable, "-B", CLIENTS, str(port), str(count), kind]
        program = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        running.append(program)
        if program.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{count} clients did not connect, see above")

    try:
        yield connect
        for program in running:
            if program.poll() is not None:
                raise RuntimeError(f"the clients ended by themselves, with {program.returncode}")
    finally:
        for program in running:
            program.kill()
            program.communicate()


# ---- Memory --------------------------------------------------------------------------------------


class Memory:
    """The server with many idle connections, and a worker before a small and a large backlog."""

    name = "memory"

    @staticmethod
    def settings(_arguments):
        return {}

    @staticmethod
    def add_options(parser):
        parser.add_argument(
            "--connections", type=numbers, default=[0, 1000, 10_000], help="0,1000,10000"
        )
        parser.add_argument(
            "--backlogs", type=numbers, default=[1000, 50_000, 500_000], help="1000,50000,500000"
        )

    @classmethod
    def measure(cls, server, djps, arguments):
        rows = [cls.connections(server, djps, count) for count in arguments.connections]
        return rows + [cls.backlog(server, djps, count) for count in arguments.backlogs]

    @staticmethod
    def connections(server, djps, count):
        processes.allow_files(count + 200)
        url = systems.migrated(server, djps, "bench_memory")
        with processes.Processes() as started, clients(count, "silent") as connect:
            port = start_server(started, djps, url)
            connect(port)
            now, peak = processes.memory(started.pids()[0])
        build.say(f"{count} connections: {now / 2**20:.1f} MB")
        return {"what": "server", "connections": count, "memory_bytes": now, "peak_bytes": peak}

    @staticmethod
    def backlog(server, djps, count):
        systems.migrated(server, djps, "bench_memory")
        result = bench(server, djps, "bench_memory", "drain", "--jobs", count)
        peak = result["worker_peak_memory_bytes"]
        build.say(f"a backlog of {count}: {peak / 2**20:.1f} MB")
        return {"what": "worker", "backlog": count, "memory_bytes": None, "peak_bytes": peak}

    @staticmethod
    def table(rows):
        servers = [row for row in rows if row["what"] == "server"]
        lines = ["| idle HTTP connections | server (MB) | at most (MB) | KiB each |", "|---:|---:|---:|---:|"]
        for row in servers:
            least, count = servers[0], row["connections"]
            more = count - least["connections"]
            each = (row["memory_bytes"] - least["memory_bytes"]) / 1024 / more if more else None
            memory, peak = row["memory_bytes"] / 2**20, row["peak_bytes"] / 2**20
            lines.append(
                f"| {count:,} | {memory:.1f} | {peak:.1f} | {'–' if each is None else f'{each:.1f}'} |"
            )
        lines += ["", "| jobs in the queue | worker, 200 at once, at most (MB) |", "|---:|---:|"]
        for row in rows:
            if row["what"] == "worker":
                lines.append(f"| {row['backlog']:,} | {row['peak_bytes'] / 2**20:.1f} |")
        return lines
