from __future__ import annotations

import hashlib
import inspect
import json
import pickle
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
from cloud_server import ACCESS_TOKEN, REFRESH_TOKEN, SECRETS

from descope_conn import App, AuditRecord, Client, Device, StoreFailure, Token, TokenInfo, _types_generated
from descope_conn._client_generated import Operations
from descope_conn._types import from_wire, read_connect_url
from descope_conn._wire import camel_case

if TYPE_CHECKING:
    from pathlib import Path


def token(**wire: Any) -> Token:
    return from_wire(Token, {"id": "t", "appId": "a", "accessToken": ACCESS_TOKEN, **wire})


def test_a_token_shows_no_secret() -> None:
    shown = token(refreshToken=REFRESH_TOKEN, scopes=["read"])
    for text in (repr(shown), str(shown), f"{shown}", repr([shown])):
        assert "read" in text
        assert not any(secret in text for secret in SECRETS)


def test_what_is_read_has_all_its_members() -> None:
    """They are set without ``__init__``, which would miss one that lacks."""
    read = [one for one in vars(_types_generated).values() if hasattr(one, "_from_wire")]
    for one in read:
        source = inspect.getsource(one._from_wire)
        assert re.findall(r"^ {12}(\w+)=", source, re.MULTILINE) == [member.name for member in fields(one)], one
    assert Token in read


def test_a_client_shows_no_secret(client: Client) -> None:
    assert repr(client) == "<Client cloud open>"


def test_a_call_shows_no_secret() -> None:
    fetch, store = (vars(Operations)[name].__wrapped__ for name in ("fetch_token", "store_api_key"))
    assert ACCESS_TOKEN not in repr(fetch(None, "a", access_token=ACCESS_TOKEN))
    assert ACCESS_TOKEN not in repr(store(None, "a", ACCESS_TOKEN))


@pytest.mark.parametrize(("wire", "expected"), [(1741107113, 1741107113), (0, None), (None, None)])
def test_times_are_epoch_seconds_or_none(wire: object, expected: int | None) -> None:
    assert token(accessTokenExpiry=wire).access_token_expiry == expected


def test_empty_is_none() -> None:
    empty = token(userId="", tenantId=None)
    assert empty.user_id is None
    assert empty.tenant_id is None
    assert empty.scopes == ()


def test_fields_of_a_later_version_are_left_out() -> None:
    assert token(newField=1) == token()


def test_a_connect_url_is_a_string_that_knows_its_lifetime() -> None:
    url = read_connect_url({"url": "https://p.example/a?x=1", "expiresIn": 600})
    assert url == "https://p.example/a?x=1"
    assert url.expires_in == 600
    assert read_connect_url({"url": "https://p.example/a"}).expires_in is None
    again = pickle.loads(pickle.dumps(url))
    assert (again, again.expires_in) == (url, 600)


def test_times_are_in_seconds() -> None:
    record = {"chain": 0, "sequence": 1, "timeMs": 1500, "op": "fetch", "outcome": "ok", "previous": "00"}
    assert from_wire(AuditRecord, record).time == 1.5
    poll = vars(Device)["poll"].__wrapped__
    assert json.loads(poll(None, "f", wait=1.5).request)["waitMs"] == 1500


def test_settings_come_back_as_they_are_given() -> None:
    app = from_wire(
        App, {"id": "a", "refresh": {"grantType": "g", "graceSeconds": 5}, "scopeRules": {"aliases": {"aB": "c"}}}
    )
    assert app.refresh == {"grant_type": "g", "grace_seconds": 5}
    assert app.scope_rules == {"aliases": {"aB": "c"}}


def test_the_hash_that_report_rejected_takes() -> None:
    assert token().token_hash == hashlib.sha256(ACCESS_TOKEN.encode()).hexdigest()


def test_the_parameters_of_a_connection_are_a_mapping() -> None:
    app = from_wire(App, {"id": "a", "name": "n", "tokenUrlParams": [{"key": "k", "value": "v"}], "pkce": True})
    assert app.token_url_params == {"k": "v"}
    assert app.pkce


def test_real_answers_have_no_members_that_the_types_lack(tmp_path: Path) -> None:
    imported = {"appId": "google", "userId": "u", "tenantId": "t", "externalIdentifier": "e"}
    settings = {"clientId": "c", "tokenUrl": "https://p.example/t", "authorizationUrl": "https://p.example/a"}
    vault = Client({"backend": "vault", "path": str(tmp_path / "vault.db"), "key": {"bytes": "0a" * 32}})
    with vault:
        vault.call("apps.create", {"id": "google", "name": "Google", "scopeSeparator": " ", **settings})
        secrets = {"accessToken": "at", "refreshToken": "rt", "scopes": ["read"], "grantedBy": "g"}
        vault.call("store_token", {**imported, **secrets, "accessTokenExpiry": 2147483647})
        refused = {"appId": "none", "userId": "u", "accessToken": "at"}
        answers: list[tuple[type, dict[str, Any]]] = [
            (App, vault.call("apps.load", {"id": "google"})["app"]),
            (Token, vault.call("fetch", imported)["token"]),
            (TokenInfo, vault.call("list", {"userId": "u"})["tokens"][0]),
            (StoreFailure, vault.call("store_tokens", {"tokens": [refused]})["failures"][0]),
        ]
    for cls, answer in answers:
        known = {camel_case(f.name) for f in fields(cls)}
        assert answer.keys() <= known, cls.__name__
        from_wire(cls, answer)
    assert from_wire(Token, answers[1][1]).access_token_expiry == 2147483647
