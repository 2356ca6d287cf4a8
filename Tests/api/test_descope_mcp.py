"""descope-mcp, Descope's SDK for MCP servers, with nothing changed but the base URL: in an interpreter of its
own, since it needs an older MCP SDK than the other tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from conftest import PROJECT, ROOT

if TYPE_CHECKING:
    from conftest import Service

HERE = ROOT / "Tests/api"
PACKAGES = ROOT / ".descope-mcp"


def calls(service: Service, *asked: tuple[str, dict[str, Any]]) -> list[Any]:
    ran = subprocess.run(
        [sys.executable, HERE / "descope_mcp_calls.py"],
        input=json.dumps({"base": service.url, "calls": asked}),
        env={**os.environ, "PYTHONPATH": str(PACKAGES)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return list(json.loads(ran.stdout))


def test_a_tool_has_its_users_token_by_the_access_token(service: Service) -> None:
    service.client.store_api_key("weather", "sk-a", user_id="alice")
    service.client.store_api_key("weather", "sk-in-acme", user_id="alice", tenant_id="acme")
    service.client.store_token("crm", access_token="at-read", scopes=["read"], user_id="alice")
    alice = service.issuer.jwt(sub="alice", tenants={"acme": {}}, dct="acme")
    own = {"user_id": "alice", "access_token": alice, "project_id": PROJECT}
    got = calls(
        service,
        ("get_connection_token", {**own, "app_id": "weather"}),
        ("get_connection_token", {**own, "app_id": "weather", "tenant_id": "acme"}),
        ("get_connection_token", {**own, "app_id": "crm", "scopes": ["read"]}),
        ("get_connection_token", {**own, "app_id": "crm", "scopes": ["write"]}),
        ("get_connection_token", {**own, "app_id": "crm", "user_id": "bob"}),
    )
    assert got[:3] == ["sk-a", "sk-in-acme", "at-read"]
    assert all(outcome.startswith("failed: ") for outcome in got[3:])
    assert "404" in got[3] and "403" in got[4]


def test_an_agent_has_its_tenants_token(service: Service) -> None:
    service.client.store_api_key("weather", "sk-t", tenant_id="acme")
    service.client.store_token("crm", access_token="at-t", scopes=["read"], tenant_id="acme")
    agent = service.issuer.jwt(sub="agent", azp="agent", tenants={"acme": {}}, dct="acme")
    config = {"well_known_url": f"{service.url}/{PROJECT}/.well-known/openid-configuration"}
    of_acme = {"config": config, "tenant_id": "acme", "access_token": agent}
    got = calls(
        service,
        ("fetch_tenant_token", {**of_acme, "app_id": "weather"}),
        ("fetch_tenant_token_by_scopes", {**of_acme, "app_id": "crm", "scopes": ["read"]}),
    )
    assert [json.loads(one)["token"] for one in got] == ["sk-t", "at-t"]


def test_a_backend_has_tokens_by_its_management_key(service: Service) -> None:
    service.client.store_api_key("weather", "sk-a", user_id="alice")
    service.client.store_token("crm", access_token="at-read", scopes=["read"], user_id="alice")
    client = {"project_id": PROJECT, "management_key": service.key}
    own = {"user_id": "alice", "descope_client": client}
    got = calls(
        service,
        ("get_connection_token", {**own, "app_id": "weather"}),
        ("get_connection_token", {**own, "app_id": "crm", "scopes": ["read"]}),
        (
            "get_connection_token",
            {**own, "app_id": "weather", "descope_client": {**client, "management_key": "dcmk_no"}},
        ),
    )
    # It gives what Descope's Python SDK does, although it says that it would be a text.
    assert [one["token"]["accessToken"] for one in got[:2]] == ["sk-a", "at-read"]
    assert got[2].startswith("failed: ")
