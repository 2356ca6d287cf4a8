"""Many fetches in flight on one event loop, which ticks every 10 ms meanwhile: `together.py CONFIG COUNT`.

Prints the longest gap between two ticks once all are submitted, in milliseconds; how long submitting kept the loop; and
seconds, peak of memory and of threads.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import threading
import time
from pathlib import Path

from descope_conn import AsyncClient

TICK = 0.010


async def main(config: str, count: int) -> None:
    ticks: list[float] = []
    ended = False

    async def tick() -> None:
        while not ended:
            ticks.append(time.perf_counter())
            await asyncio.sleep(TICK)

    async with AsyncClient(json.loads(config)) as client:
        await client.fetch_token("crm", user_id="user 7")
        ticking = asyncio.create_task(tick())
        await asyncio.sleep(5 * TICK)
        start = time.perf_counter()
        tasks = [asyncio.create_task(client.fetch_token("crm", user_id="user 7")) for _ in range(count)]
        await asyncio.sleep(0)  # each task runs up to where it waits: that submits it
        submitted = time.perf_counter()
        await asyncio.wait(tasks, timeout=1)
        threads = len(list(Path("/proc/self/task").iterdir()))
        await asyncio.gather(*tasks)
        end = time.perf_counter()
        ended = True
        await ticking
    later = [submitted, *(tick for tick in ticks if tick > submitted)]
    figures = {
        "gap": max(after - before for before, after in zip(later, later[1:])) * 1e3,
        "submitting": (submitted - start) * 1e3,
        "seconds": end - start,
        "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threads": max(threads, threading.active_count()),
    }
    print(json.dumps(figures))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
