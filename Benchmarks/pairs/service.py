"""A fetch over HTTP from the service, beside a bare route of the same web framework that answers the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import servers
from harness.measure import Benchmark
from harness.world import BODY, PATH, PROJECT, World

if TYPE_CHECKING:
    from collections.abc import Iterator


def benchmarks(world: World) -> Iterator[Benchmark]:
    url, key = world.service
    headers = {"Authorization": f"Bearer {PROJECT}:{key}", "Content-Type": "application/json"}
    lines = [f"{name}: {value}" for name, value in headers.items()]
    answer = servers.post(url + PATH, BODY, headers)
    with servers.route(world.folder, world.build / "swift/release/route", answer) as bare:
        yield Benchmark(
            us=world.c("curl", url + PATH, BODY, *lines),
            peer=world.c("curl", bare + PATH, BODY, *lines),
            compares={"fetch": "p50"},
            reports=["p99"],
        )
        sdk = {"projectId": PROJECT, "managementKey": key}
        yield Benchmark(
            us=world.python("fetch.py", "sdk", {**sdk, "baseUrl": url}),
            peer=world.python("fetch.py", "sdk", {**sdk, "baseUrl": bare}),
            compares={"sdk": "p50"},
            reports=["p99"],
        )
