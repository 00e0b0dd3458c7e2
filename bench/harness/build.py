"""What the commands in bench/ have in common: the program, the machine, where figures go."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from . import store

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
BUILD = ROOT / "build" / "release"


def say(text):
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def end_on_sigterm():
    """As on Ctrl-C: what was started is ended on the way out."""

    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def add_options(parser):
    parser.add_argument("--djps", type=pathlib.Path, help="this program instead of a build")
    parser.add_argument("--pg-bin", default="/usr/lib/postgresql/15/bin", help="initdb's folder")
    parser.add_argument("--folder", help="where the cluster's folder is made (default: TMPDIR)")


def find_program(arguments):
    """The one that was named, or a release, built where needed."""
    if arguments.djps:
        return arguments.djps.resolve()
    say("building a release")
    subprocess.run([ROOT / "scripts/install-dependencies", "build", "run"], check=True)
    configure = ["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
    if not (BUILD / "CMakeCache.txt").exists():
        configure.append("-DDJPS_BUILD_TESTS=OFF")  # ./test turns it on when it comes here
    subprocess.run(configure, check=True, stdout=sys.stderr)
    subprocess.run(["ninja", "-C", BUILD, "djps"], check=True, stdout=sys.stderr)
    return BUILD / "src" / "djps"


def machine():
    processor = ""
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            processor = line.split(": ", 1)[1]
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0))
    return {"cores": cores, "processor": processor, "memory_gb": round(memory / 2**30)}


def describe(server, djps):
    """Where and with what a measurement was made."""
    return {
        "date": store.utc_now().strftime("%Y-%m-%d %H:%M UTC"),
        "commit": store.commit_of(ROOT),
        "machine": machine(),
        "postgres": server.version(),
        "settings": server.settings,
        "djps_sha256": store.fingerprint(djps),
    }


def deliver(document, to_text, arguments):
    """Figures or tables, on standard output or in a file."""
    as_json = json.dumps(document, indent=1) + "\n"
    output = as_json if arguments.json else to_text(document)
    if arguments.output:
        store.write_atomically(arguments.output, output)
        say(f"written: {arguments.output}")
    else:
        sys.stdout.write(output)
