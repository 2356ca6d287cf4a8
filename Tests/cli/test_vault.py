"""Making, opening, checking and copying a vault, and what is said when that fails."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli
    from launch import launch


def test_a_vault_is_made_for_nobody_else(cli: Cli) -> None:
    os.umask(0o002)
    cli("init")
    assert cli.vault.stat().st_mode & 0o777 == 0o600
    assert cli.key.stat().st_mode & 0o777 == 0o600
    assert cli.vault.parent.stat().st_mode & 0o777 == 0o700
    assert len(bytes.fromhex(cli.key.read_text())) == 32
    before = cli.key.read_text()
    assert "already a vault" in cli("init", status=7).err
    assert cli.key.read_text() == before


def test_a_vault_is_made_where_it_is_wanted(cli: Cli) -> None:
    made = cli("init", "--vault", "own/v.db", "--json").json
    assert made == {"vault": "own/v.db", "keyFile": "own/v.db.key"}
    assert cli("connections", "list", DESCOPE_CONN_VAULT="own/v.db").out == ""
    key = "ab" * 32
    assert "keyFile" not in cli("init", "--vault", "v2.db", "--json", DESCOPE_CONN_VAULT_KEY=key).json
    assert not (cli.home / "v2.db.key").exists()
    cli("connections", "list", "--vault", "v2.db", DESCOPE_CONN_VAULT_KEY=key)
    (cli.home / "mine").write_text(key)
    (cli.home / "mine").chmod(0o600)
    cli("connections", "list", "--vault", "v2.db", "--key-file", "mine")
    cli("init", XDG_DATA_HOME=str(cli.home / "data"))
    assert (cli.home / "data/descope-conn/vault.db").exists()


def test_nothing_is_left_of_a_vault_that_cannot_be_made(cli: Cli) -> None:
    (cli.home / "taken").write_text("")
    cli("init", "--vault", "taken/v.db", status=5)
    cli("init", "--vault", "v.db", status=3, DESCOPE_CONN_VAULT_KEY="too short")
    assert sorted(path.name for path in cli.home.iterdir()) == ["taken"]


def test_what_is_missing_is_said(vault: Cli) -> None:
    refused = vault("list", "--vault", "/no/such/vault.db", status=3).err
    assert refused == (
        "descope-conn: there is no vault at /no/such/vault.db.\n"
        "Make one with descope-conn init, or name another one with --vault.\n"
    )
    vault.key.rename(vault.home / "key")
    assert "the vault's key is missing" in vault("list", status=3).err
    assert vault("list", "--key-file", "key").out == ""


def test_a_wrong_key_is_said_and_not_shown(vault: Cli) -> None:
    wrong = "cd" * 32
    refused = vault("list", status=3, DESCOPE_CONN_VAULT_KEY=wrong).err
    assert "key" in refused
    assert wrong not in refused


def test_what_is_no_vault_is_not_opened(vault: Cli) -> None:
    (vault.home / "text.db").write_text("nothing of the kind" * 100)
    assert vault("list", "--vault", "text.db", "--key-file", str(vault.key), status=3).err


def test_copies_are_made_and_checked(vault: Cli) -> None:
    vault("backup", "create", "copy.db")
    assert (vault.home / "copy.db").stat().st_mode & 0o777 == 0o600
    vault("backup", "create", "copy.db", status=7)
    assert vault("backup", "check", "copy.db", "--json").json["ok"] is True
    vault("backup", "check", "nothing.db", status=5)
    with sqlite3.connect(vault.home / "copy.db") as copy:
        (table,) = copy.execute("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1").fetchone()
    assert table
    other = vault("init", "--vault", "other.db").out
    assert other
    vault("backup", "check", "copy.db", "--vault", "other.db", status=3)


def test_sealing_keys_are_changed(vault: Cli) -> None:
    vault("connections", "create", "weather", "--api-key")
    (first,) = vault("keys", "list", "--json").json["keys"]
    added = vault("keys", "add").out.strip()
    vault("keys", "activate", added)
    vault("keys", "drop", first["id"], "--yes", status=7)
    assert "again" in vault("keys", "reseal").out
    vault("keys", "drop", first["id"], "--yes")
    assert [key["id"] for key in vault("keys", "list", "--json").json["keys"]] == [added]
    assert vault("keys", "list").lines[0][:2] == [added, "active"]


def test_the_master_key_is_replaced(vault: Cli) -> None:
    vault("connections", "create", "weather", "--api-key")
    replaced = vault("keys", "replace-master", "new.key", "--json").json
    assert replaced["before"] != replaced["after"]
    assert (vault.home / "new.key").stat().st_mode & 0o777 == 0o600
    assert (vault.home / "new.key").read_text().strip() not in "".join(vault.printed)
    vault("list", status=3)
    assert vault("connections", "list", "--key-file", "new.key").out.startswith("weather")
    (vault.home / "new.key").rename(vault.key)
    assert "master key" in vault("audit", "list").out
    vault("keys", "replace-master", str(vault.key), "--key-file", str(vault.key))
    vault("keys", "replace-master", "never.key", "--vault", "/no/vault.db", status=3)
    assert not (vault.home / "never.key").exists()


def test_the_audit_says_who_did_what(vault: Cli) -> None:
    vault("connections", "create", "weather", "--api-key")
    vault("store-api-key", "weather", stdin="key-of-me")
    records = vault("audit", "list", "--json").json
    assert [record["op"] for record in records] == ["apps.create", "store_api_key"]
    assert {record["actor"] for record in records} == {f"cli:{os.environ.get('USER', 'root')}"}
    assert vault("audit", "list", "--last", "1").lines[0][1] == "store_api_key"
    assert vault("audit", "list", "--user", "nobody").out == ""
    anchor = vault("audit", "verify", "--json").json["anchor"]
    (vault.home / "anchor").write_text(anchor)
    vault("audit", "verify", "--anchor-file", "anchor")


def test_a_broken_audit_is_found(vault: Cli) -> None:
    vault("connections", "create", "weather", "--api-key")
    anchor = vault("audit", "verify", "--json").json["anchor"]
    vault("backup", "create", "before.db")
    vault("store-api-key", "weather", stdin="key-of-me")
    anchor = vault("audit", "verify", "--json").json["anchor"]
    (vault.home / "anchor").write_text(anchor)
    vault.vault.write_bytes((vault.home / "before.db").read_bytes())
    for name in ["vault.db-wal", "vault.db-shm"]:
        vault.vault.with_name(name).unlink(missing_ok=True)
    vault("audit", "verify")
    broken = vault("audit", "verify", "--anchor-file", "anchor", status=11)
    assert broken.out.startswith("The audit is broken")


def test_the_doctor_finds_what_is_wrong(crm: Cli, oauth: launch) -> None:
    def levels(*arguments: str, status: int = 0, **variables: str) -> dict[str, str]:
        findings = crm("doctor", *arguments, "--json", status=status, **variables).json
        return {finding["check"]: finding["level"] for finding in findings}

    well = levels("crm")
    well.pop("callback")  # somebody else may have the port
    assert set(well.values()) == {"ok"}
    assert {"certificates", "vault", "audit", "keys", "crm", "provider"} <= set(well)
    crm.key.chmod(0o644)
    assert levels()["key"] == "warning"
    crm.key.chmod(0o600)
    assert levels("nope", status=11)["nope"] == "problem"
    assert levels("--vault", "/no/vault.db", status=11)["vault"] == "problem"
    assert levels(status=11, SSL_CERT_FILE="/no/such/file")["certificates"] == "problem"
    crm("connections", "create", "hub", "--template", "hubspot", "--client-id", "abc")
    assert levels("hub", status=11)["hub"] == "problem"
    crm(
        "connections", "create", "away", "--from", "-", "--public",
        stdin='{"clientId": "x", "authorizationUrl": "http://127.0.0.1:1/a", "tokenUrl": "http://127.0.0.1:1/t"}',
    )  # fmt: skip
    assert levels("away", status=11)["provider"] == "problem"


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everything")
def test_a_file_that_is_not_ones_own(vault: Cli) -> None:
    vault.vault.chmod(0o400)
    assert vault("list", status=3).err
