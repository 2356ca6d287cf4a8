"""What the first client costs a program in Python that has just started: time and memory, beside the official SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure import Benchmark
from harness.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


def benchmarks(world: World) -> Iterator[Benchmark]:
    config = world.cloud(world.nginx.http)  # the official SDK asks it something when it opens
    yield Benchmark(
        us=world.python_whole("opening.py", "ours", config),
        peer=world.python_whole("opening.py", "sdk", config),
        compares={"time": "milliseconds", "memory": "mebibytes"},
    )
