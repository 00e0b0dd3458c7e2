"""What processes of this machine use: CPU and memory, from /proc."""

import os
import pathlib
import resource
import subprocess
import time
import urllib.error
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")


def read_stat(pid):
    """(parent, seconds of its own, seconds of its children that have ended); None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return int(fields[1]), own / TICKS, ended / TICKS


def children_of(parent):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        stat = read_stat(entry.name) if entry.name.isdigit() else None
        if stat and stat[0] == parent:
            found.append(int(entry.name))
    return found


class CpuClock:
    """Seconds of CPU that processes have used since this was made.

    `family`: a process and all of its children, those that come and go among them (Postgres).
    """

    def __init__(self, pids=(), family=None):
        self.pids, self.family = list(pids), family
        self.start = self._read()

    def _read(self):
        total = 0
        pids = self.pids if self.family is None else [self.family, *children_of(self.family)]
        for pid in pids:
            stat = read_stat(pid)
            if stat:
                total += stat[1] + (stat[2] if pid == self.family else 0)
        return total

    def seconds(self):
        return self._read() - self.start


def memory(pid):
    """Bytes: (what it alone has and its share of the rest, the largest it ever had)."""

    def field(name, key):
        for line in pathlib.Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8").splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"/proc/{pid}/{name} has no {key}")

    return field("smaps_rollup", "Pss:"), field("status", "VmHWM:")


def allow_files(count):
    """Lets this process, and those it starts, open so many files and connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            raise RuntimeError(
                f"this takes {count} open files and the hard limit is {hard}: raise it (ulimit -Hn)"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


class Processes:
    """Programs of djps that run until this is left."""

    def __init__(self, environment=None):
        self.environment = environment
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in self.running:
            program.terminate()
        for program in self.running:
            try:
                program.wait(timeout=20)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()

    def start(self, *command):
        program = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment,
            # A Ctrl-C is for us, and we end them.
            start_new_session=True,
        )
        self.running.append(program)
        return program.pid

    def pids(self):
        return [program.pid for program in self.running]

    def check(self):
        for program in self.running:
            if program.poll() is not None:
                raise RuntimeError(f"{program.args[0]} ended by itself, with {program.returncode}")

    def wait_for(self, what, done, seconds=60):
        end = time.monotonic() + seconds
        while not done():
            self.check()
            if time.monotonic() > end:
                raise RuntimeError(f"{what} did not happen within {seconds} s")
            time.sleep(0.1)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
