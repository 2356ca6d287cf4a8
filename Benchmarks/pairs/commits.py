"""Stores and deletes that are on the disk when they are answered, beside one fsync for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure import Benchmark
from harness.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


def benchmarks(world: World) -> Iterator[Benchmark]:
    for width in (1, 64):
        us = world.c("commits", world.vault(0), width)
        peer = world.c("commits", world.folder / f"commits-{width}.db")
        us.most = peer.most = 10_000
        yield Benchmark(us=us, peer=peer, compares={f"store-{width}": "store", f"delete-{width}": "delete"})
