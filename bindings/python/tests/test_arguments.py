"""What callers pass: what has one meaning is taken, and the rest is an error that names it."""

from __future__ import annotations

import enum
import os
from typing import TYPE_CHECKING, Any

import pytest

from descope_conn import Client, ConnectionRequiredError, InvalidRequestError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from descope_conn import FlowAction

KEY = {"bytes": "0a" * 32}
DONE = "https://app.example.com/done"
SECRET = "sk-never-in-an-error"


def anything(value: Any) -> Any:
    """For what the type checker would refuse."""
    return value


class AppType(enum.Enum):
    API_KEY = "apikey"


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Client]:
    with Client.vault(path=tmp_path / "vault.db", key=KEY, redirect_url=DONE) as client:
        client.apps.create(id="keys", app_type=anything(AppType.API_KEY))
        client.apps.create(
            id="crm",
            client_id="c",
            client_secret="s",
            authorization_url="https://crm.example.com/authorize",
            token_url="https://crm.example.com/token",
        )
        yield client


@pytest.mark.parametrize(
    "scopes",
    [
        ["b", "a"],
        ("a", "b"),
        {"a", "b"},
        frozenset("ab"),
        {"a": 1, "b": 2}.keys(),
        (letter for letter in "ab"),
        map(str, "ab"),
    ],
    ids=lambda scopes: type(scopes).__name__,
)
def test_scopes_are_any_collection(vault: Client, scopes: Any) -> None:
    with pytest.raises(ConnectionRequiredError) as failure:
        vault.fetch_token("crm", user_id="alice", scopes=scopes, connect={"redirect_url": DONE})
    assert sorted(failure.value.missing_scopes) == ["a", "b"]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_key_may_be_bytes(vault: Client, kind: Callable[[bytes], Any]) -> None:
    vault.store_api_key("keys", kind(SECRET.encode()), user_id="alice")
    assert vault.fetch_token("keys", user_id="alice").access_token == SECRET


@pytest.mark.parametrize("form", [str, os.fsencode, lambda path: path], ids=["str", "bytes", "Path"])
def test_a_path_may_be_of_each_kind(tmp_path: Path, form: Callable[[Path], Any]) -> None:
    path = tmp_path / "vault.db"
    with Client.vault(path=form(path), key=KEY):
        assert path.exists()
    (tmp_path / "key").write_text("0a" * 32)
    with Client.vault(path=form(path), key={"file": form(tmp_path / "key")}, create=False):
        pass


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda client: client.fetch_token("crm", user_id="a", connect=True), "connect"),
        (lambda client: client.fetch_token("crm", user_id="a", connect="https://app.example.com"), "connect"),
        (lambda client: client.fetch_token("crm", user_id="a", scopes="a b"), "scopes"),
        (lambda client: client.fetch_token("crm", user_id=5), "userId"),
        (lambda client: client.fetch_token("crm", user_id=b"a", min_ttl_seconds="60"), "minTtlSeconds"),
        (lambda client: client.complete("code=c&state=s", opened_by="alice"), "openedBy"),
        (lambda client: client.complete("code=c&state=s", opened_by=["alice"]), "openedBy"),
        (lambda client: client.apps.create(id="x", authorization_url_params="a=b"), "authorizationUrlParams"),
        (lambda client: client.store_tokens("abc"), "tokens"),
        (lambda client: client.store_tokens({"a": 1}), "tokens"),
        (lambda client: client.store_tokens([1]), "tokens[0]"),
        (lambda client: client.store_tokens(7), "tokens"),
    ],
)
def test_what_is_of_another_type_is_named(vault: Client, call: Callable[[Any], Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as failure:
        call(vault)
    assert failure.value.field == field


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.store_api_key("keys", SECRET.encode() + b"\xff", user_id="a"),
        lambda client: client.store_api_key("keys", type("Key", (), {"__repr__": lambda _: SECRET})(), user_id="a"),
        lambda client: client.fetch_token("keys", user_id="a", timeout="5"),
        lambda _: Client(anything(None)),
        lambda _: Client(anything(SECRET)),
        lambda _: Client.vault(path=anything(5), key=KEY),
        lambda _: Client.vault(path="v.db", key=KEY, ca_file=anything(True)),
    ],
)
def test_what_can_be_nothing_is_a_type_error_without_the_value(vault: Client, call: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError) as failure:
        call(vault)
    assert SECRET not in str(failure.value)
    with pytest.raises(NotFoundError):
        vault.fetch_token("keys", user_id="a")


def test_what_stands_in_an_array_of_an_array_has_its_names_too(vault: Client) -> None:
    actions: list[FlowAction] = [
        {"type": "connect", "buttons": [{"app_id": "a", "text": "A"}], "instructions": "Choose."},
        {"type": "connect_api_key", "app_id": "keys"},
    ]
    vault.flows.create(actions, id="f")
    flow = vault.flows.load("f")
    assert list(flow.actions) == actions
    assert vault.flows.update("f", flow.actions).flow == flow
