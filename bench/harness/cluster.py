"""The Postgres on which all systems are measured."""

import contextlib
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

# The same for all systems. Durable: an answer means that the data is on disk.
SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "300",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "min_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "jit": "off",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_cost_delay": "0",
}

USER = "bench"


class Cluster:
    """A private server in a folder of its own, removed at the end."""

    def __init__(self, bin_dir, folder=None, more_settings=None):
        self.settings = SETTINGS | (more_settings or {})
        self.bin = pathlib.Path(bin_dir)
        # Not below the clone, through which Postgres's user may not be able to pass.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="djps-bench-run-", dir=folder))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.server = None
        # Postgres refuses to run as root.
        self.as_user = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            self.as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()

    def __enter__(self):
        options = ["-D", self.data, "-U", USER, "-A", "trust", "--no-locale", "-E", "UTF8"]
        self._call("initdb", *options)
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in self.settings.items())
            conf.write(f"unix_socket_directories = '{self.folder}'\n")
        self._call("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "server.log", "start")
        return self

    def __exit__(self, *_):
        self._call("pg_ctl", "-D", self.data, "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _call(self, program, *arguments):
        subprocess.run(
            [self.bin / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **self.as_user,
        )

    def environment(self):
        """For programs that find the server by libpq's variables."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        variables |= {"PGHOST": str(self.folder), "PGPORT": "5432", "PGUSER": USER}
        variables["BENCH_SCRATCH"] = str(self.scratch)
        return variables

    def url(self, database):
        return f"host={self.folder} port=5432 user={USER} dbname={database}"

    def postmaster(self):
        """The process that all others of the server come from."""
        return int((self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])

    def psql(self, database, *statements, file=None, **variables):
        command = [self.bin / "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database]
        for name, value in variables.items():
            command += ["-v", f"{name}={value}"]
        for statement in statements:
            command += ["-c", statement]
        if file:
            command += ["-f", file]
        ended = subprocess.run(
            command, check=False, capture_output=True, text=True, env=self.environment()
        )
        if ended.returncode != 0:
            raise RuntimeError(f"psql in {database}: {ended.stderr.strip()[:400]}")
        return ended.stdout.strip()

    @contextlib.contextmanager
    def held(self, database, statement):
        """A session that has run this statement stays open as long."""
        command = [self.bin / "psql", "-qAtX", "-d", database]
        session = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )
        try:
            session.stdin.write(f"{statement};\n\\echo held\n")
            session.stdin.flush()
            while (line := session.stdout.readline()) != "held\n":
                if not line:
                    raise RuntimeError(f"psql in {database} ended")
            yield
        finally:
            session.communicate("")

    def fresh(self, database):
        self.psql(
            "postgres",
            f"drop database if exists {database} with (force)",
            f"create database {database}",
        )

    def version(self):
        return self.psql("postgres", "select version()").split(" on ")[0]

    def settle(self):
        """What the one before has left unwritten is not to burden the next."""
        self.psql("postgres", "checkpoint")
