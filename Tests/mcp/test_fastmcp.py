"""The round on a FastMCP server, with the official client, in each shape."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from mcp.shared.exceptions import MCPError
from parties import Browser, Example, Person, missing, text

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def example(vault_config: dict[str, Any], tmp_path: Path) -> Example:
    return Example(vault_config, tmp_path, program="Tests/mcp/programs/fastmcp_server.py")


async def test_round_trip_of_2026(example: Example) -> None:
    person = Person(Browser())
    async with example.stdio(mode="2026-07-28", elicitation_callback=person) as client:
        result = await client.call_tool("briefing", {"city": "haifa"})
        assert '"user": "alice"' in text(result)
        assert "sunny in haifa" in text(result)
        assert len(person.asked) == 2


async def test_a_prompt(example: Example) -> None:
    person = Person(Browser())
    async with example.stdio(mode="2026-07-28", elicitation_callback=person) as client:
        prompt = await client.get_prompt("introduce")
        assert '"user": "alice"' in prompt.messages[0].content.text
        assert len(person.asked) == 1


async def test_error_of_2025(example: Example) -> None:
    example = example.with_config(confirmation=False)
    browser = Browser()
    async with example.stdio(mode="legacy", elicitation_callback=Person(browser)) as client:
        with pytest.raises(MCPError) as raised:
            await client.call_tool("briefing", {"city": "haifa"})
        assert raised.value.code == -32042
        for elicitation in raised.value.data["elicitations"]:
            await asyncio.to_thread(browser.open, elicitation["url"])
        assert "sunny in haifa" in text(await client.call_tool("briefing", {"city": "haifa"}))


async def test_result_where_nothing_is_declared(example: Example) -> None:
    example = example.with_config(confirmation=False)
    browser = Browser()
    async with example.stdio() as client:
        result = await client.call_tool("briefing", {"city": "haifa"})
        assert result.is_error
        assert missing(result)["error"] == "connection_required"
        for connection in missing(result)["connections"]:
            await asyncio.to_thread(browser.open, connection["connectionUrl"])
        assert "sunny in haifa" in text(await client.call_tool("briefing", {"city": "haifa"}))


async def test_no_tool_has_its_tokens_among_its_arguments(example: Example) -> None:
    async with example.stdio() as client:
        [tool] = (await client.list_tools()).tools
        assert list(tool.input_schema["properties"]) == ["city"]
