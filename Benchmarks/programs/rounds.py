"""Rounds of calls, as harness/measure.py orders them."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def serve(call: Callable[[], Any]) -> None:
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter_ns()
            call()
            times.append(time.perf_counter_ns() - start)
        _tell(times)


async def serve_async(call: Callable[[], Awaitable[Any]]) -> None:
    """One after the other: the loop has nothing else to do, so that reading may block it."""
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter_ns()
            await call()
            times.append(time.perf_counter_ns() - start)
        _tell(times)


def _tell(times: list[int]) -> None:
    mean = sum(times) / len(times)
    times.sort()
    figures = {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100], "mean": mean}
    print(json.dumps({name: nanoseconds / 1e3 for name, nanoseconds in figures.items()}), flush=True)
