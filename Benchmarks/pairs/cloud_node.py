"""A fetch through the cloud backend, from Node, beside Node's own fetch, which is undici and keeps its
connections, and beside Node's older module with an agent that keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure import Benchmark
from harness.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


def benchmarks(world: World) -> Iterator[Benchmark]:
    for scheme, url in (("http", world.nginx.http), ("https", world.nginx.https)):
        config = world.cloud(url)
        for peer, row in (("undici", scheme), ("agent", f"agent-{scheme}")):
            yield Benchmark(
                us=world.js("fetch.js", "ours", config),
                peer=world.js("fetch.js", peer, config),
                compares={row: "p50"},
                reports=["p99"],
            )
