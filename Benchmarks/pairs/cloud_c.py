"""A fetch through the cloud backend, in C, beside a bare libcurl loop against the same nginx; and from the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure import Benchmark
from harness.world import BODY, FETCH, KEY, PATH, PROJECT, World

if TYPE_CHECKING:
    from collections.abc import Iterator


def benchmarks(world: World) -> Iterator[Benchmark]:
    for scheme, url in (("http", world.nginx.http), ("https", world.nginx.https)):
        headers = f"Authorization: Bearer {PROJECT}:{KEY}", "Content-Type: application/json"
        yield Benchmark(
            us=world.c("calls", world.cloud(url), FETCH),
            peer=world.c("curl", url + PATH, BODY, *headers),
            compares={scheme: "p50"},
            reports=["p99"],
        )
    cached = world.cloud(world.nginx.http, cache={"ttlSeconds": 3600})
    yield Benchmark(us=world.c("calls", cached, FETCH), peer=None, compares={"cached": "p50"}, reports=["p99"])
