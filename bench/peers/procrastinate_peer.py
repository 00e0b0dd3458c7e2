"""Procrastinate: https://procrastinate.readthedocs.io"""

import asyncio
import contextlib

from fresh import JOB, fresh_database
from procrastinate import App, PsycopgConnector

DATABASE = "bench_procrastinate"


def make_app(connections):
    connector = PsycopgConnector(conninfo=f"dbname={DATABASE}", min_size=1, max_size=connections)
    return App(connector=connector)


async def prepare():
    await fresh_database(DATABASE)
    async with make_app(2).open_async() as app:
        await app.schema_manager.apply_schema_async()


class Producer:
    def __init__(self, app):
        self.task = app.configure_task("email")

    async def submit(self, count=1, due=0):
        if count == 1:
            await self.task.defer_async(t=due, **JOB)
        else:
            await self.task.batch_defer_async(*[{"t": 0, **JOB}] * count)


@contextlib.asynccontextmanager
async def producer(connections):
    async with make_app(connections).open_async() as app:
        yield Producer(app)


@contextlib.asynccontextmanager
async def worker(tuning, concurrency, on_job):
    # https://procrastinate.readthedocs.io/en/stable/howto/basics/worker.html: concurrency is 1 by
    # default; it is woken up by LISTEN/NOTIFY, so polling does not decide.
    options = {"concurrency": concurrency if tuning == "best" else 1}
    app = make_app(concurrency + 2)

    @app.task(name="email")
    async def email(t=0, **_):
        on_job(t)

    async with app.open_async():
        running = asyncio.create_task(
            app.run_worker_async(install_signal_handlers=False, **options)
        )
        yield
        running.cancel()
        await asyncio.wait([running], timeout=5)
