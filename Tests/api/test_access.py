"""Who asks: management keys, users' JWTs and browsers' cookies, over the adapters as a host mounts them."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from conftest import ORIGIN, PROJECT
from descope import AuthException, DescopeClient
from descope_conn import AsyncClient
from descope_conn.web import Api, asgi, wsgi

from wsgi_server import serving  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Service

    Send = Callable[..., tuple[int, dict[str, str], Any]]

LICENSE = "/v1/mgmt/license"
APPS = "/v1/mgmt/outbound/apps"


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(AuthException) as failure:
        call()
    return failure.value.status_code, json.loads(failure.value.error_message)["errorCode"]


def by_token(service: Service) -> Any:
    return DescopeClient(project_id=PROJECT, base_url=service.url).mgmt.outbound_application_by_token


# --- Descope's SDK ---


def test_a_user_fetches_by_an_own_token(service: Service) -> None:
    service.client.store_api_key("weather", "sk-a", user_id="alice")
    service.client.store_api_key("weather", "sk-t", tenant_id="acme")
    sdk = by_token(service)
    alice = service.issuer.jwt(sub="alice", drn="DS", tenants={"acme": {"roles": []}}, dct="acme")
    assert sdk.fetch_token(alice, "weather", "alice")["token"]["accessToken"] == "sk-a"
    bob = service.issuer.jwt(sub="bob")
    assert refusal(lambda: sdk.fetch_token(bob, "weather", "alice")) == (403, "E011008")
    assert refusal(lambda: sdk.fetch_tenant_token(bob, "weather", "acme")) == (403, "E011008")
    # A member has not what is the tenant's.
    assert refusal(lambda: sdk.fetch_tenant_token(alice, "weather", "acme")) == (403, "E011008")


def test_a_client_fetches_what_its_tenant_has(service: Service) -> None:
    service.client.store_api_key("weather", "sk-a", user_id="agent")
    service.client.store_api_key("weather", "sk-t", tenant_id="acme")
    sdk = by_token(service)
    agent = service.issuer.jwt(sub="agent", azp="agent", tenants={"acme": {}})
    assert sdk.fetch_tenant_token(agent, "weather", "acme")["token"]["accessToken"] == "sk-t"
    assert refusal(lambda: sdk.fetch_tenant_token(agent, "weather", "other")) == (403, "E011008")
    assert refusal(lambda: sdk.fetch_token(agent, "weather", "agent")) == (403, "E011008")
    other = service.issuer.jwt(sub="other", azp="other", tenants={"acme": {}})
    assert refusal(lambda: sdk.fetch_tenant_token(other, "weather", "acme")) == (403, "E011008")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"nbf": 4_000_000_000},
        {"aud": "somebody-else"},
        {"iss": "https://evil.example/P2testtesttesttesttesttest01"},
        {"iss": "https://idp.example"},
    ],
)
def test_a_token_that_is_not_accepted_is_nobodys(service: Service, claims: dict[str, Any]) -> None:
    service.client.store_api_key("weather", "sk-a", user_id="alice")
    token = service.issuer.jwt(sub="alice", **claims)
    assert refusal(lambda: by_token(service).fetch_token(token, "weather", "alice")) == (401, "E011008")


def test_the_keys_of_an_issuer_are_read_once(service: Service) -> None:
    service.client.store_api_key("weather", "sk-a", user_id="alice")
    sdk, before = by_token(service), service.issuer.readings
    for _ in range(20):
        sdk.fetch_token(service.issuer.jwt(sub="alice"), "weather", "alice")
    assert service.issuer.readings == before + 1


def test_a_management_key_that_is_deleted_stops_at_once(service: Service) -> None:
    made = service.client.management_keys.create("short-lived")
    sdk = DescopeClient(project_id=PROJECT, management_key=made.key, base_url=service.url).mgmt.outbound_application
    sdk.upload_user_api_key("weather", "alice", "sk-1")
    assert sdk.fetch_token("weather", "alice")["token"]["accessToken"] == "sk-1"
    service.client.management_keys.delete(made.id)
    assert refusal(lambda: sdk.fetch_token("weather", "alice")) == (401, "E011008")


@pytest.mark.parametrize("key", ["K2x", "dcmk_0000000000000000_" + "A" * 43])
def test_another_key_is_nobodys(service: Service, key: str) -> None:
    sdk = DescopeClient(project_id=PROJECT, management_key=key, base_url=service.url).mgmt.outbound_application
    assert refusal(lambda: sdk.fetch_token("weather", "alice")) == (401, "E011008")


# --- The adapters ---


def over_wsgi(service: Service) -> Send:
    def send(path: str, headers: dict[str, str], method: str = "GET") -> tuple[int, dict[str, str], Any]:
        request = urllib.request.Request(service.url + path, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return (
                    answer.status,
                    {k.lower(): v for k, v in answer.headers.items()},
                    json.loads(answer.read() or b"{}"),
                )
        except urllib.error.HTTPError as failure:
            return failure.code, {k.lower(): v for k, v in failure.headers.items()}, json.loads(failure.read())

    return send


def over_asgi(runner: asyncio.Runner, application: Any, client: tuple[str, int] | None = ("127.0.0.1", 1)) -> Send:
    def send(path: str, headers: dict[str, str], method: str = "GET") -> tuple[int, dict[str, str], Any]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def keep(message: dict[str, Any]) -> None:
            sent.append(message)

        path_only, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path_only,
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
            "client": client,
        }
        runner.run(application(scope, receive, keep))
        body = b"".join(message.get("body", b"") for message in sent[1:])
        named = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        return sent[0]["status"], named, json.loads(body or b"{}")

    return send


@pytest.fixture(params=["wsgi", "asgi"])
def send(request: pytest.FixtureRequest, service: Service, tmp_path: Path) -> Any:
    if request.param == "wsgi":
        yield over_wsgi(service)
        return
    api = {
        "project_id": PROJECT,
        "issuers": [{"project_id": PROJECT, "base_url": service.issuer.url}],
        "origins": [ORIGIN],
    }
    client = AsyncClient.vault(path=tmp_path / "vault.db", key={"bytes": "5a" * 32}, api=api)
    with asyncio.Runner() as runner:
        yield over_asgi(runner, asgi(client, Api()))
        runner.run(client.aclose())


def test_a_key_may_be_for_some_addresses(send: Send, service: Service) -> None:
    for network, status in [("127.0.0.0/8", 200), ("192.0.2.0/24", 401)]:
        key = service.client.management_keys.create("n", addresses=[network]).key
        assert send(LICENSE, {"Authorization": f"Bearer {PROJECT}:{key}"})[0] == status


# What other programs of the site have set stands beside it.
@pytest.mark.parametrize(
    "cookies",
    [
        "DS={}",
        "a=b; DS={}; c=d",
        'theme={{"dark":true}}; DS={}',
        "x=a b; DS={}",
        "DS={};",
        "[x]=1; é=ü; DS={}",
        "a; DS={}",
    ],
)
def test_a_browser_signs_in_by_its_cookie(send: Send, service: Service, cookies: str) -> None:
    headers = {"Cookie": cookies.format(service.issuer.jwt(sub="alice", drn="DS")), "Origin": ORIGIN}
    status, answered, body = send(APPS, headers)
    assert status == 200
    assert {app["id"] for app in body["apps"]} == {"crm", "weather"}
    assert answered["access-control-allow-origin"] == ORIGIN
    assert answered["access-control-allow-credentials"] == "true"


def test_another_sites_page_is_nobody(send: Send, service: Service) -> None:
    cookie = f"DS={service.issuer.jwt(sub='alice')}"
    for more in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        status, answered, _ = send(APPS, {"Cookie": cookie, **more})
        assert status == 401
        assert "access-control-allow-origin" not in answered
    # Another cookie is none.
    for name in ("DSR", "ds", "xDS"):
        assert send(APPS, {"Cookie": cookie.replace("DS", name, 1), "Origin": ORIGIN})[0] == 401


def test_a_browser_asks_before(send: Send) -> None:
    status, answered, body = send(APPS, {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}, "OPTIONS")
    assert (status, body) == (204, {})
    assert "x-descope-sdk-name" in answered["access-control-allow-headers"].split(", ")
    assert send(LICENSE, {"Origin": ORIGIN}, "OPTIONS")[0] == 405


@pytest.mark.parametrize(
    "header",
    ["", " ", "Bearer", "Basic eDp5", "Bearer \t:\t", "Bearer \x80\xff:x", f"Bearer {PROJECT}:" + "x" * 60_000],
)
def test_whatever_a_header_holds_is_an_answer(send: Send, header: str) -> None:
    status, _, body = send(LICENSE, {"Authorization": header, "Cookie": header, "Origin": header})
    assert (status, body["errorCode"]) == (401, "E011008")


@pytest.mark.parametrize("passed_on", [True, False])
def test_a_trace_goes_on_to_whom_the_call_asks(send: Send, service: Service, passed_on: bool) -> None:
    trace = f"00-{os.urandom(16).hex()}-00f067aa0ba902b7-01" if passed_on else "00-not-a-trace"
    send(LICENSE, {"Authorization": f"Bearer {PROJECT}:{service.issuer.jwt(sub='alice')}", "traceparent": trace})
    assert service.issuer.traces[-1] == (trace if passed_on else None)


def test_a_request_may_come_from_nowhere(service: Service, tmp_path: Path) -> None:
    """A server on a Unix socket knows no address."""
    key = service.client.management_keys.create("n").key
    bound = service.client.management_keys.create("n", addresses=["127.0.0.1"]).key
    client = AsyncClient.vault(path=tmp_path / "vault.db", key={"bytes": "5a" * 32})
    with asyncio.Runner() as runner:
        for where in (None, ("", 0), ("testclient", 50_000), ("x" * 1000, 0)):
            send = over_asgi(runner, asgi(client, Api()), where)
            assert send(LICENSE, {"Authorization": f"Bearer {PROJECT}:{key}"})[0] == 200
            assert send(LICENSE, {"Authorization": f"Bearer {PROJECT}:{bound}"})[0] == 401
        runner.run(client.aclose())


def test_a_host_may_know_who_asks(service: Service) -> None:
    service.client.store_api_key("weather", "sk-a", user_id="alice")
    token = json.dumps({"appId": "weather", "userId": "alice"}).encode()
    with serving(wsgi(service.client, Api(), lambda environ: {"user_id": environ["HTTP_X_USER"]})) as port:
        for user, status in [("alice", 200), ("bob", 403)]:
            url = f"http://127.0.0.1:{port}/v1/mgmt/outbound/app/user/token/latest"
            request = urllib.request.Request(url, token, {"X-User": user})
            try:
                assert urllib.request.urlopen(request).status == status
            except urllib.error.HTTPError as failure:
                assert failure.code == status
