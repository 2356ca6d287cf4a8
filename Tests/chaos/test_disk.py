"""Disks that are full, broken or read-only, files that are locked or damaged, keys that are missing: a clear error,
nothing half-written, and service goes on when the harm is over."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import sqlite3
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chaos import APP, Call, Process, Vault
from test_killed import FORCED, MOST_STEPS, check_file, imported, state

if TYPE_CHECKING:
    from collections.abc import Iterator

FETCH: Call = ("fetch", {"appId": APP, "userId": "u1"})
SUBJECTS = [(name, APP) for name in ("u1", "u2", "u3")]
BATCH: Call = ("store_tokens", {"tokens": [imported(*each) for each in SUBJECTS]})
NOBODY = 65534  # a user without rights

FAULTS = pytest.mark.parametrize("fault", ["disk full", "disk broken"])


@FAULTS
def test_a_batch_finds_no_room(vault: Vault, fault: str) -> None:
    """Whichever write of the commit finds none, nothing of the batch is kept; once there is room, all of it is."""
    vault.make_app()
    for step in range(1, MOST_STEPS):
        outcome = vault.run(BATCH, first=[], meddle=[fault, step], after=[BATCH])
        assert outcome["status"] == 0
        check_file(vault)
        if "error" not in outcome["results"][0]:
            break
        assert outcome["results"][0]["error"]["code"] == "internal", outcome
        assert outcome["after"] == [{"failures": []}]
        assert state(vault, SUBJECTS) == {"whole"}
        vault.call("delete", appId=APP)
    assert step > 3


@FAULTS
def test_lesson04_a_refresh_finds_no_room(vault: Vault, fault: str) -> None:
    """No room for the lease: nothing is asked for. None for the reply: it waits in memory until there is."""
    vault.make_app()
    vault.connect("u1")
    asked = set()
    for step in range(1, MOST_STEPS):
        before = vault.refreshes().get("ok", 0)
        outcome = vault.run((*FORCED, 0.6), first=[], meddle=[fault, step], after=[FETCH])
        if "error" not in outcome["results"][0]:
            break
        assert outcome["results"][0]["error"]["code"] in ("internal", "timeout"), outcome
        # The provider takes the token that is replaced for dead.
        assert vault.accepts(outcome["after"][0]["token"]["accessToken"]) == "alice"
        asked.add(vault.refreshes().get("ok", 0) - before)
    assert asked == {0, 1}
    assert vault.refreshes().keys() == {"ok"}
    assert vault.grants() == 1


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_what_may_not_be_written_is_said_when_opening(vault: Vault, closed: str) -> None:
    vault.make_app()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = Path(shutil.copy(vault.file, folder))
        path.chmod(0o444 if closed == "file" else 0o666)
        folder.chmod(0o555 if closed == "folder" else 0o777)
        # Root may write everywhere.
        user = {"user": NOBODY} if os.geteuid() == 0 else {}
        opened = vault.run(config={**vault.config, "path": str(path)}, **user)["open"]
        folder.chmod(0o755)
    assert (opened["code"], opened["field"]) == ("invalid_config", "path")
    assert "written" in opened["message"]


@pytest.fixture
def lock(vault: Vault) -> Iterator[sqlite3.Connection]:
    """Another process that may keep the file from being written."""
    connection = sqlite3.connect(vault.file, isolation_level=None, check_same_thread=False)
    yield connection
    connection.close()


def test_a_locked_file_can_be_read_and_is_written_later(vault: Vault, lock: sqlite3.Connection) -> None:
    vault.make_app()
    vault.call(*BATCH[:1], **BATCH[1])
    lock.execute("BEGIN IMMEDIATE")
    answers = vault.run(FETCH, ("delete", {"userId": "u1"}, 0.2), FETCH)["results"]
    assert answers[1]["error"]["code"] == "timeout"
    assert answers[0] == answers[2]
    lock.execute("ROLLBACK")
    assert vault.call("delete", userId="u1")["deleted"] == 1


def test_lesson04_a_reply_that_finds_the_file_locked_is_kept(vault: Vault, lock: sqlite3.Connection) -> None:
    """Locked from when the request left, for some time."""
    vault.make_app()
    vault.connect("u1")
    vault.server.control("POST", "faults", {"path": "/token", "delay": 1})
    vault.process.start({"config": vault.config, "calls": [FORCED]})
    deadline = time.monotonic() + 30
    while not vault.refreshes():
        assert time.monotonic() < deadline
    lock.execute("BEGIN IMMEDIATE")
    threading.Timer(7, lambda: lock.execute("ROLLBACK")).start()
    token = vault.process.finish()["results"][0]["token"]
    assert vault.accepts(token["accessToken"]) == "alice"
    assert vault.refreshes() == {"ok": 1}


def test_damage_anywhere_is_an_error_and_no_crash(vault: Vault) -> None:
    """Bytes changed anywhere, the file cut anywhere: each answer is the right one or an error."""
    vault.make_app()
    vault.call(*BATCH[:1], **BATCH[1])
    whole = vault.file.read_bytes()
    chance = random.Random(7)
    errors = set()
    for number in range(150):
        damaged = bytearray(whole)
        if number % 3 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        else:
            for _ in range(chance.choice([1, 1, 50])):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        for beside in vault.file.parent.glob("vault.db-*"):
            beside.unlink()
        vault.file.write_bytes(damaged)
        calls = [("fetch", {"appId": app, "userId": subject}) for subject, app in SUBJECTS]
        outcome = vault.run(*calls, ("list", {"userId": "u1"}), ("apps.list", {}))
        assert outcome["status"] == 0, f"a crash at number {number}"
        if "open" in outcome:
            assert outcome["open"]["code"] in ("invalid_config", "internal"), outcome
            errors.add("open")
            continue
        for (subject, app), answer in zip(SUBJECTS, outcome["results"]):
            if "error" in answer:
                assert answer["error"]["code"] in ("internal", "not_found"), answer
                errors.add(answer["error"]["code"])
            else:
                assert answer["token"]["accessToken"] == imported(subject, app)["accessToken"]
    assert {"open", "internal"} <= errors


def test_lesson13_a_value_in_another_row_does_not_open(vault: Vault) -> None:
    """Every value of the file in every other row: no call answers with it."""
    vault.make_app()
    vault.make_app("mail")
    vault.call(*BATCH[:1], **BATCH[1])
    vault.call("store_token", **imported("u1", "mail"))
    database = sqlite3.connect(vault.file, isolation_level=None)
    rows = database.execute("SELECT key, value FROM vault").fetchall()
    pairs = [*SUBJECTS, ("u1", "mail")]
    calls = [("fetch", {"appId": app, "userId": subject}) for subject, app in pairs]
    for key, own in rows:
        for other_key, other in rows:
            if other_key == key:
                continue
            database.execute("UPDATE vault SET value = ? WHERE key = ?", (other, key))
            outcome = vault.run(*calls)
            if key == b"v":
                assert outcome["open"]["field"] == "key"
                continue
            failed = 0
            for (subject, app), answer in zip(pairs, outcome["results"]):
                if "error" in answer:
                    failed += answer["error"]["code"] == "internal"
                else:
                    assert answer["token"]["accessToken"] == imported(subject, app)["accessToken"]
            # A fetch reads neither the rows that say who has tokens at an app, nor the audit.
            assert failed > 0 or key[:1] in b"ihl"
        database.execute("UPDATE vault SET value = ? WHERE key = ?", (own, key))
    assert state(vault, pairs) == {"whole"}
    database.close()


def test_a_log_that_was_deleted_takes_no_more_than_itself(vault: Vault) -> None:
    """SQLite's log beside the file holds the latest commits. Without it, the vault is as it was before them."""
    vault.make_app()
    vault.call(*BATCH[:1], **BATCH[1])
    # Ended in the middle of a commit: the log is left.
    outcome = vault.run(("apps.delete", {"id": APP}), first=[], meddle=["kill before", 12])
    assert outcome["status"] != 0
    log = vault.file.with_name("vault.db-wal")
    assert log.stat().st_size > 0
    log.unlink()
    vault.file.with_name("vault.db-shm").unlink(missing_ok=True)
    assert state(vault, SUBJECTS) == {"whole"}
    check_file(vault)


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ({"env": "DESCOPE_CONN_NO_SUCH_KEY"}, "key.env"),
        ({"file": "/nonexistent/key"}, "key.file"),
        ({"bytes": "00ff"}, "key.bytes"),
        ({"bytes": secrets.token_hex(32)}, "key"),
        (None, "key"),
    ],
)
def test_lesson17_no_vault_opens_without_its_key(vault: Vault, key: dict[str, str] | None, field: str) -> None:
    vault.make_app()
    config = {**vault.config, "key": key}
    if key is None:
        del config["key"]
    opened = vault.run(config=config)["open"]
    assert (opened["code"], opened["field"]) == ("invalid_config", field)
    assert len(vault.call("apps.list")["apps"]) == 1


def test_processes_that_make_one_vault_at_a_time_share_it(vault: Vault, meddle: Path) -> None:
    processes = [Process(meddle) for _ in range(4)]
    for number in range(10):
        config = {**vault.config, "path": str(vault.file.with_name(f"{number}.db"))}
        for name, process in zip("abcd", processes):
            process.start({"config": config, "calls": [("apps.create", {"id": name, "appType": "apikey"})]})
        for process in processes:
            outcome = process.finish()
            assert "error" not in outcome["results"][0], outcome
        apps = vault.run(("apps.list", {}), config=config)["results"][0]["apps"]
        assert [app["id"] for app in apps] == ["a", "b", "c", "d"]
    for process in processes:
        process.close()
