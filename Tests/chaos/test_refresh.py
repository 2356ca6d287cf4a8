"""Many processes and threads on one vault. The server ends a grant when a spent refresh token comes again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chaos import APP, Process, Vault

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, THREADS = 4, 64


def storm(vault: Vault, meddle: Path, seconds: int, clocks: tuple[int, ...] = (0,) * PROCESSES) -> set[str]:
    """Fetches from all threads of all processes for so long. Gives the hashes of the tokens that they got."""
    processes = [Process(meddle) for _ in clocks]
    call = ("fetch", {"appId": APP, "userId": "u1", "minTtlSeconds": 1})
    tokens: set[str] = set()
    for process, clock in zip(processes, clocks):
        order = {"threads": THREADS, "seconds": seconds, "call": call}
        process.start({"config": vault.config, "clock": clock, "storm": order})
    outcomes = [process.finish() for process in processes]
    for process, outcome in zip(processes, outcomes):
        process.close()
        assert outcome["status"] == 0
        assert outcome["results"]["errors"] == {}
        tokens |= outcome["results"]["tokens"].keys()
    return tokens


@pytest.mark.parametrize(
    ("grace", "life", "seconds"),
    [
        pytest.param(0, 3, 10, id="reuse protection"),
        pytest.param(60, 3, 10, id="grace period"),
        pytest.param(0, 3, 120, id="reuse protection, long", marks=pytest.mark.soak),
        pytest.param(60, 3, 120, id="grace period, long", marks=pytest.mark.soak),
    ],
)
def test_lesson01_each_expiry_takes_one_token_request(
    vault: Vault, meddle: Path, grace: int, life: int, seconds: int
) -> None:
    """Four processes of 64 threads, through several expiries: one token request for each, and the grant lives."""
    vault.server.control("POST", "settings", {"accessSeconds": life, "graceSeconds": grace})
    vault.make_app()
    vault.connect("u1")
    tokens = storm(vault, meddle, seconds)
    refreshes = vault.refreshes()
    assert refreshes.keys() == {"ok"}
    # Every token that the server gave was handed out, or was the first, which may have expired before.
    assert refreshes["ok"] in (len(tokens), len(tokens) - 1)
    # A token is replaced when it has less than a second left, and not earlier: clocks tick in whole seconds.
    assert 3 <= refreshes["ok"] <= seconds / (life - 1) + 2
    assert vault.grants() == 1
    requests = vault.server.control("GET", "requests")["requests"]
    assert all(each["inFlight"] == 1 for each in requests if each["path"] == "/token")
