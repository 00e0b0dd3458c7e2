"""The cells of the matrix: the duration of each, and the figure that represents it."""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Cell:
    name: str  # on the command line and in the results
    title: str
    unit: str
    kind: str  # enqueue, drain, continuous, latency
    options: dict
    higher_is_better: bool = True
    both_tunings: bool = False  # else the best alone, where not asked for
    systems: tuple = ()  # those measured where none are asked for; empty: all
    value: str = "jobs_per_s"  # the figure of a result that represents the cell

    def figure(self, result):
        """None where there is none."""
        return find(result, self.value)


def find(result, path):
    """The value of "a.b" in {"a": {"b": value}}; None where there is none."""
    for part in path.split("."):
        result = result.get(part) if isinstance(result, dict) else None
    return result


PHASES = ("before", "held", "held_last", "after")


def phases(result, window):
    """The mean throughput before, under and after the held transaction.

    `held_last` is its last window: what a longer one would get worse from. A window counts where
    it lies in a phase but for half a second, since nothing begins at a moment exactly.
    """
    start, end, slack = result["held_from_s"], result["held_to_s"], 0.5
    found = {phase: [] for phase in ("before", "held", "after")}
    for index, pace in enumerate(result["windows_jobs_per_s"]):
        begin, finish = index * window, (index + 1) * window
        if finish <= start + slack:
            found["before"].append(pace)
        elif begin >= start - slack and finish <= end + slack:
            found["held"].append(pace)
        elif begin >= end - slack:
            found["after"].append(pace)
    means = {name: statistics.mean(paces) if paces else None for name, paces in found.items()}
    return means | {"held_last": found["held"][-1] if found["held"] else None}


@dataclasses.dataclass(frozen=True)
class Effort:
    repetitions: int
    seconds: float  # of a closed loop
    drain_jobs: int
    drain_cap: int  # seconds that a drain may take
    clean_seconds: int  # of submitting and working at once; as long before and after a hold
    held_seconds: int
    window: int
    latency_seconds: int


FULL = Effort(3, 5, 50_000, 20, 20, 60, 10, 10)
QUICK = Effort(1, 2, 50_000, 5, 6, 9, 3, 3)
# A hold takes minutes: ourselves, the best full job queue, the fastest peer that a hold slows
# down most, and the ceiling. The others where they are asked for.
HELD_SYSTEMS = ("djps", "graphile", "pgmq", "ceiling")


def cells(effort):
    def enqueue(clients, batch=1):
        return {"clients": clients, "batch": batch, "seconds": effort.seconds}

    continuous = {
        "seconds": effort.clean_seconds,
        "window": effort.window,
        "outstanding": 6_000,
        "concurrency": 24,
    }

    def held(hold, what):
        span = {"holdAfter": effort.clean_seconds, "holdFor": effort.held_seconds}
        return Cell(
            f"held-{hold}",
            f"The same while {what} is held",
            "jobs/s",
            "continuous",
            continuous
            | {"seconds": 2 * effort.clean_seconds + effort.held_seconds, "hold": hold}
            | span,
            systems=HELD_SYSTEMS,
            value="phases.held",
        )

    def latency(rate):
        return {"rate": rate, "seconds": effort.latency_seconds, "warmUp": 2, "concurrency": 24}

    drain = {"jobs": effort.drain_jobs, "cap": effort.drain_cap, "concurrency": 24}
    return [
        Cell("enqueue-1", "Single submissions, 1 client", "jobs/s", "enqueue", enqueue(1)),
        Cell("enqueue-16", "Single submissions, 16 clients", "jobs/s", "enqueue", enqueue(16)),
        Cell("enqueue-64", "Single submissions, 64 clients", "jobs/s", "enqueue", enqueue(64)),
        Cell(
            "enqueue-batch", "Batches of 1000, 4 clients", "jobs/s", "enqueue", enqueue(4, 1000)
        ),
        Cell(
            "drain",
            f"Drain of {effort.drain_jobs:,} no-op jobs",
            "jobs/s",
            "drain",
            drain,
            both_tunings=True,
        ),
        Cell("continuous", "Submitting and working at once", "jobs/s", "continuous", continuous),
        held("snapshot", "a snapshot"),
        held("writer", "a transaction that has written"),
        Cell(
            "latency-50",
            "Pickup at 50 jobs/s, p50",
            "ms",
            "latency",
            latency(50),
            False,
            both_tunings=True,
            value="pickup_ms.p50",
        ),
        Cell(
            "latency-500",
            "Pickup at 500 jobs/s, p50",
            "ms",
            "latency",
            latency(500),
            False,
            value="pickup_ms.p50",
        ),
    ]
