#!/usr/bin/env python3
"""A worker in Python, standard library only: works until SIGINT or SIGTERM."""
import json, os, signal, socket, threading, urllib.request

SERVER = os.environ.get("DJPS_SERVER", "http://127.0.0.1:3000")
NAME = f"{socket.gethostname()}/{os.getpid()}"
LEASE_MS = 30_000
stop, waiting = threading.Event(), threading.Event()

def call(operation, **body):
    headers = {"Content-Type": "application/json"}
    if "DJPS_TOKEN" in os.environ:
        headers["Authorization"] = "Bearer " + os.environ["DJPS_TOKEN"]
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{SERVER}/worker/{operation}", data, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)

def add_up(job, report):
    """{"numbers": [...]} to their sum. A later attempt goes on where an earlier one stopped."""
    numbers = job["payload"]["numbers"]
    state = job["checkpoint"] or {"next": 0, "sum": 0}
    for index in range(state["next"], len(numbers)):
        state = {"next": index + 1, "sum": state["sum"] + numbers[index]}
        report(percent=100 * (index + 1) / len(numbers), checkpoint=state)
    return state["sum"]

HANDLERS = {"add_up": add_up}

def heartbeat(lease, done):
    while not done.wait(LEASE_MS / 3000):
        try:
            call("heartbeat", worker=NAME, leases=[lease], leaseMs=LEASE_MS)
        except OSError as error:
            print("heartbeat:", error)

def work(job):
    held = {"id": job["id"], "leaseToken": job["lease_token"]}
    done = threading.Event()
    threading.Thread(target=heartbeat, args=(job["lease_token"], done), daemon=True).start()
    try:
        result = HANDLERS[job["type"]](job, lambda **what: call("progress", **held, **what))
    except Exception as error:
        call("fail", **held, errorClass=type(error).__name__, message=str(error))
    else:
        call("complete", **held, result=result)
    finally:
        done.set()

def claim():
    waiting.set()
    try:
        wanted = {"types": list(HANDLERS), "leaseMs": LEASE_MS, "waitMs": 20_000}
        return call("claim", worker=NAME, **wanted)["jobs"]
    finally:
        waiting.clear()

def end(*_):
    stop.set()
    if waiting.is_set():  # for a job: end at once
        raise SystemExit

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, end)
while not stop.is_set():
    try:
        for job in claim():
            work(job)
    except OSError as error:  # the server is away, or the lease was lost (409): go on
        print(error)
        stop.wait(1)
