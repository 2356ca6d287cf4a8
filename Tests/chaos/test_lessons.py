"""What users of other token vaults complain about, played against the real provider; docs/lessons.md lists it all."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from chaos import APP, Call, Vault

FETCH: Call = ("fetch", {"appId": APP, "userId": "u1"})
FORCED: Call = ("fetch", {"appId": APP, "userId": "u1", "options": {"forceRefresh": True}})
CONNECT: Call = ("fetch", {**FORCED[1], "connect": {"redirectUrl": "https://host.example/done"}})


def connected(vault: Vault) -> None:
    vault.make_app()
    vault.connect("u1")


def spoil(vault: Vault, **fault: Any) -> None:
    """The next token request is answered so."""
    vault.server.control("POST", "faults", {"path": "/token", **fault})


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 503, "body": "<html>"}, "unavailable"),
        ({"status": 403, "body": "<html>blocked by a firewall"}, "unavailable"),
        ({"status": 429, "headers": {"Retry-After": "1"}}, "rate_limited"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, "unavailable"),
        ({"body": "<html>maintenance"}, "unavailable"),
        ({"close": "reset"}, "unavailable"),
        ({"status": 401, "body": {"error": "invalid_client"}}, "misconfigured"),
    ],
)
def test_lesson05_an_outage_is_no_revocation(vault: Vault, fault: dict[str, Any], code: str) -> None:
    """The grant stays, the token that lives is answered, and nobody is asked to connect again."""
    connected(vault)
    spoil(vault, **fault)
    failed, lives = vault.run(CONNECT, FETCH)["results"]
    assert failed["error"]["code"] == code, failed
    assert vault.accepts(lives["token"]["accessToken"]) == "alice"
    assert vault.listed("u1")[0]["status"] == "active"
    # A minute later, by the clock of a machine that was started anew.
    assert "token" in vault.run(FORCED, clock=60, boot=1)["results"][0]


def test_lesson06_a_dead_refresh_token_is_tried_once(vault: Vault) -> None:
    connected(vault)
    vault.server.control("POST", "revoke", {"user": "alice"})
    for clock in (0, 60, 3600, 7 * 86400):
        error = vault.run(CONNECT, clock=clock)["results"][0]["error"]
        assert (error["code"], error["reason"]) == ("connection_required", "reauthorize")
    assert vault.refreshes() == {"invalid_grant": 1}


@pytest.mark.parametrize(
    "body",
    [
        {"error": "bad_refresh_token"},
        {"ok": False, "error": "token_revoked"},
        {"access_token": "none", "error": "bad_refresh_token"},
        {"access_token": "none", "ok": False},
        {},
        "",
    ],
)
def test_lesson07_an_error_is_no_token_though_its_status_is_200(vault: Vault, body: Any) -> None:
    connected(vault)
    before = vault.token("u1")["accessToken"]
    spoil(vault, status=200, body=body)
    assert "error" in vault.run(FORCED)["results"][0]
    after = vault.run(FETCH)["results"][0]
    assert "error" in after or after["token"]["accessToken"] == before


def test_lesson08_without_an_expiry_a_rejection_refreshes(vault: Vault) -> None:
    vault.make_app()
    spoil(vault, remove=["expires_in"])
    vault.connect("u1")
    token = vault.run(FETCH, clock=400 * 86400)["results"][0]["token"]
    assert vault.refreshes() == {}
    rejected = hashlib.sha256(token["accessToken"].encode()).hexdigest()
    fresh = vault.call("report_rejected", tokenId=token["id"], tokenHash=rejected, userId="u1")["token"]
    assert vault.accepts(fresh["accessToken"]) == "alice"
    # Lesson 23: whoever else reports the old one gets the new one.
    assert vault.call("report_rejected", tokenId=token["id"], tokenHash=rejected, userId="u1")["token"] == fresh
    assert vault.refreshes() == {"ok": 1}


def test_lesson09_a_reply_without_a_refresh_token_keeps_the_old_one(vault: Vault) -> None:
    vault.server.control("POST", "settings", {"rotate": False})
    connected(vault)
    for number in range(1, 4):
        spoil(vault, remove=["refresh_token"])
        assert vault.accepts(vault.run(FORCED)["results"][0]["token"]["accessToken"]) == "alice"
        assert vault.refreshes() == {"ok": number}


def test_lesson10_an_expired_token_is_never_answered(vault: Vault) -> None:
    vault.server.control("POST", "settings", {"accessSeconds": 100})
    connected(vault)
    old = vault.token("u1")["accessToken"]
    assert vault.token("u1", minTtlSeconds=30)["accessToken"] == old
    assert (
        vault.run(("fetch", {**FETCH[1], "minTtlSeconds": 30}), clock=80)["results"][0]["token"]["accessToken"] != old
    )
    spoil(vault, status=503, times=2)
    assert vault.run(FETCH, clock=300)["results"][0]["error"]["code"] == "unavailable"


def test_lesson19_a_callback_may_come_to_another_process(vault: Vault) -> None:
    """The process that made the connect URL has ended; the same callback twice is exchanged once."""
    vault.make_app()
    callback = vault.authorize("u1")
    answers = [vault.run(("complete", callback))["results"][0] for _ in range(2)]
    assert "tokenId" in answers[0]
    assert answers[1] == answers[0]
    assert vault.server.control("GET", "counts")["authorization_code"] == {"ok": 1}
    # Lesson 20: neither it nor a forged one harms what is there.
    assert vault.error("complete", state="A" * 54, code="forged")["code"] == "not_found"
    assert vault.accepts(vault.token("u1")["accessToken"]) == "alice"


def test_lesson27_a_dead_grant_is_listed_with_its_reason(vault: Vault) -> None:
    """By one call, for a subject as for a connection: which grants live, which do not, why, and since when."""
    vault.make_app()
    vault.connect("u1", "alice")
    vault.connect("u2", "bob")
    vault.server.control("POST", "revoke", {"user": "alice"})
    vault.run(FORCED)
    listed = {token["userId"]: token for token in vault.call("list", appId=APP)["tokens"]}
    assert (listed["u1"]["status"], listed["u1"]["reason"]) == ("needs_reauthorization", "refused")
    assert listed["u1"]["since"] > 0
    assert listed["u2"]["status"] == "active"
    assert vault.listed("u1") == [listed["u1"]]
