"""Where a run of the matrix keeps what it has measured: one JSON file, whole at any time.

A file belongs to one program on one machine with one set of settings: going on with it means
that these are the same, and each measurement has its own time and commit. What was measured
elsewhere or with another build is another file; no run writes over one of another.
"""

import datetime
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile


class Mismatch(Exception):
    """What is here is not what the file was measured with; the text says in which way."""


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc)


def commit_of(root):
    """The commit, with a mark where what is measured differs from it."""
    try:
        git = ["git", "-C", root]
        name = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True
        ).stdout.strip()
        parts = ["src", "include", "db", "cmake", "CMakeLists.txt", "bench", ":!bench/results"]
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", *parts],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("-changed" if changed.strip() else "")


def fingerprint(path):
    """Of a file, or of all files in a folder."""
    path = pathlib.Path(path)
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file())
    texts = [f"{file.relative_to(path)} {fingerprint(file)}" for file in files]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def write_atomically(path, text):
    """A reader, and a crash, see the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, 0o644)
    os.replace(name, path)


def free_name(folder, quick):
    """Today's date, with a number where there is a result of that name."""
    base = utc_now().strftime("%Y-%m-%d") + ("-quick" if quick else "")
    name, number = base, 1
    while (folder / f"{name}.json").exists():
        number += 1
        name = f"{base}-{number}"
    return name


def find_unfinished(folder):
    """The newest result with something missing; None where there is none."""
    found = []
    for path in folder.glob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.get("complete") is False:
            found.append((path.stat().st_mtime, path))
    return max(found)[1] if found else None


# What must be the same for two measurements to stand in one table.
IDENTITY = (
    "machine",
    "postgres",
    "settings",
    "djps_sha256",
    "peers_sha256",
    "ceiling_sha256",
    "djps_concurrency",
    "quick",
)


class Store:
    def __init__(self, path, document):
        self.path = path
        self.document = document
        self.commit = "unknown"

    @classmethod
    def open(cls, path):
        return cls(path, json.loads(path.read_text(encoding="utf-8")))

    def require_same(self, identity):
        """Raises Mismatch."""
        for name in IDENTITY:
            ours, theirs = self.document.get(name), identity[name]
            if ours != theirs:
                raise Mismatch(
                    f"{self.path} was measured with another {name}: {ours}, not {theirs}. Figures "
                    "of both in one table would compare what cannot be compared: measure anew "
                    "(without --resume), or go back to what it was measured with"
                )

    def add(self, part, new):
        """Puts "systems" or "cells" beside those that are known. Raises Mismatch."""
        known = self.document[part]
        for name, about in new.items():
            if known.get(name, about) != about:
                raise Mismatch(
                    f"{self.path} was measured with {name} as {known[name]}, and here it is {about}: "
                    "measure anew, without --resume"
                )
            known[name] = about

    def has(self, entry, repetition):
        return any(
            run["repetition"] == repetition and all(run[name] == entry[name] for name in entry)
            for run in self.document["runs"]
        )

    def add_run(self, entry, repetition, result):
        """On disk when this returns."""
        self.document["failures"] = self._failures_but(entry, repetition)
        self.document["runs"].append(
            entry
            | {
                "repetition": repetition,
                "at": utc_now().strftime("%Y-%m-%d %H:%M:%S UTC"),
                "commit": self.commit,
                "result": result,
            }
        )
        self.save()

    def add_failure(self, entry, repetition, why):
        failure = entry | {"repetition": repetition, "why": why}
        self.document["failures"] = [*self._failures_but(entry, repetition), failure]
        self.save()

    def _failures_but(self, entry, repetition):
        key = entry | {"repetition": repetition}
        return [
            failure
            for failure in self.document["failures"]
            if any(failure.get(name) != value for name, value in key.items())
        ]

    def is_complete(self):
        """All of the plan was tried. What failed each time is how it is; what failed once is not."""
        done = all(part["done"] for part in self.document["plan"])
        return done and not any(self._ever_ran(failure) for failure in self.document["failures"])

    def _ever_ran(self, failure):
        return any(
            all(run[name] == failure[name] for name in ("cell", "system", "tuning"))
            for run in self.document["runs"]
        )

    def save(self):
        write_atomically(self.path, json.dumps(self.document, indent=1) + "\n")
