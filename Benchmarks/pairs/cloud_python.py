"""A fetch through the cloud backend, from Python, beside Descope's official SDK: blocking, and on asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure import Benchmark
from harness.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


def benchmarks(world: World) -> Iterator[Benchmark]:
    for scheme, url in (("http", world.nginx.http), ("https", world.nginx.https)):
        config = world.cloud(url)
        for kind, ours, sdk in (("", "ours", "sdk"), ("async-", "ours-async", "sdk-async")):
            yield Benchmark(
                us=world.python("fetch.py", ours, config),
                peer=world.python("fetch.py", sdk, config),
                compares={f"{kind}{scheme}": "p50"},
                reports=["p99"],
            )
