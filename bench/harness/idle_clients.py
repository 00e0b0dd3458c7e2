"""HTTP clients by the thousand that do next to nothing, in a process of their own.

idle_clients.py PORT COUNT poll     workers that wait for jobs of a type that never come
idle_clients.py PORT COUNT silent   connections that have asked once and stay open

Says "ready" when all are there, and ends at the end of its input.
"""

import asyncio
import json
import sys

OPEN_AT_ONCE = 100


def request(method, path, body=""):
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def read_answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = 0
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    await reader.readexactly(length)
    return int(head.split(" ", 2)[1])


async def poll(reader, writer, number):
    body = {"worker": f"idle/{number}", "types": ["idle"], "waitMs": 60_000}
    while True:
        writer.write(request("POST", "/worker/claim", json.dumps(body)))
        status = await read_answer(reader)
        if status != 200:
            raise RuntimeError(f"a claim was answered with {status}")


async def main(port, count, kind):
    gate = asyncio.Semaphore(OPEN_AT_ONCE)
    connections = []

    async def open_one(number):
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            # Any answer will do: one that asks nothing of the database.
            writer.write(request("GET", "/nothing-is-here"))
            await read_answer(reader)
            connections.append((reader, writer, number))

    await asyncio.gather(*[open_one(number) for number in range(count)])
    waiting = []
    if kind == "poll":
        waiting = [asyncio.create_task(poll(*connection)) for connection in connections]
    print("ready", flush=True)
    # Not in a thread, which would keep the process when a client has failed.
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, over.set)
    ends = [asyncio.create_task(over.wait()), *waiting]
    done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()  # a client that failed is an error


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
