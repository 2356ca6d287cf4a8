"""The whole round with the official client: a tool that needs a connection, the consent, and the call that then works.

In each of the protocol's three shapes, over both transports.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitCompleteNotification, ElicitResult
from parties import EXAMPLE, Browser, Person, connected, missing, text

if TYPE_CHECKING:
    from parties import Example

URL = re.compile(r"http://127\.0\.0\.1:\S+")


both = pytest.mark.parametrize("transport", ["stdio", "http"])


@both
async def test_round_trip_of_2026(example: Example, transport: str) -> None:
    person = Person(Browser())
    async with connected(example, transport, mode="2026-07-28", elicitation_callback=person) as client:
        result = await client.call_tool("profile", {})
        assert '"user": "alice"' in text(result)
        assert not result.is_error
        assert len(person.asked) == 1
        await client.call_tool("profile", {})
        assert len(person.asked) == 1


@both
async def test_error_of_2025(example: Example, transport: str) -> None:
    example = example.with_config(confirmation=False)  # no form can ask for a code here: test_codes.py
    browser = Browser()
    async with connected(example, transport, mode="legacy", elicitation_callback=Person(browser)) as client:
        with pytest.raises(MCPError) as raised:
            await client.call_tool("profile", {})
        assert raised.value.code == -32042
        [elicitation] = raised.value.data["elicitations"]
        assert sorted(elicitation) == ["elicitationId", "message", "mode", "url"]
        await asyncio.to_thread(browser.open, elicitation["url"])
        assert '"user": "alice"' in text(await client.call_tool("profile", {}))


@both
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_result_where_nothing_is_declared(example: Example, transport: str, mode: str) -> None:
    browser = Browser()
    async with connected(example, transport, mode=mode) as client:
        result = await client.call_tool("profile", {})
        data = missing(result)
        assert result.is_error
        assert list(data) == ["error", "requiresConnection", "connectionUrl", "message", "appId"]
        assert data["error"] == "connection_required"
        assert data["requiresConnection"] is True
        assert data["appId"] == "accounts"
        assert text(result).splitlines()[:2] == [data["connectionUrl"], ""]
        assert URL.findall(text(result)) == [data["connectionUrl"]]
        await asyncio.to_thread(browser.open, data["connectionUrl"])
        arguments = {"confirmation_code": browser.codes["accounts"]} if browser.codes else {}
        assert '"user": "alice"' in text(await client.call_tool("profile", arguments))


@both
async def test_two_connections_are_asked_for_once(example: Example, transport: str) -> None:
    person = Person(Browser())
    async with connected(example, transport, mode="2026-07-28", elicitation_callback=person) as client:
        answer = await client.session.call_tool("briefing", {"city": "haifa"}, allow_input_required=True)
        urls = [request for request in answer.input_requests.values() if request.params.mode == "url"]
        assert len(urls) == 2
        result = await client.call_tool("briefing", {"city": "haifa"})
        assert '"user": "alice"' in text(result)
        assert "sunny in haifa" in text(result)
        assert len(person.asked) == 2


async def test_an_api_key_is_asked_for_by_a_page_and_never_by_a_form(example: Example) -> None:
    person = Person(Browser())
    async with connected(example, "http", mode="2026-07-28", elicitation_callback=person) as client:
        assert text(await client.call_tool("forecast", {"city": "eilat"})) == "sunny in eilat"
        assert [request.mode for request in person.asked] == ["url"]


@both
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_the_user_may_refuse(example: Example, transport: str, action: str) -> None:
    person = Person(Browser(), action)
    async with connected(example, transport, mode="2026-07-28", elicitation_callback=person) as client:
        result = await client.call_tool("profile", {})
        assert result.is_error
        assert missing(result)["error"] == "connection_declined"
        assert missing(result)["action"] == action


@both
async def test_a_call_that_waits_tells_its_progress(example: Example, transport: str) -> None:
    browser = Browser()
    urls: list[str] = []
    opening: list[asyncio.Task[Any]] = []

    async def agree(_: Any, params: Any) -> ElicitResult:
        urls.append(params.url)
        return ElicitResult(action="accept")

    async def hear(*_: Any) -> None:
        if not opening:  # the user comes once the client has heard that the call waits
            opening.append(asyncio.create_task(asyncio.to_thread(browser.open, urls[0])))

    example = example.with_config(confirmation=False)
    async with connected(example, transport, mode="2026-07-28", elicitation_callback=agree) as client:
        assert '"user": "alice"' in text(await client.call_tool("profile", {}, progress_callback=hear))


@both
async def test_a_client_of_2025_hears_when_its_user_is_done(example: Example, transport: str) -> None:
    browser = Browser()
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hear(message: Any) -> None:
        if isinstance(message, ElicitCompleteNotification):
            await heard.put(message.params.elicitation_id)

    example = example.with_config(confirmation=False)
    options = {"mode": "legacy", "elicitation_callback": Person(browser), "message_handler": hear}
    async with connected(example, transport, **options) as client:
        with pytest.raises(MCPError) as raised:
            await client.call_tool("profile", {})
        [elicitation] = raised.value.data["elicitations"]
        await asyncio.to_thread(browser.open, elicitation["url"])
        assert await asyncio.wait_for(heard.get(), 30) == elicitation["elicitationId"]


async def test_no_tool_has_its_tokens_among_its_arguments(example: Example) -> None:
    async with connected(example, "stdio") as client:
        tools = {tool.name: sorted(tool.input_schema["properties"]) for tool in (await client.list_tools()).tools}
        assert tools == {"profile": [], "forecast": ["city"], "briefing": ["city"]}


def test_the_client_of_the_manual(example: Example) -> None:
    with example.serving() as url:
        command = [sys.executable, str(EXAMPLE / "client.py"), f"{url}/mcp", "alice-token", "profile"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "profile needs your access to accounts:\n"
        Browser().open(process.stdout.readline().strip())
        output, _ = process.communicate("\n")
        assert process.returncode == 0
        assert '"user": "alice"' in output
