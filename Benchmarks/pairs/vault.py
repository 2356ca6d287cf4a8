"""A fetch from the vault: beside the bare libraries in a loop, by two threads, from Python, and as the vault grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure import Benchmark
from harness.world import FETCH, World

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS = 10_000
ANY = {**FETCH, "userId": "user @"}


def benchmarks(world: World) -> Iterator[Benchmark]:
    config = world.vault(TOKENS)
    yield Benchmark(
        us=world.c("calls", config, ANY, 1, TOKENS),
        peer=world.c("sqlite", world.folder / "bare.db", TOKENS),
        compares={"c": "p50"},
        reports=["p99"],
    )
    yield Benchmark(
        us=world.c("calls", config, ANY, 2, TOKENS),
        peer=world.c("calls", config, ANY, 1, TOKENS),
        compares={"two-threads": "mean"},
    )
    yield Benchmark(
        us=world.python("fetch.py", "ours", config),
        peer=world.c("calls", config, FETCH),
        compares={"python": "p50"},
        reports=["p99"],
    )
    small, large = 1_000, 100_000 if world.is_quick else 1_000_000
    yield Benchmark(
        us=world.c("calls", world.vault(large, 1_400), ANY, 1, large),
        peer=world.c("calls", world.vault(small, 1_400), ANY, 1, small),
        compares={"growth": "p50"},
        reports=["p99"],
    )
