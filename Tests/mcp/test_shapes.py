"""What clients that show less are sent, with the official client: results that fit, cards, progress and completions.

The server is in this process, and a grant is a token that is stored for its user.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from descope_conn import AsyncClient, Token
from descope_conn.mcp import Caller, Connection, Connections
from mcp import Client
from mcp.client.extension import ClientExtension
from mcp.server.apps import Apps
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitCompleteNotification, ElicitResult, Implementation
from parties import ROOT, VAULT_KEY, missing, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FIRST_LINE = re.compile(r"https://accounts\.example/authorize\?\S+\Z")


class ShowsApps(ClientExtension):
    """A client that declares MCP Apps."""

    identifier = "io.modelcontextprotocol/ui"

    def settings(self) -> dict[str, Any]:
        return {"mimeTypes": ["text/html;profile=mcp-app"]}


class Server:
    """Three tools with output schemas, which need what nobody has granted yet."""

    def __init__(self, client: AsyncClient, **options: Any) -> None:
        self.client = client
        self.connections = Connections(
            client, redirect_url="https://app.example/done", local=Caller(user_id="u"), **options
        )
        apps = Apps()
        apps.add_resource(self.connections.card)
        self.mcp = MCPServer("shapes", extensions=[apps])

        @self.mcp.tool(meta=self.connections.card_meta)
        @self.connections.needs(accounts=Connection("accounts"))
        async def profile(accounts: Token) -> str:
            return accounts.access_token

        @self.mcp.tool()
        @self.connections.needs(accounts=Connection("accounts"))
        async def numbers(accounts: Token) -> list[int]:
            return [len(accounts.access_token)]

        @self.mcp.tool()
        @self.connections.needs(accounts=Connection("accounts"))
        async def upload(accounts: Token, file: Any = None) -> str:
            return f"{accounts.access_token} took it"

    async def grant(self) -> None:
        await self.client.store_token("accounts", user_id="u", access_token="t")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    config = {"redirect_url": "https://app.example/callback", "key": {"bytes": VAULT_KEY}}
    async with AsyncClient.vault(path=tmp_path / "vault.db", **config) as client:
        await client.apps.create(
            id="accounts",
            client_id="c",
            authorization_url="https://accounts.example/authorize",
            token_url="https://accounts.example/token",
        )
        yield Server(client, confirmation=False)


async def accept(*_: Any) -> ElicitResult:
    return ElicitResult(action="accept")


# MARK: Results


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
@pytest.mark.parametrize("tool", ["profile", "numbers"])
async def test_a_tool_with_an_output_schema_answers_what_fits(server: Server, mode: str, tool: str) -> None:
    async with Client(server.mcp, mode=mode) as client:
        [schema] = [one.output_schema for one in (await client.list_tools()).tools if one.name == tool]
        assert schema is not None
        result = await client.call_tool(tool, {})
        assert result.is_error
        if result.structured_content is not None:
            jsonschema.validate(result.structured_content, schema)
        first, second, *_ = text(result).splitlines()
        assert FIRST_LINE.match(first)
        assert second == ""
        assert missing(result)["connectionUrl"] == first
        await server.grant()
        assert not (await client.call_tool(tool, {})).is_error


# MARK: Arguments


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"content": [value]}
    return value


ARGUMENTS = {
    "beyond 64 bits": 10**20,
    "unsigned 64 bits": 2**64 - 1,
    "far beyond": -(10**400),
    "NUL": "a\0b",
    "NUL in a name": {"a\0": 1},
    "lone surrogate": "cut \ud83d",
    "64 levels": deep(32),
    "90 levels": deep(45),
    "4 MB": "A" * 4_000_000,
    "half of it": [0.1, -0.0, 1e-300, None, True, ""],
}


@pytest.mark.parametrize("value", ARGUMENTS.values(), ids=ARGUMENTS.keys())
async def test_any_arguments_give_the_url(server: Server, value: Any) -> None:
    """By the operations themselves, as a server of one's own calls them."""
    call = {"arguments": {"file": value}, "user_id": "u"}
    shown = {"app_id": "accounts", "connection_url": "https://app.example/connect"}
    answer = await server.client.mcp.answer(
        "tools/call",
        "upload",
        protocol_version="2026-07-28",
        capabilities={"elicitation": {"url": {}}, "experimental": {"anything": value}},
        client_info={"name": "a client\0", "version": value},
        connections=[shown],
        **call,
    )
    state = answer["response"]["result"]["requestState"]
    await server.grant()
    answers = {"connect-1": {"action": "accept", "content": {"anything": value}}}
    resume = server.client.mcp.resume
    ready = await resume("tools/call", "upload", request_state=state, input_responses=answers, wait=0, **call)
    assert ready["state"] == "ready"


@pytest.mark.parametrize("value", ["A" * 4_000_000, 10**20, "a\0b", deep(32)], ids=["4 MB", "big", "NUL", "deep"])
async def test_any_arguments_give_the_url_over_the_wire(server: Server, value: Any) -> None:
    asked = []

    async def person(_: Any, params: Any) -> ElicitResult:
        asked.append(params.url)
        await server.grant()
        return ElicitResult(action="accept")

    async with Client(server.mcp, mode="2026-07-28", elicitation_callback=person) as client:
        assert text(await client.call_tool("upload", {"file": value})) == "t took it"
        assert len(asked) == 1


# MARK: Clients by name


async def test_a_client_that_hides_urls_is_told_in_words(server: Server) -> None:
    info = Implementation(name="claude-code", version="2.1.87")
    async with Client(server.mcp, mode="legacy", elicitation_callback=accept, client_info=info) as client:
        result = await client.call_tool("profile", {})
        assert FIRST_LINE.match(text(result).splitlines()[0])
    info = Implementation(name="claude-code", version="9.0.0")
    async with Client(server.mcp, mode="legacy", elicitation_callback=accept, client_info=info) as client:
        with pytest.raises(MCPError):
            await client.call_tool("profile", {})


# MARK: MCP Apps


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_client_with_apps_finds_the_card(server: Server, mode: str) -> None:
    async with Client(server.mcp, mode=mode, extensions=[ShowsApps()]) as client:
        tools = {one.name: one.meta for one in (await client.list_tools()).tools}
        uri = tools["profile"]["ui"]["resourceUri"]
        assert uri == (await server.client.mcp.card())["uri"]
        [card] = (await client.read_resource(uri)).contents
        assert card.mime_type == "text/html;profile=mcp-app"
        assert card.text.startswith("<!doctype html>")
        result = await client.call_tool("profile", {})
        assert missing(result)["error"] == "connection_required"
        assert FIRST_LINE.match(text(result).splitlines()[0])  # for the model, and for those who see no card


def message(method: str, params: dict[str, Any] | None = None, *, has_id: bool) -> dict[str, Any]:
    """The schema of a message that the card sends. Source: ext-apps, 2026-01-26."""
    properties: dict[str, Any] = {"jsonrpc": {"const": "2.0"}, "method": {"const": method}}
    properties["params"] = {"type": "object", "additionalProperties": False, **(params or {})}
    if has_id:
        properties["id"] = {"type": ["integer", "string"]}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


STRING = {"type": "string"}
SENT = {
    "ui/initialize": message(
        "ui/initialize",
        {
            "properties": {
                "protocolVersion": {"const": "2026-01-26"},
                "appInfo": {
                    "type": "object",
                    "properties": {"name": STRING, "version": STRING},
                    "required": ["name", "version"],
                },
                "appCapabilities": {
                    "type": "object",
                    "properties": {
                        "availableDisplayModes": {
                            "type": "array",
                            "items": {"enum": ["inline", "fullscreen", "pip"]},
                        }
                    },
                    "additionalProperties": False,
                },
            },
            "required": ["protocolVersion", "appInfo", "appCapabilities"],
        },
        has_id=True,
    ),
    "ui/notifications/initialized": message("ui/notifications/initialized", has_id=False),
    "ui/notifications/size-changed": message(
        "ui/notifications/size-changed",
        {"properties": {"width": {"type": "number"}, "height": {"type": "number"}}},
        has_id=False,
    ),
    "ui/open-link": message("ui/open-link", {"properties": {"url": STRING}, "required": ["url"]}, has_id=True),
    "ui/message": message(
        "ui/message",
        {
            "properties": {
                "role": {"const": "user"},
                "content": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"type": {"const": "text"}, "text": STRING},
                        "required": ["type", "text"],
                        "additionalProperties": False,
                    },
                },
            },
            "required": ["role", "content"],
        },
        has_id=True,
    ),
}


async def in_a_host(card: str, results: list[Any], *, refuses: bool = False) -> dict[str, Any]:
    """Runs the card beside a tool's results, in a page of nothing but what it needs. Says what it sent and showed."""
    node = shutil.which("node")
    assert node
    run = await asyncio.to_thread(
        subprocess.run,
        [node, str(ROOT / "Tests/mcp/programs/card_host.js")],
        input=json.dumps({"html": card, "results": results, "refuses": refuses}),
        capture_output=True,
        text=True,
        check=True,
    )
    seen: dict[str, Any] = json.loads(run.stdout)
    for sent in seen["sent"]:
        if "method" in sent:
            jsonschema.validate(sent, SENT[sent["method"]])
    return seen


async def test_the_card_opens_what_the_result_says(server: Server) -> None:
    async with Client(server.mcp, extensions=[ShowsApps()]) as client:
        result = (await client.call_tool("profile", {})).model_dump(mode="json", by_alias=True)
    url = result["_meta"]["descope-conn/connection"]["connectionUrl"]
    seen = await in_a_host((await server.client.mcp.card())["text"], [result])
    asked = [one["method"] for one in seen["sent"] if {"id", "method"} <= one.keys()]
    assert asked == ["ui/initialize", "ui/open-link", "ui/message"]
    [opened] = [one["params"]["url"] for one in seen["sent"] if one.get("method") == "ui/open-link"]
    assert opened == url
    assert seen["shown"] == [["Connect accounts"]]
    assert seen["heights"][-1] > 0
    assert not any("<" in words for words in seen["texts"])


async def test_the_card_shows_the_url_where_the_host_opens_none(server: Server) -> None:
    async with Client(server.mcp, extensions=[ShowsApps()]) as client:
        result = (await client.call_tool("profile", {})).model_dump(mode="json", by_alias=True)
    seen = await in_a_host((await server.client.mcp.card())["text"], [result], refuses=True)
    assert result["_meta"]["descope-conn/connection"]["connectionUrl"] in seen["texts"]


async def test_the_card_is_not_seen_where_nothing_is_missing(server: Server) -> None:
    card = (await server.client.mcp.card())["text"]
    data = {"error": "connection_required", "message": "m", "appId": "a", "connectionUrl": "javascript:alert(1)"}
    granted = {"content": [{"type": "text", "text": "done"}]}
    for result in [granted, {"content": [], "_meta": {"descope-conn/connection": data}}, {"content": [], "_meta": {}}]:
        seen = await in_a_host(card, [result])
        assert seen["shown"] == [[]]
        assert seen["heights"][-1] == 0


# MARK: Notifications


async def test_progress_is_told_while_a_call_waits(server: Server) -> None:
    told: list[tuple[float, float | None, str | None]] = []
    granting: list[asyncio.Task[None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))
        if not granting:  # the call goes on once its client has heard that it waits
            granting.append(asyncio.create_task(server.grant()))

    async with Client(server.mcp, mode="2026-07-28", elicitation_callback=accept) as client:
        result = await client.call_tool("profile", {}, progress_callback=progress)
        assert text(result) == "t"
    assert told[0][2] == "Waiting for the user to connect accounts"
    assert told[0][1] == 20
    assert [one[0] for one in told] == sorted({one[0] for one in told})


async def test_a_client_of_2025_hears_when_the_grant_is_there(server: Server) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hear(message: Any) -> None:
        if isinstance(message, ElicitCompleteNotification):
            await heard.put(message.params.elicitation_id)

    async with Client(server.mcp, mode="legacy", elicitation_callback=accept, message_handler=hear) as client:
        with pytest.raises(MCPError) as raised:
            await client.call_tool("profile", {})
        assert heard.empty()
        await server.grant()
        [elicitation] = raised.value.data["elicitations"]
        assert await asyncio.wait_for(heard.get(), 20) == elicitation["elicitationId"]
        assert text(await client.call_tool("profile", {})) == "t"
