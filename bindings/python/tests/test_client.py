from __future__ import annotations

import inspect
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cloud_server import ACCESS_TOKEN, MANAGEMENT_KEY, PROJECT_ID, REFRESH_TOKEN, USER_JWT, CloudServer

from descope_conn import CancelledError, Client, InvalidConfigError
from descope_conn._wire import NO_TIMEOUT, milliseconds


def test_fetching_a_token(client: Client) -> None:
    token = client.fetch_token("google-contacts", user_id="U1", scopes=["contacts"], with_refresh_token=True)
    assert (token.id, token.app_id, token.user_id, token.tenant_id) == ("token-U1", "google-contacts", "U1", None)
    assert (token.access_token, token.access_token_type, token.access_token_expiry) == (
        ACCESS_TOKEN,
        "Bearer",
        4102444800,
    )
    assert (token.refresh_token, token.has_refresh_token) == (REFRESH_TOKEN, True)
    assert token.scopes == ("contacts",)


def test_the_refresh_token_comes_only_when_asked_for(client: Client) -> None:
    assert client.fetch_token("a", user_id="U1").refresh_token is None


def test_connecting(client: Client, server: CloudServer) -> None:
    url = client.connect("a", access_token=USER_JWT, redirect_url="https://app.example.com/done")
    assert url == f"{server.url}/v1/outbound/oauth/connect?appId=a"


def test_the_constructor_for_the_cloud(server: CloudServer) -> None:
    arguments: dict[str, Any] = {
        "project_id": PROJECT_ID,
        "management_key": MANAGEMENT_KEY,
        "base_url": server.url,
    }
    with Client.cloud(**arguments, timeout=10, retry_attempts=1) as client:
        assert client.fetch_token("a", user_id="U1").access_token == ACCESS_TOKEN


def test_the_constructor_for_a_cloud_with_a_cache(server: CloudServer) -> None:
    arguments: dict[str, Any] = {
        "project_id": PROJECT_ID,
        "management_key": MANAGEMENT_KEY,
        "base_url": server.url,
    }
    with Client.cloud(**arguments, cache={"ttlSeconds": 60}) as client:
        tokens = [client.fetch_token("a", user_id="U1") for _ in range(3)]
    assert tokens == [tokens[0]] * 3
    server.wait_for_requests(1)


def test_the_constructor_for_a_vault_needs_a_key() -> None:
    with pytest.raises(InvalidConfigError) as failure:
        Client({"backend": "vault", "path": "vault.db"})
    assert failure.value.field == "key"


def test_threads_wait_at_the_same_time(client: Client, server: CloudServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        with server.held():
            calls = [pool.submit(client.fetch_token, "a", user_id=f"U{i}") for i in range(8)]
            server.wait_for_requests(8)
        assert [call.result().user_id for call in calls] == [f"U{i}" for i in range(8)]


def test_a_timeout(client: Client, server: CloudServer) -> None:
    with server.held(), pytest.raises(TimeoutError):
        client.fetch_token("a", user_id="U1", timeout=0.1)


def test_closing_ends_what_other_threads_wait_for(config: dict[str, Any], server: CloudServer) -> None:
    client = Client(config)
    with ThreadPoolExecutor(1) as pool, server.held():
        call = pool.submit(client.fetch_token, "a", user_id="U1")
        server.wait_for_requests(1)
        client.close()
        with pytest.raises(CancelledError):
            call.result()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, NO_TIMEOUT), (float("inf"), NO_TIMEOUT), (0, 0), (0.0001, 1), (1.5, 1500), (1e12, NO_TIMEOUT - 1)],
)
def test_seconds_become_milliseconds(seconds: float | None, expected: int) -> None:
    assert milliseconds(seconds) == expected


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_a_timeout_that_is_none(client: Client, seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds"):
        client.fetch_token("a", timeout=seconds)


def test_a_client_is_not_pickled(client: Client) -> None:
    with pytest.raises(TypeError, match="belongs to its process"):
        pickle.dumps(client)


def test_a_client_that_nobody_closed_ends_with_the_interpreter(config: dict[str, Any]) -> None:
    program = f"import descope_conn; client = descope_conn.Client({config!r}); client.fetch_token('a', user_id='U1')"
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], env=dict(os.environ), capture_output=True, text=True, check=True
    )
    assert ended.stderr == ""


def test_methods_explain_themselves() -> None:
    signature = inspect.signature(Client.fetch_token)
    assert list(signature.parameters)[:3] == ["self", "app_id", "user_id"]
    assert signature.return_annotation == "Token"
    assert "fresh token" in (inspect.getdoc(Client.fetch_token) or "")
