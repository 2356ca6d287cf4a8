"""A process is ended by SIGKILL at each of its steps. Whoever opens the vault next finds all of it, or what was before.

A step is a system call with an effect: a write, a sync, a send, a receive. Each is tried twice: with the process ended
before it, and in the middle of it, so that half of the bytes are written.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from chaos import APP, Call, Vault, app_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_STEPS = 400
SIGKILL = -9
# Who comes next runs after the machine was started anew: any lease of the dead is over.
LATER = {"clock": 2 * 3600, "boot": 1}

KILLS = pytest.mark.parametrize("kill", ["kill before", "kill halfway"])


def killed(vault: Vault, kill: str, call: Call) -> Iterator[int]:
    """Ends the process at the first step of the call, then at the second, until it gets through. Yields in between."""
    for step in range(1, MOST_STEPS):
        outcome = vault.run(call, first=[], meddle=[kill, step])
        if outcome["status"] == 0:
            assert "error" not in outcome["results"][0], outcome
            assert step > 3, "nothing was cut off"
            return
        assert outcome["status"] == SIGKILL
        yield step
        check_file(vault)
    raise AssertionError("the call never gets through")


def check_file(vault: Vault) -> None:
    """SQLite finds nothing wrong, and each token stands in both of its rows (RowKey.swift) or in none."""
    database = sqlite3.connect(vault.file)
    try:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        keys = [key for (key,) in database.execute("SELECT key FROM vault")]
    finally:
        database.close()
    tokens = {key[1:33] + key[33:49] + key[49:] for key in keys if key[:1] == b"t"}
    pointers = {key[17:49] + key[1:17] + key[49:] for key in keys if key[:1] == b"i"}
    assert tokens == pointers


def imported(subject: str, app: str = APP) -> dict[str, Any]:
    return {"appId": app, "userId": subject, "accessToken": f"token of {subject} at {app}", "scopes": ["read"]}


def state(vault: Vault, pairs: list[tuple[str, str]]) -> set[str]:
    """What the imported tokens of these subjects and apps are: "whole" and "missing" are the ones there should be."""
    calls = [("fetch", {"appId": app, "userId": subject}) for subject, app in pairs]
    found = set()
    for (subject, app), answer in zip(pairs, vault.run(*calls)["results"]):
        if "error" in answer:
            found.add(answer["error"].get("reason", answer["error"]["message"]))
        else:
            whole = answer["token"]["accessToken"] == imported(subject, app)["accessToken"]
            found.add("whole" if whole else "wrong")
    return found


@pytest.fixture
def bystander(vault: Vault) -> Iterator[None]:
    """Somebody whom it does not concern, and who has his token before and after."""
    vault.call("apps.create", id="keys", appType="apikey")
    vault.call("store_api_key", appId="keys", userId="bystander", apiKey="the bystander's")
    yield
    assert vault.token("bystander", "keys")["accessToken"] == "the bystander's"


pytestmark = pytest.mark.usefixtures("bystander")

FORCED: Call = ("fetch", {"appId": APP, "userId": "u1", "options": {"forceRefresh": True}})


@KILLS
def test_lesson04_a_refresh_that_is_cut_off_loses_no_grant(vault: Vault, kill: str) -> None:
    """With a provider that answers a spent refresh token for a while, the next process always gets a token."""
    vault.server.control("POST", "settings", {"graceSeconds": 60})
    vault.make_app()
    vault.connect("u1")
    for _ in killed(vault, kill, FORCED):
        before = sum(vault.refreshes().values())
        answer = vault.run(FORCED, **LATER)["results"][0]
        assert vault.accepts(answer["token"]["accessToken"]) == "alice"
        assert sum(vault.refreshes().values()) == before + 1
        assert vault.grants() == 1
    assert vault.refreshes().keys() == {"ok", "grace"}


@KILLS
def test_lesson04_what_nobody_can_save_is_uncertain_and_not_tried_forever(vault: Vault, kill: str) -> None:
    """Without such a while, a reply that is lost with its process takes the grant along. That is said, once for all."""
    vault.make_app()
    vault.connect("u1")
    seen = set()
    for _ in killed(vault, kill, FORCED):
        spent = vault.refreshes()
        answer = vault.run(FORCED, **LATER)["results"][0]
        if "error" not in answer:
            seen.add("saved")
            assert vault.accepts(answer["token"]["accessToken"]) == "alice"
            continue
        # Lost, which may only be where the provider had done its part.
        seen.add("lost")
        assert vault.refreshes()["ok"] == spent["ok"]
        assert vault.refreshes()["reuse"] == spent.get("reuse", 0) + 1
        assert answer["error"]["reason"] == "reauthorize"
        (token,) = vault.listed("u1")
        assert (token["status"], token["reason"]) == ("needs_reauthorization", "uncertain")
        asked = vault.refreshes()
        for _ in range(3):
            assert vault.run(FORCED, **LATER)["results"][0]["error"]["reason"] == "reauthorize"
        assert vault.refreshes() == asked
        vault.connect("u1")
    assert seen == {"saved", "lost"}


@KILLS
def test_a_completion_that_is_cut_off_leaves_the_old_grant_or_the_new_one(vault: Vault, kill: str) -> None:
    vault.make_app()
    vault.connect("u1")
    callback: dict[str, Any] = vault.authorize("u1")
    step = 0
    while True:
        step += 1
        outcome = vault.run(("complete", callback), first=[], meddle=[kill, step])
        assert vault.accepts(vault.token("u1")["accessToken"]) == "alice"
        assert len(vault.listed("u1")) == 1
        check_file(vault)
        if outcome["status"] == 0:
            break
        assert outcome["status"] == SIGKILL
        # The same callback once more: it is taken, or its state or its code was used.
        again = vault.run(("complete", callback))["results"][0]
        assert again.get("error", {}).get("code") in (None, "not_found", "provider_error"), again
        more = vault.run(("complete", callback))["results"][0]
        assert more == again or more["error"]["code"] == "not_found"
        callback = vault.authorize("u1")
    assert "tokenId" in outcome["results"][0]
    assert step > 3


@KILLS
def test_a_deletion_that_is_cut_off_is_done_or_not(vault: Vault, kill: str) -> None:
    vault.config["audit"] = "off"  # each round takes the same steps then, so that the last one is cut off too
    apps = [APP, "mail", "files"]
    for app in apps:
        vault.make_app(app)
    mine, others = [("u1", app) for app in apps], [("u2", app) for app in apps]
    for subject, app in mine + others:
        vault.call("store_token", **imported(subject, app))
    seen = set()
    for _ in killed(vault, kill, ("delete", {"userId": "u1"})):
        found = state(vault, mine)
        assert len(found) == 1, found
        seen |= found
        assert state(vault, others) == {"whole"}
        for subject, app in mine:
            vault.call("store_token", **imported(subject, app))
    assert seen == {"whole", "missing"}
    assert state(vault, mine) == {"missing"}


@KILLS
def test_lesson15_a_deletion_that_is_cut_off_leaves_no_grant_behind(vault: Vault, kill: str) -> None:
    """The token is in the vault yet, or its provider revokes it, by whoever comes next."""
    vault.call("apps.create", **app_settings(vault.server, APP), revocationUrl=f"{vault.server.url}/revoke")
    seen = set()
    vault.connect("u1")
    for _ in killed(vault, kill, ("delete", {"userId": "u1"})):
        if vault.listed("u1"):
            seen.add("whole")
            assert vault.grants() == 1
            continue
        seen.add("deleted")
        run = vault.run(("revocations.run", {}), **LATER)["results"][0]
        assert run["pending"] == run["failed"] == 0, run
        assert vault.grants() == 0
        vault.connect("u1")
    assert seen == {"whole", "deleted"}
    assert vault.grants() == 0


@KILLS
def test_a_connection_whose_deletion_is_cut_off_is_there_or_gone(vault: Vault, kill: str) -> None:
    subjects = [(name, APP) for name in ("u1", "u2", "u3")]
    vault.make_app("mail")
    vault.call("store_token", **imported("u1", "mail"))
    seen = set()

    def fill() -> None:
        vault.make_app()
        assert state(vault, subjects) == {"missing"}, "a new connection has tokens of an old one"
        for subject, app in subjects:
            vault.call("store_token", **imported(subject, app))

    fill()
    for _ in killed(vault, kill, ("apps.delete", {"id": APP})):
        found = state(vault, subjects)
        seen |= found
        assert found in ({"whole"}, {"app"}), found
        assert state(vault, [("u1", "mail")]) == {"whole"}
        if found == {"app"}:
            fill()
    assert seen == {"whole", "app"}
    fill()


@KILLS
def test_a_batch_that_is_cut_off_is_kept_whole_or_not_at_all(vault: Vault, kill: str) -> None:
    vault.config["audit"] = "off"  # each round takes the same steps then, so that the last one is cut off too
    vault.make_app()
    subjects = [(name, APP) for name in ("u1", "u2", "u3")]
    seen = set()
    batch = {"tokens": [imported(*each) for each in subjects]}
    for _ in killed(vault, kill, ("store_tokens", batch)):
        found = state(vault, subjects)
        assert len(found) == 1, found
        seen |= found
        vault.call("delete", appId=APP)
    assert seen == {"whole", "missing"}
    assert state(vault, subjects) == {"whole"}


@KILLS
def test_lesson16_a_resealing_that_is_cut_off_leaves_no_row_without_its_key(vault: Vault, kill: str) -> None:
    """All rows open at each moment, the next call carries on, and a key goes when no row needs it any more."""
    vault.make_app()
    vault.connect("u1")
    subjects = [(f"user {number}", APP) for number in range(50)]
    vault.call("store_tokens", tokens=[imported(*each) for each in subjects])

    def add_key() -> None:
        vault.call("keys.activate", id=vault.call("keys.add")["id"])

    def drop_others() -> None:
        for key in vault.call("keys.list")["keys"]:
            if not key["active"]:
                vault.call("keys.drop", id=key["id"])

    vault.config["audit"] = "off"  # records of each round would be more to do for the next one
    add_key()
    rest = set()
    for _ in killed(vault, kill, ("keys.reseal", {})):
        assert state(vault, subjects) == {"whole"}
        rest.add(sum(key["rows"] for key in vault.call("keys.list")["keys"] if not key["active"]))
        assert vault.call("keys.reseal")["unreadable"] == 0
        drop_others()
        add_key()  # as much to do for the next one
    assert len(rest) > 2, "it was never cut off between two pages"
    assert 0 in rest
    drop_others()
    assert state(vault, subjects) == {"whole"}
    assert vault.accepts(vault.token("u1")["accessToken"]) == "alice"
    assert vault.call("audit.verify")["ok"]


@KILLS
def test_a_vault_whose_making_is_cut_off_is_made_by_the_next(vault: Vault, kill: str) -> None:
    vault.config["path"] = str(vault.file.with_name("new.db"))
    for step in range(1, MOST_STEPS):
        for file in vault.file.parent.glob("new.db*"):
            file.unlink()
        call = ("apps.create", app_settings(vault.server, APP))
        outcome = vault.run(call, meddle=[kill, step], first=None)
        if outcome["status"] == 0:
            break
        again = vault.run(("apps.list", {}), call)
        assert "results" in again, again
        listed = again["results"][0]["apps"]
        assert again["results"][1].get("error", {}).get("code") == ("conflict" if listed else None)
    assert step > 3
    vault.config["path"] = str(vault.file)
