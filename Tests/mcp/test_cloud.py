"""The example against Descope's API, by another config alone. That users grant at Descope is played by seeding."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from mcp.shared.exceptions import MCPError
from parties import ACCOUNTS_TOKEN, EXAMPLE, Browser, Example, Person, connected, missing, text

from launch import launch  # isort: skip # parties says where it is

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANAGEMENT_KEY = "K2testmanagementkey"


class Descope:
    """Descope's API, with the connections that the example needs."""

    def __init__(self, server: launch) -> None:
        self.url = server.url
        self._server = server
        self.user_token: str = server.control("POST", "jwt", {"sub": "alice", "scope": "outbound.token.fetch"})["token"]
        apps = [{"id": "accounts", "name": "Accounts"}, {"id": "weather", "name": "Weather", "appType": "apikey"}]
        server.control("POST", "seed", {"apps": apps})

    def grant(self) -> None:
        token = {"appId": "accounts", "userId": "alice", "accessToken": ACCOUNTS_TOKEN, "scopes": ["read"]}
        self._server.control("POST", "seed", {"tokens": [token]})

    def requests(self) -> list[dict[str, Any]]:
        return self._server.control("GET", "requests")["requests"]


@pytest.fixture
def descope() -> Iterator[Descope]:
    with launch("descope") as server:
        yield Descope(server)


@pytest.fixture
def example(descope: Descope, services: str, tmp_path: Path) -> Example:
    config = json.loads((EXAMPLE / "config.cloud.json").read_text())
    config["users"] = {hashlib.sha256(descope.user_token.encode()).hexdigest(): "alice"}
    config["accountsUrl"], config["weatherUrl"] = f"{services}/me", services
    env = {
        "DESCOPE_PROJECT_ID": "P2testtesttesttesttesttest01",
        "DESCOPE_MANAGEMENT_KEY": MANAGEMENT_KEY,
        "DESCOPE_BASE_URL": descope.url,
        "DESCOPE_ACCESS_TOKEN": descope.user_token,
    }
    return Example(config, tmp_path, env)


class DescopeBrowser(Browser):
    """Grants at Descope what is asked for there, and goes to every other page as it is."""

    def __init__(self, descope: Descope) -> None:
        super().__init__("alice", descope.user_token)
        self._descope = descope

    def open(self, url: str) -> object:
        if url.startswith(self._descope.url):
            self._descope.grant()
            return None
        return super().open(url)


both = pytest.mark.parametrize("transport", ["stdio", "http"])


@both
async def test_round_trip_of_2026(example: Example, descope: Descope, transport: str) -> None:
    person = Person(DescopeBrowser(descope))
    options = {"mode": "2026-07-28", "elicitation_callback": person, "token": descope.user_token}
    async with connected(example, transport, **options) as client:
        assert text(await client.call_tool("briefing", {"city": "haifa"})) == "sunny in me\nsunny in haifa"
        assert len(person.asked) == 2


@both
async def test_error_of_2025(example: Example, descope: Descope, transport: str) -> None:
    browser = DescopeBrowser(descope)
    options = {"mode": "legacy", "elicitation_callback": Person(browser), "token": descope.user_token}
    async with connected(example, transport, **options) as client:
        with pytest.raises(MCPError) as raised:
            await client.call_tool("profile", {})
        assert raised.value.code == -32042
        browser.open(raised.value.data["elicitations"][0]["url"])
        assert text(await client.call_tool("profile", {})) == "sunny in me"


@both
async def test_result_where_nothing_is_declared(example: Example, descope: Descope, transport: str) -> None:
    browser = DescopeBrowser(descope)
    async with connected(example, transport, token=descope.user_token) as client:
        result = await client.call_tool("profile", {})
        assert missing(result)["error"] == "connection_required"
        browser.open(missing(result)["connectionUrl"])
        assert text(await client.call_tool("profile", {})) == "sunny in me"


async def test_the_grant_is_looked_for_as_the_user(example: Example, descope: Descope) -> None:
    """With the user's own token, never with the management key: Descope's policies decide."""
    person = Person(DescopeBrowser(descope))
    async with connected(example, "stdio", mode="2026-07-28", elicitation_callback=person) as client:
        await client.call_tool("profile", {})
    assert {request["credentials"] for request in descope.requests()} == {"token"}
