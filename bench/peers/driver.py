"""One measurement of a peer that is a Python library: driver.py PEER TUNING CELL JSON-OPTIONS

Prints one line of JSON, as driver.mjs does. PEER names a module here:

    DATABASE                         where its jobs are
    await prepare()                  makes that anew
    producer(connections)            async context manager of something with await submit(count, due)
    worker(tuning, concurrency, on_job)   async context manager; while it is open, jobs are worked on
"""

import asyncio
import functools
import importlib
import json
import math
import multiprocessing
import pathlib
import re
import sys
import time

import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
peer = importlib.import_module(sys.argv[1])


def work(tuning, concurrency, shared, pipe):
    """The process that works."""
    latencies = []

    def on_job(due):
        now = time.monotonic_ns()
        if due > 0:
            latencies.append((now - due) / 1e6)
        shared["last"].value = now
        shared["done"].value += 1

    async def run():
        shared["start"].value = time.monotonic_ns()
        async with peer.worker(tuning, concurrency, on_job):
            await asyncio.to_thread(pipe.recv)

    asyncio.run(run())
    with open("/proc/self/status", encoding="utf-8") as status:
        peak = int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) * 1024
    pipe.send({"latencies": latencies, "memory": peak})


class Worker:
    def __init__(self, tuning, concurrency):
        kinds = {"done": "q", "last": "q", "start": "q"}
        self.shared = {name: multiprocessing.Value(kind) for name, kind in kinds.items()}
        self.pipe, other = multiprocessing.Pipe()
        arguments = (tuning, concurrency, self.shared, other)
        self.process = multiprocessing.Process(target=work, args=arguments, daemon=True)
        self.process.start()

    @property
    def done(self):
        return self.shared["done"].value

    def seconds(self):
        return (self.shared["last"].value - self.shared["start"].value) / 1e9

    def stop(self):
        self.pipe.send("stop")
        return self.pipe.recv() if self.pipe.poll(10) else {"latencies": [], "memory": None}


async def log_position():
    connection = await psycopg.AsyncConnection.connect(f"dbname={peer.DATABASE}")
    async with connection:
        query = "select (pg_current_wal_insert_lsn() - '0/0')::int8"
        return (await (await connection.execute(query)).fetchone())[0]


async def enqueue(_worker, producer, options):
    batch = options["batch"]
    await producer.submit(batch)
    log = await log_position()
    jobs = 0
    begin = time.monotonic()

    async def loop():
        nonlocal jobs
        while time.monotonic() < begin + options["seconds"]:
            await producer.submit(batch)
            jobs += batch

    await asyncio.gather(*[loop() for _ in range(options["clients"])])
    took = time.monotonic() - begin
    written = round((await log_position() - log) / jobs)
    return {"jobs": jobs, "seconds": took, "jobs_per_s": jobs / took, "wal_bytes_per_job": written}


async def drain(start, producer, options):
    log = await log_position()
    for sent in range(0, options["jobs"], 1000):
        await producer.submit(min(1000, options["jobs"] - sent))
    worker = start()
    end = time.monotonic() + options["cap"]
    while worker.done < options["jobs"] and time.monotonic() < end:
        await asyncio.sleep(0.01)
    done, seconds = worker.done, worker.seconds()
    memory = worker.stop()["memory"]
    if done == 0:
        raise RuntimeError("no job was done")
    result = {"jobs": done, "seconds": seconds, "jobs_per_s": done / seconds}
    if done >= options["jobs"]:
        result["wal_bytes_per_job"] = round((await log_position() - log) / done)
    return result | {"worker_peak_memory_bytes": memory}


async def hold(options, begin):
    """What `djps bench continuous` holds, from `holdAfter` on for `holdFor`."""

    async def until(second):
        await asyncio.sleep(begin + second - time.monotonic())

    await until(options["holdAfter"])
    held = await psycopg.AsyncConnection.connect(f"dbname={peer.DATABASE}", autocommit=True)
    level = "isolation level repeatable read" if options["hold"] == "snapshot" else ""
    await held.execute(f"begin {level}")
    await held.execute("select pg_current_xact_id()")
    start = time.monotonic() - begin
    await until(options["holdAfter"] + options["holdFor"])
    await held.close()
    return {"held_from_s": start, "held_to_s": time.monotonic() - begin}


async def warm_up(worker):
    """What comes before the first finished job is no part of what is measured."""
    end = time.monotonic() + 20
    while worker.done == 0 and time.monotonic() < end:
        await asyncio.sleep(0.001)


async def until_done(worker, jobs):
    end = time.monotonic() + 30
    while worker.done < jobs:
        if time.monotonic() > end:
            raise RuntimeError(f"only {worker.done} of {jobs} jobs were done within 30 s")
        await asyncio.sleep(0.05)


async def continuous(start, producer, options):
    worker = start()
    sent, over = 0, False

    async def produce():
        nonlocal sent
        while not over:
            if sent - worker.done + 200 > options["outstanding"]:
                await asyncio.sleep(0.001)
                continue
            sent += 200
            await producer.submit(200)

    producers = [asyncio.create_task(produce()) for _ in range(2)]
    await warm_up(worker)
    began_at, begin, windows = time.time(), time.monotonic(), []
    held = asyncio.create_task(hold(options, begin)) if options.get("hold") else None
    base = before = worker.done
    for index in range(1, options["seconds"] // options["window"] + 1):
        await asyncio.sleep(begin + index * options["window"] - time.monotonic())
        done = worker.done
        windows.append((done - before) / options["window"])
        before = done
    over = True
    await asyncio.gather(*producers)
    memory = worker.stop()["memory"]
    result = {
        "jobs": before - base,
        "jobs_per_s": (before - base) / options["seconds"],
        "began_at_unix_s": began_at,
        "windows_jobs_per_s": windows,
        "worker_peak_memory_bytes": memory,
    }
    return result | (await held if held else {})


async def latency(start, producer, options):
    worker = start()
    warmed = 800
    for _ in range(50):
        await asyncio.gather(*[producer.submit() for _ in range(16)])
    await until_done(worker, warmed)
    rate = options["rate"]
    begin = time.monotonic_ns()
    total = round(rate * (options["seconds"] + options["warmUp"]))
    places = iter(range(total))

    async def send():
        # Each takes the next place in the schedule; what is sent late counts from when it was due.
        for place in places:
            due = begin + place * 1_000_000_000 // rate
            await asyncio.sleep(max(0, due - time.monotonic_ns()) / 1e9)
            await producer.submit(due=due if place >= rate * options["warmUp"] else 0)

    await asyncio.gather(*[send() for _ in range(16)])
    await until_done(worker, warmed + total)
    found = sorted(worker.stop()["latencies"])
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999, "max": 1}
    pickup = {
        name: found[math.ceil(share * len(found)) - 1]
        for name, share in shares.items()
    }
    return {"jobs": total, "measured": len(found), "pickup_ms": pickup}


async def measure(tuning, cell, options):
    await peer.prepare()
    cells = {"enqueue": enqueue, "drain": drain, "continuous": continuous, "latency": latency}
    async with peer.producer(min(options.get("clients", 16), 16)) as producer:
        start = functools.partial(Worker, tuning, options.get("concurrency"))
        return await cells[cell](start, producer, options)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    print(json.dumps(asyncio.run(measure(sys.argv[2], sys.argv[3], json.loads(sys.argv[4])))))
