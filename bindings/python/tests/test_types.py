from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cloud_server import ACCESS_TOKEN, REFRESH_TOKEN, SECRETS

from descope_conn import App, Client, Token
from descope_conn._operations import fetch_token, store_api_key
from descope_conn._types import from_wire


def token(**wire: Any) -> Token:
    return from_wire(Token, {"id": "t", "appId": "a", "accessToken": ACCESS_TOKEN, **wire})


def test_a_token_shows_no_secret() -> None:
    shown = token(refreshToken=REFRESH_TOKEN, scopes=["read"])
    for text in (repr(shown), str(shown), f"{shown}", repr([shown])):
        assert "read" in text
        assert not any(secret in text for secret in SECRETS)


def test_a_client_shows_no_secret(client: Client) -> None:
    assert repr(client) == "<Client cloud open>"


def test_a_call_shows_no_secret() -> None:
    assert ACCESS_TOKEN not in repr(fetch_token("a", access_token=ACCESS_TOKEN))
    assert ACCESS_TOKEN not in repr(store_api_key("a", ACCESS_TOKEN))


@pytest.mark.parametrize(
    ("wire", "expected"), [("1741107113", 1741107113), (1741107113, 1741107113), ("0", None), ("", None), (None, None)]
)
def test_times_are_epoch_seconds_or_none(wire: object, expected: int | None) -> None:
    assert token(accessTokenExpiry=wire).access_token_expiry == expected


def test_empty_is_none() -> None:
    empty = token(userId="", tenantId=None)
    assert empty.user_id is None
    assert empty.tenant_id is None
    assert empty.scopes == ()


def test_fields_of_a_later_version_are_left_out() -> None:
    assert token(newField=1) == token()


def test_the_hash_that_report_rejected_takes() -> None:
    assert token().token_hash == hashlib.sha256(ACCESS_TOKEN.encode()).hexdigest()


def test_the_parameters_of_a_connection_are_a_mapping() -> None:
    app = from_wire(App, {"id": "a", "name": "n", "tokenUrlParams": [{"key": "k", "value": "v"}], "pkce": True})
    assert app.token_url_params == {"k": "v"}
    assert app.pkce
