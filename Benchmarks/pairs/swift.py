"""A fetch through the Swift binding, beside C: from the cloud, and from the vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure import Benchmark, Calls, Unavailable
from harness.world import FETCH, World, text

if TYPE_CHECKING:
    from collections.abc import Iterator


def benchmarks(world: World) -> Iterator[Benchmark]:
    program = world.build / "swift/release/fetch"
    if not program.exists():
        raise Unavailable("the Swift programs are not built")
    for row, config in (("cloud", world.cloud(world.nginx.http)), ("vault", world.vault(10_000))):
        us = Calls([str(program), text(config)], {"LD_LIBRARY_PATH": str(world.dist / "lib")})
        yield Benchmark(us=us, peer=world.c("calls", config, FETCH), compares={row: "p50"}, reports=["p99"])
