"""What only a vault has: its own settings, and who asks."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certs
import pytest
from recorded import Recorded

from descope_conn import AsyncClient, Client, ForbiddenError, InvalidConfigError, InvalidRequestError
from descope_conn._wire import camel_case

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = {"bytes": "0a" * 32}
CONFIGURATION = Path(__file__).parents[3] / "docs" / "configuration.md"

SETTINGS: Mapping[str, Any] = {
    "other_keys": [{"bytes": "0b" * 32}],
    "audit": "all",
    "audit_days": 30,
    "allow_export": True,
    "redirect_url": "https://app.example.com/callback",
    "connect_page_url": "https://app.example.com/connect",
    "connect_ttl_seconds": 120,
    "require_opener": False,
    "timeout": 2.5,
    "allow_private_addresses": True,
    "proxy": "",
}


def test_a_vault_takes_all_its_settings_together(tmp_path: Path) -> None:
    certs.make(tmp_path)
    with Client.vault(path=tmp_path / "vault.db", key=KEY, ca_file=tmp_path / "ca.pem", **SETTINGS) as vault:
        vault.apps.create(id="mail")
        assert [record.op for record in vault.audit.list()] == ["apps.create"]


def test_the_keys_come_with_the_master_key(tmp_path: Path) -> None:
    with Client.vault(path=tmp_path / "vault.db", key=KEY) as vault:
        told = vault.call("keys.list")
        keys = vault.keys.list()
        assert keys.master_key == told["masterKey"]
        assert [key.id for key in keys] == [key["id"] for key in told["keys"]]
        assert len(keys) == 1


def test_waits_are_in_seconds(tmp_path: Path) -> None:
    client = Recorded()
    client.run_revocations(wait=0.25)
    client.device.poll("flow", wait=0.25)
    client.mcp.resume("tools/call", "n", request_state="s", wait=0.25, user_id="u")
    assert [json.loads(call.request)["waitMs"] for call in client.calls] == [250, 250, 250]
    with Client.vault(path=tmp_path / "audited.db", key=KEY, audit="all") as vault:
        vault.apps.create(id="mail")
        (record,) = vault.audit.list()
        assert abs(record.time - time.time()) < 600


@pytest.mark.parametrize(
    ("argument", "wrong", "field"),
    [
        ("store", {"plugin": "/none.so"}, "store"),
        ("other_keys", [{"bytes": "short"}], "otherKeys[0]"),
        ("create", "yes", "create"),
        ("audit", "some", "audit"),
        ("audit_days", 0, "auditDays"),
        ("allow_export", "yes", "allowExport"),
        ("redirect_url", "nowhere", "redirectUrl"),
        ("connect_page_url", "nowhere", "connectPageUrl"),
        ("connect_ttl_seconds", 59, "connectTtlSeconds"),
        ("require_opener", "yes", "requireOpener"),
        ("timeout", 0.999, "timeoutMs"),
        ("allow_private_addresses", "yes", "allowPrivateAddresses"),
        ("ca_file", "", "caFile"),
        ("proxy", "nothing:at all", "proxy"),
    ],
)
def test_a_setting_reaches_the_library(tmp_path: Path, argument: str, wrong: Any, field: str) -> None:
    with pytest.raises(InvalidConfigError) as failure:
        Client.vault(path=tmp_path / "vault.db", key=KEY, **{argument: wrong})
    assert (failure.value.field or "").startswith(field)


def test_what_a_setting_is_when_absent_is_up_to_the_library(tmp_path: Path) -> None:
    with Client.vault(path=tmp_path / "vault.db", key=KEY) as vault, pytest.raises(ForbiddenError, match="allowExport"):
        vault.export_tokens()


@pytest.mark.parametrize("backend", ["cloud", "vault"])
def test_the_constructors_take_what_the_manual_lists(backend: str) -> None:
    section = CONFIGURATION.read_text().split(f"\n## `{backend}`\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    listed = {name.split(".")[0] for row in rows for name in re.findall(r"`(.+?)`", row)}
    # Both in Python's own way: a timeout is in seconds, and of "retry" there is only the number of attempts.
    ours = {"timeout": "timeoutMs", "retry_attempts": "retry"}
    parameters = inspect.signature(getattr(Client, backend)).parameters
    assert {ours.get(name, camel_case(name)) for name in parameters} == listed


def store_keys(vault: Client) -> None:
    vault.apps.create(id="mail", app_type="apikey")
    for number in range(5):
        vault.store_api_key("mail", "k", user_id=f"u{number}")


def test_a_list_comes_in_pages_and_all_are_gone_through(tmp_path: Path) -> None:
    with Client.vault(path=tmp_path / "vault.db", key=KEY) as vault:
        store_keys(vault)
        page = vault.list_tokens(app_id="mail", limit=3, count=True)
        assert (len(page.tokens), page.total) == (3, 5)
        rest = vault.list_tokens(app_id="mail", after=page.next)
        assert (len(rest.tokens), rest.next, rest.total) == (2, None, None)
        assert list(vault.iter_tokens(app_id="mail", limit=2)) == [*page.tokens, *rest.tokens]
        assert list(vault.iter_tokens(app_id="mail", status="expiring")) == []


def test_a_list_is_gone_through_by_asyncio(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncClient.vault(path=tmp_path / "vault.db", key=KEY) as vault:
            tokens = [token async for token in vault.iter_tokens(app_id="mail", limit=2)]
            assert {token.user_id for token in tokens} == {f"u{number}" for number in range(5)}
            assert len(tokens) == 5

    with Client.vault(path=tmp_path / "vault.db", key=KEY) as vault:
        store_keys(vault)
    asyncio.run(main())


def test_a_backup_is_a_vault(tmp_path: Path) -> None:
    copy = str(tmp_path / "copy.db")
    with Client.vault(path=tmp_path / "vault.db", key=KEY) as vault:
        vault.apps.create(id="svc", app_type="apikey")
        vault.store_api_key("svc", "secret", user_id="u")
        made = vault.back_up(copy)
        verdict = vault.check_backup(copy)
    assert made.path == copy
    assert made.bytes == Path(copy).stat().st_size
    assert verdict.ok
    assert verdict.audit.ok
    assert (verdict.rows, verdict.unreadable) == (made.rows, 0)
    with Client.vault(path=copy, key=KEY) as vault:
        assert vault.fetch_token("svc", user_id="u").access_token == "secret"


def test_the_audit_says_who_asked(tmp_path: Path) -> None:
    with Client.vault(path=tmp_path / "vault.db", key=KEY, audit="all") as vault:
        vault.apps.create(id="mail", client_id="c", token_url="https://p.example/t", actor="admin:ann")
        vault.store_token("mail", user_id="u", access_token="at", actor="job:import")
        vault.fetch_token("mail", user_id="u", actor="tool:calendar", timeout=10)
        vault.call("fetch", {"appId": "mail", "userId": "u", "actor": "tool:by-field"})
        vault.call("fetch", {"appId": "mail", "userId": "u"}, actor="tool:by-keyword")
        vault.keys.add(actor="admin:bob")
        vault.delete_tokens(user_id="u")
        assert [(record.op, record.actor) for record in vault.audit.list(actor="admin:ann")] == [
            ("apps.create", "admin:ann"),
            ("store_token", "job:import"),
            ("fetch", "tool:calendar"),
            ("fetch", "tool:by-field"),
            ("fetch", "tool:by-keyword"),
            ("keys.add", "admin:bob"),
            ("delete", None),
        ]


def test_the_audit_is_listed_in_pages_and_verified(tmp_path: Path) -> None:
    with Client.vault(path=tmp_path / "vault.db", key=KEY) as vault:
        for number in range(5):
            vault.apps.create(id=str(number), app_type="apikey")
        first = vault.audit.list(limit=3)
        assert [record.app_id for record in first] == ["0", "1", "2"]
        assert (len(first), first.end, first.unreadable) == (3, None, 0)
        rest = vault.audit.list(limit=3, after=first.next)
        assert ([record.sequence for record in rest], rest.next) == ([4, 5], None)
        assert len({record.chain for record in (*first, *rest)}) == 1
        verdict = vault.audit.verify()
        assert (verdict.ok, verdict.verified, verdict.chain, verdict.broken_at) == (True, 5, None, None)
        vault.apps.delete("0")
        assert [record.op for record in vault.audit.list(after=rest.end)] == ["apps.delete"]
        assert vault.audit.verify(anchor=verdict.anchor).ok


def test_the_audit_says_who_asked_through_asyncio(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncClient.vault(path=tmp_path / "vault.db", key=KEY) as vault:
            await vault.apps.create(id="mail", app_type="apikey", actor="admin:ann")
            await vault.store_api_key("mail", "k", user_id="u", actor="job:import")
            records = await vault.audit.list()
            assert [record.actor for record in records] == ["admin:ann", "job:import"]

    asyncio.run(main())


def test_the_cloud_keeps_no_audit(client: Client) -> None:
    with pytest.raises(InvalidRequestError) as failure:
        client.fetch_token("a", user_id="U1", actor="tool:calendar")
    assert failure.value.field == "actor"
    client.fetch_token("a", user_id="U1", actor=None)


def test_a_connection_that_is_loaded_and_written_back_is_the_same(tmp_path: Path) -> None:
    """What is absent is not false: PKCE is on where nothing is said of it."""
    with Client.vault(path=str(tmp_path / "vault.db"), key={"bytes": "5a" * 32}) as vault:
        vault.apps.create(
            id="crm",
            client_id="c",
            authorization_url="https://p.example/authorize",
            token_url="https://p.example/token",
            default_redirect_url="https://h.example/callback",
        )
        loaded = vault.apps.load("crm")
        assert loaded.pkce is None
        settings = {name: value for name, value in dataclasses.asdict(loaded).items() if value is not None}
        del settings["warnings"]  # what an update answers besides
        assert vault.apps.update(**{**settings, "name": "CRM"}).name == "CRM"
        assert "code_challenge=" in vault.connect("crm", user_id="u")
