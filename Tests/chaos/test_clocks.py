"""Clocks of different processes differ, and clocks jump. No grant may depend on them."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from chaos import APP, Call, Process, Vault

if TYPE_CHECKING:
    from pathlib import Path

TEN_MINUTES = 600
THREE_HOURS = 3 * 3600
LONGEST_FIRST_BACKOFF = 1.25
CLOCKS = (0, TEN_MINUTES, -TEN_MINUTES)


def test_lesson03_a_lease_holds_whatever_the_clocks_say(vault: Vault, meddle: Path) -> None:
    """The provider takes its time, and the others' clocks say that the lease has long been over, or has not begun."""
    vault.make_app()
    vault.connect("u1")
    processes = [Process(meddle) for _ in CLOCKS]
    for number in range(1, 4):
        current = vault.token("u1")
        vault.server.control("POST", "faults", {"path": "/token", "delay": 1})
        rejected = hashlib.sha256(current["accessToken"].encode()).hexdigest()
        call: Call = ("report_rejected", {"tokenId": current["id"], "tokenHash": rejected, "userId": "u1"})
        # Another one begins each time.
        order = list(zip(processes, CLOCKS))
        for process, clock in order[number % 3 :] + order[: number % 3]:
            process.start({"config": vault.config, "clock": clock, "calls": [call]})
        answers = [process.finish()["results"][0] for process in processes]
        tokens = {answer["token"]["accessToken"] for answer in answers}
        assert len(tokens) == 1
        assert vault.accepts(tokens.pop()) == "alice"
        assert vault.refreshes() == {"ok": number}
    for process in processes:
        process.close()
    assert vault.grants() == 1


def test_lesson03_a_clock_that_is_set_by_hours_takes_no_lease(vault: Vault, meddle: Path) -> None:
    """To some of them the lease began long ago, or will begin. The grant outlives it: no token is sent twice."""
    vault.make_app()
    vault.connect("u1")
    forced: Call = ("fetch", {"appId": APP, "userId": "u1", "options": {"forceRefresh": True}})
    clocks = (0, THREE_HOURS, -THREE_HOURS, 24 * THREE_HOURS)
    processes = [Process(meddle) for _ in clocks]
    vault.server.control("POST", "faults", {"path": "/token", "delay": 1})
    for process, clock in zip(processes, clocks):
        process.start({"config": vault.config, "clock": clock, "calls": [forced]})
    answers = [process.finish()["results"][0] for process in processes]
    for process in processes:
        process.close()
    assert all("token" in answer for answer in answers), answers
    assert vault.refreshes().keys() == {"ok"}
    assert vault.grants() == 1


def test_a_failure_is_waited_out_for_as_long_as_it_is_said(vault: Vault) -> None:
    """A failure that a process with a fast clock has kept does not hold up the others for longer than it lasts."""
    vault.make_app()
    vault.connect("u1")
    forced: Call = ("fetch", {"appId": APP, "userId": "u1", "options": {"forceRefresh": True}})
    vault.server.control("POST", "faults", {"path": "/token", "status": 503})
    assert vault.run(forced, clock=TEN_MINUTES)["results"][0]["error"]["code"] == "unavailable"
    while "error" in (answer := vault.run(forced)["results"][0]):
        assert answer["error"]["retry_after"] <= LONGEST_FIRST_BACKOFF
        time.sleep(answer["error"]["retry_after"])
    assert vault.accepts(answer["token"]["accessToken"]) == "alice"
