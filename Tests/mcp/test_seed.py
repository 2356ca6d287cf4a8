"""Descope's own example of Adaptive Connect, step by step: fetch; on failure connect; answer with exactly those fields.

Descope's example has them in the tool's own result. Here they are in the result's ``_meta``, since what stands in
``structuredContent`` has to fit the tool's ``outputSchema``; the URL is in the text as well.

https://docs.descope.com/agentic-identity-hub/connections/storing-connection-tokens
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from descope_conn import Client, ConnectionRequiredError, MissingConnection

from launch import launch  # isort: skip # parties says where it is

if TYPE_CHECKING:
    from collections.abc import Iterator

REDIRECT_URL = "https://your-app.com/connection-complete"


@pytest.fixture
def descope() -> Iterator[launch]:
    with launch("descope") as server:
        server.control("POST", "seed", {"apps": [{"id": "google-contacts", "name": "Google Contacts"}]})
        yield server


@pytest.fixture
def client(descope: launch) -> Iterator[Client]:
    with Client.cloud(
        project_id="P2testtesttesttesttesttest01", management_key="K2testmanagementkey", base_url=descope.url
    ) as client:
        yield client


def handle_mcp_tool(client: Client, user_id: str, tool_name: str, mcp_access_token: str) -> dict[str, Any]:
    """The tool of the example, with this library."""
    try:
        token = client.fetch_token(
            "google-contacts",
            user_id=user_id,
            access_token=mcp_access_token,
            connect={"redirect_url": REDIRECT_URL},
        )
    except ConnectionRequiredError as error:
        missing: MissingConnection = {"app_id": "google-contacts", "connection_url": error.connection_url}
        answer = client.mcp.answer(
            "tools/call", tool_name, user_id=user_id, protocol_version="2025-06-18", connections=[missing]
        )
        return answer["response"]["result"]["_meta"]["descope-conn/connection"]
    return {"success": True, "result": token.access_token}


def test_the_steps_of_the_example(client: Client, descope: launch) -> None:
    user = descope.control("POST", "jwt", {"sub": "u1", "scope": "outbound.token.fetch"})["token"]
    answer = handle_mcp_tool(client, "u1", "list_contacts", user)
    url = answer["connectionUrl"]
    assert answer == {
        "error": "connection_required",
        "requiresConnection": True,
        "connectionUrl": url,
        "message": "list_contacts needs your access to google-contacts",
        "appId": "google-contacts",
    }
    assert url.startswith(f"{descope.url}/v1/outbound/oauth/connect?")

    fetch, connect = descope.control("GET", "requests")["requests"]
    assert fetch["path"] == "/v1/mgmt/outbound/app/user/token/latest"
    assert fetch["body"] == {"appId": "google-contacts", "userId": "u1"}
    assert connect["path"] == "/v1/mgmt/outbound/app/connect"
    assert connect["body"] == {"appId": "google-contacts", "options": {"redirectUrl": REDIRECT_URL}}

    token = {"appId": "google-contacts", "userId": "u1", "accessToken": "ya29"}
    descope.control("POST", "seed", {"tokens": [token]})
    assert handle_mcp_tool(client, "u1", "list_contacts", user) == {"success": True, "result": "ya29"}
