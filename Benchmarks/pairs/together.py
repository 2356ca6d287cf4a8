"""Ten thousand fetches in flight, at a server that waits 200 ms before each answer: how long they take beside the ideal
of the connections that the library allows itself, and how long an event loop stands still meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure import Benchmark, Known
from harness.world import FETCH, World

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS = 128  # to one server: CurlEngine.maxConnectionsPerServer


def benchmarks(world: World) -> Iterator[Benchmark]:
    count = 2_000 if world.is_quick else 10_000
    config = world.cloud(world.nginx.slow, timeoutMs=120_000)
    ideal = -(-count // CONNECTIONS) * world.nginx.WAIT_SECONDS
    yield Benchmark(
        us=world.c_once("together", config, FETCH, count),
        peer=Known({"seconds": ideal}),
        compares={"c": "seconds"},
        reports=["mebibytes", "threads"],
        rounds=2,
    )
    loops = {
        "asyncio": world.python_once("together.py", config, count),
        "node": world.js_once("together.js", config, count),
    }
    for name, us in loops.items():
        yield Benchmark(
            us=us,
            peer=None,
            compares={f"{name}-gap": "gap"},
            reports=["submitting", "seconds", "mebibytes", "threads"],
            rounds=3,
        )
