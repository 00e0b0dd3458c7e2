"""The cells of the matrix, and how long each takes."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Cell:
    name: str  # on the command line and in the results
    title: str
    unit: str
    kind: str  # enqueue, drain, continuous, latency
    options: dict
    higher_is_better: bool = True
    both_tunings: bool = False  # else the best alone, where not asked for

    def value(self, result):
        """The figure of a result that stands for the cell; None where there is none."""
        if self.kind == "latency":
            return result.get("pickup_ms", {}).get("p50")
        return result.get("jobs_per_s")


@dataclasses.dataclass(frozen=True)
class Effort:
    repetitions: int
    seconds: float  # of a closed loop
    drain_jobs: int
    drain_cap: int  # seconds that a drain may take
    clean_seconds: int
    held_seconds: int
    window: int
    latency_seconds: int


FULL = Effort(3, 5, 50_000, 20, 20, 60, 10, 10)
QUICK = Effort(1, 2, 50_000, 5, 6, 9, 3, 3)


def cells(effort):
    def enqueue(clients, batch=1):
        return {"clients": clients, "batch": batch, "seconds": effort.seconds}

    def continuous(seconds, hold):
        return {
            "seconds": seconds,
            "window": effort.window,
            "hold": hold,
            "outstanding": 6_000,
            "concurrency": 24,
        }

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
        Cell(
            "continuous",
            "Submitting and working at once",
            "jobs/s",
            "continuous",
            continuous(effort.clean_seconds, False),
        ),
        Cell(
            "held",
            "The same beside a held snapshot",
            "jobs/s",
            "continuous",
            continuous(effort.held_seconds, True),
        ),
        Cell(
            "latency-50",
            "Pickup at 50 jobs/s, p50",
            "ms",
            "latency",
            latency(50),
            False,
            both_tunings=True,
        ),
        Cell("latency-500", "Pickup at 500 jobs/s, p50", "ms", "latency", latency(500), False),
    ]
