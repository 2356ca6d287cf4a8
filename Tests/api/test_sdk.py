"""Descope's own Python SDK, with nothing changed but the base URL."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from conftest import PROJECT
from descope import AuthException, DescopeClient
from descope.descope_client_async import DescopeClientAsync

if TYPE_CHECKING:
    from conftest import Service

SOON = int(time.time()) + 3600


class Sdk:
    """The SDK's operations on connections, those of the asynchronous client too."""

    def __init__(self, kind: type, service: Service) -> None:
        self._runner = asyncio.Runner()
        self._client = kind(project_id=PROJECT, management_key=service.key, base_url=service.url)

    def __getattr__(self, name: str) -> Any:
        def call(*positional: Any, **named: Any) -> Any:
            async def run() -> Any:
                answer = getattr(self._client.mgmt.outbound_application, name)(*positional, **named)
                return await answer if inspect.isawaitable(answer) else answer

            return self._runner.run(run())

        return call

    def close(self) -> None:
        self._runner.close()


@pytest.fixture(params=[DescopeClient, DescopeClientAsync], ids=["sync", "async"])
def sdk(request: pytest.FixtureRequest, service: Service) -> Any:
    sdk = Sdk(request.param, service)
    yield sdk
    sdk.close()


def refusal(failure: pytest.ExceptionInfo[AuthException]) -> tuple[int, str]:
    return failure.value.status_code, json.loads(failure.value.error_message)["errorCode"]


def test_connections_are_made_changed_and_deleted(sdk: Any, service: Service) -> None:
    made = sdk.create_application("Mail", description="d", client_secret="s", default_scopes=["read"], pkce=True)["app"]
    assert (made["name"], made["pkce"], made["appType"]) == ("Mail", True, "oauth")
    assert "clientSecret" not in made
    loaded = sdk.load_application(made["id"])["app"]
    assert loaded == made
    assert {app["id"] for app in sdk.load_all_applications()["apps"]} == {"crm", "weather", made["id"]}
    sdk.update_application(made["id"], "Post")
    changed = sdk.load_application(made["id"])["app"]
    assert (changed["name"], changed["description"], changed["defaultScopes"]) == ("Post", "", [])
    sdk.delete_application(made["id"])
    with pytest.raises(AuthException) as failure:
        sdk.load_application(made["id"])
    assert refusal(failure) == (404, "E111504")


def test_an_update_keeps_what_only_the_vault_has(sdk: Any, service: Service) -> None:
    service.client.apps.create(
        id="kept", name="n", client_id="c", max_idle_seconds=600, token_url="https://a.example/t"
    )
    sdk.update_application("kept", "m", client_id="d")
    kept = service.client.apps.load("kept")
    assert (kept.name, kept.client_id, kept.max_idle_seconds, kept.token_url) == ("m", "d", 600, None)


OWNERS = [{"user_id": "alice"}, {"user_id": "alice", "tenant_id": "acme"}, {"tenant_id": "acme"}]


@pytest.mark.parametrize("owner", OWNERS)
def test_tokens_are_stored_fetched_and_deleted(sdk: Any, owner: dict[str, str]) -> None:
    level = "user" if "user_id" in owner else "tenant"
    upload = getattr(sdk, f"upload_{level}_token")
    upload("crm", **owner, access_token="at", access_token_expiry=SOON, scopes=["read", "write"])
    fetch = getattr(sdk, "fetch_token" if level == "user" else "fetch_tenant_token")
    token = fetch("crm", **owner)["token"]
    assert (token["accessToken"], token["accessTokenExpiry"], token["scopes"]) == ("at", str(SOON), ["read", "write"])
    assert (token["userId"], token["tenantId"]) == (owner.get("user_id", ""), owner.get("tenant_id", ""))
    assert token["refreshToken"] == ""
    sdk.delete_token(token["id"])
    with pytest.raises(AuthException) as failure:
        fetch("crm", **owner)
    assert refusal(failure) == (404, "E111504")


def test_the_wrong_scopes_are_not_found(sdk: Any) -> None:
    sdk.upload_user_token("crm", "alice", access_token="at", access_token_expiry=SOON, scopes=["read"])
    assert sdk.fetch_token_by_scopes("crm", "alice", ["read"])["token"]["accessToken"] == "at"
    with pytest.raises(AuthException) as failure:
        sdk.fetch_token_by_scopes("crm", "alice", ["write"])
    assert refusal(failure) == (404, "E111504")


def test_keys_are_stored_for_users_and_tenants(sdk: Any) -> None:
    sdk.upload_user_api_key("weather", "alice", "sk-1")
    sdk.upload_tenant_api_key("weather", "acme", "sk-2")
    assert sdk.fetch_token("weather", "alice")["token"]["accessToken"] == "sk-1"
    assert sdk.fetch_tenant_token("weather", "acme")["token"]["accessToken"] == "sk-2"


def test_a_batch_is_stored_whole_or_not_at_all(sdk: Any, service: Service) -> None:
    tokens = [{"appId": "crm", "userId": f"u{n}", "accessToken": "at", "accessTokenExpiry": SOON} for n in range(3)]
    assert sdk.batch_upload_user_tokens(tokens) == {"failures": []}
    wrong = [{**tokens[0], "userId": "new"}, {**tokens[1], "appId": "gone"}]
    failures = sdk.batch_upload_user_tokens(wrong)["failures"]
    assert [(one["appId"], one["userId"], one["errorCode"]) for one in failures] == [("gone", "u1", "E152110")]
    assert not service.client.list_tokens(user_id="new").tokens


def test_who_has_what(sdk: Any) -> None:
    sdk.upload_user_api_key("weather", "alice", "sk")
    sdk.upload_user_token("crm", "alice", tenant_id="acme", access_token="at", access_token_expiry=SOON)
    assert sdk.list_apps_with_user_token("alice")["appIds"] == ["weather"]
    assert sdk.list_apps_with_user_token("alice", tenant_id="acme")["appIds"] == ["crm"]


def test_nothing_deletes_everything(sdk: Any, service: Service) -> None:
    sdk.upload_user_api_key("weather", "alice", "sk")
    with pytest.raises(AuthException) as failure:
        sdk.delete_user_tokens()
    assert refusal(failure) == (400, "E011002")
    sdk.delete_user_tokens(user_id="bob")
    assert len(service.client.list_tokens(user_id="alice")) == 1
    sdk.delete_user_tokens(user_id="alice", app_id="weather")
    assert not service.client.list_tokens(user_id="alice").tokens


@pytest.mark.parametrize("body", [b"\xff" * 400_000, b"[" + b"0," * 440_000 + b"0]"])
def test_a_body_that_is_too_large_is_an_answer(service: Service, body: bytes) -> None:
    request = urllib.request.Request(
        f"{service.url}/v1/mgmt/outbound/app/user/token", body, {"Authorization": f"Bearer {PROJECT}:{service.key}"}
    )
    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(request)
    assert failure.value.code in (400, 413)
    assert json.loads(failure.value.read())["errorCode"].startswith("E0110")
