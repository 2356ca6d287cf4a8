"""A fetch through the cloud backend, from Node, beside Node's own fetch, which is undici and keeps its connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure import Benchmark
from harness.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


def benchmarks(world: World) -> Iterator[Benchmark]:
    for scheme, url in (("http", world.nginx.http), ("https", world.nginx.https)):
        config = world.cloud(url)
        yield Benchmark(
            us=world.js("fetch.js", "ours", config),
            peer=world.js("fetch.js", "undici", config),
            compares={scheme: "p50"},
            reports=["p99"],
        )
