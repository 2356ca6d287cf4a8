"""A process under test, one after another: reads a job from each line of stdin, forks a child that does it, and prints
what came of it.

A job is an object:

    config   what the child opens
    first    calls to make before anything is meddled with
    calls    the calls to watch, each `[operation, fields]`, or `[operation, fields, seconds]` with a time limit
    after    calls to make when the meddling is over
    meddle   `[mode, step]` of meddle.c, from the first of `calls` on
    user     the number of the user to become
    clock    seconds to add to the child's time of day
    boot     the number of another start of the machine, from which on the child runs
    storm    in place of `calls`: `{"threads": n, "seconds": s, "call": [operation, fields]}`, the call again and again

What came of it: `status` as subprocess has it (0, or minus the signal), `results` and `after` with each call's answer
or error, `steps` that meddle.c counted, `open` with the error if the vault did not open.

Forking is cheap: the interpreter and the library are loaded once. The library itself is opened in the child alone.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
import threading
import time
from typing import Any

from descope_conn import Client, ConnError
from descope_conn._library import load

MODES = {"pass": 0, "kill before": 1, "kill halfway": 2, "disk full": 3, "disk broken": 4}
meddle = ctypes.CDLL(None)
meddle.meddle_arm.argtypes = [ctypes.c_int, ctypes.c_long]
meddle.meddle_clock.argtypes = [ctypes.c_long]
meddle.meddle_steps.restype = ctypes.c_long


def attempt(client: Client, operation: str, fields: dict[str, Any], limit: float | None = None) -> dict[str, Any]:
    try:
        return client.call(operation, fields, timeout=limit)
    except ConnError as error:
        kept = ("field", "reason", "error_code", "retry_after")
        told = {name: getattr(error, name) for name in kept if getattr(error, name) is not None}
        return {"error": {"code": error.code, "message": error.message, **told}}


def storm(client: Client, order: dict[str, Any]) -> dict[str, Any]:
    """Many threads that make one call again and again: how many calls, which tokens by their hash, which errors."""
    operation, fields = order["call"]
    end = time.monotonic() + order["seconds"]
    lock = threading.Lock()
    seen: dict[str, dict[str, int]] = {"tokens": {}, "errors": {}}

    def run() -> None:
        while time.monotonic() < end:
            answer = attempt(client, operation, fields)
            if "error" in answer:
                kind, what = "errors", json.dumps(answer["error"])
            else:
                kind, what = "tokens", hashlib.sha256(answer["token"]["accessToken"].encode()).hexdigest()
            with lock:
                seen[kind][what] = seen[kind].get(what, 0) + 1

    threads = [threading.Thread(target=run) for _ in range(order["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def do(job: dict[str, Any]) -> dict[str, Any]:
    if "user" in job:
        os.setgroups([])
        os.setgid(job["user"])
        os.setuid(job["user"])
    meddle.meddle_clock(job.get("clock", 0))
    meddle.meddle_boot(job.get("boot", 0))
    mode, step = job.get("meddle", ["pass", 0])
    if job.get("first") is None:
        meddle.meddle_arm(MODES[mode], step)
    try:
        client = Client(job["config"])
    except ConnError as error:
        return {"open": {"code": error.code, "field": error.field, "message": error.message}}
    for call in job.get("first") or []:
        attempt(client, *call)
    if "storm" in job:
        results: Any = storm(client, job["storm"])
    else:
        meddle.meddle_arm(MODES[mode], step)
        results = [attempt(client, *call) for call in job["calls"]]
    steps = meddle.meddle_steps()
    meddle.meddle_arm(MODES["pass"], 0)
    after = [attempt(client, *call) for call in job.get("after", [])]
    client.close()
    return {"results": results, "after": after, "steps": steps}


def main() -> None:
    load()
    for line in sys.stdin:
        receiving, sending = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(receiving)
            with os.fdopen(sending, "w") as out:
                json.dump(do(json.loads(line)), out)
            os._exit(0)
        os.close(sending)
        with os.fdopen(receiving) as answer:
            text = answer.read()
        _, status = os.waitpid(child, 0)
        told = json.loads(text) if text else {}
        print(json.dumps({"status": os.waitstatus_to_exitcode(status), **told}), flush=True)


main()
