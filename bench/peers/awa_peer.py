"""awa: https://github.com/hardbyte/awa, a queue in Rust, by its Python library (awa-pg)."""

import contextlib
import dataclasses
import os

import awa
from fresh import JOB, fresh_database

DATABASE = "bench_awa"
QUEUE = "email"


@dataclasses.dataclass
class Email:
    t: int
    to: str
    subject: str
    body: str


def connect(connections):
    host, port, user = (os.environ[name] for name in ("PGHOST", "PGPORT", "PGUSER"))
    url = f"postgres://{user}@localhost:{port}/{DATABASE}?host={host}"
    return awa.AsyncClient(url, max_connections=connections)


async def prepare():
    await fresh_database(DATABASE)
    async with connect(2) as client:
        await client.migrate()
        # A new installation goes over to this storage when its first worker starts; jobs that were
        # submitted before that would lie in the old one.
        await client.install_queue_storage()


class Producer:
    def __init__(self, client):
        self.client = client

    async def submit(self, count=1, due=0):
        if count == 1:
            await self.client.insert(Email(due, **JOB), queue=QUEUE)
        else:
            # "for high-volume producers": its README, COPY ingestion.
            await self.client.enqueue_many_copy([Email(0, **JOB)] * count, queue=QUEUE)


@contextlib.asynccontextmanager
async def producer(connections):
    async with connect(connections) as client:
        yield Producer(client)


# "best": its documents (docs/configuration.md, AsyncClient.start) have these for a hot queue:
#   max_workers       its own published comparison has 256; a thousand drained faster here
#   poll_interval_ms  what is not announced is found sooner than after 200 ms
# and claimers, more loops that claim for the same workers, which they say to try: two and four
# made it slower on two cores.
def options(tuning, concurrency):
    if tuning != "best":
        return [(QUEUE, concurrency)], {}
    return [{"name": QUEUE, "max_workers": 1000}], {"poll_interval_ms": 20}


@contextlib.asynccontextmanager
async def worker(tuning, concurrency, on_job):
    async with connect(concurrency + 2) as client:

        @client.task(Email, queue=QUEUE)
        async def email(job):
            on_job(job.args.t)

        queues, more = options(tuning, concurrency)
        await client.start(queues, **more)
        yield
        await client.shutdown(2000)
