"""Typed codes over stdio: whoever consents in a browser of this machine may not be whoever started the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from mcp.types import ElicitRequestFormParams, ElicitResult
from parties import Browser, Example, Person, missing, text

if TYPE_CHECKING:
    from pathlib import Path

GRANTED = '"user": "alice"'


@pytest.fixture(params=["official", "fastmcp"])
def example(request: pytest.FixtureRequest, vault_config: dict[str, Any], tmp_path: Path) -> Example:
    if request.param == "official":
        return Example(vault_config, tmp_path)
    return Example(vault_config, tmp_path, program="Tests/mcp/programs/fastmcp_server.py")


def mistyped(code: str) -> str:
    return code[:-1] + ("1" if code.endswith("0") else "0")


def tool_of(example: Example) -> tuple[str, dict[str, str]]:
    return ("briefing", {"city": "haifa"}) if "fastmcp" in example.program else ("profile", {})


async def test_a_form_asks_for_the_code(example: Example) -> None:
    name, arguments = tool_of(example)
    person = Person(Browser())
    async with example.stdio(mode="2026-07-28", elicitation_callback=person) as client:
        assert GRANTED in text(await client.call_tool(name, arguments))
    assert person.browser.codes


async def test_a_wrong_code_is_asked_for_again(example: Example) -> None:
    name, arguments = tool_of(example)
    person = Person(Browser())
    messages: list[str] = []

    async def mistype_once(context: Any, params: Any) -> ElicitResult:
        answer = await person(context, params)
        if isinstance(params, ElicitRequestFormParams):
            messages.append(params.message)
            if len(messages) == 1:
                return ElicitResult(action="accept", content={"code": mistyped(answer.content["code"])})
        return answer

    async with example.stdio(mode="2026-07-28", elicitation_callback=mistype_once) as client:
        assert GRANTED in text(await client.call_tool(name, arguments))
    assert len(messages) == len(person.browser.codes) + 1
    assert "not the code" in messages[-1]


async def test_the_model_brings_the_code_where_there_are_no_forms(example: Example) -> None:
    name, arguments = tool_of(example)
    browser = Browser()
    async with example.stdio() as client:
        result = await client.call_tool(name, arguments)
        url, blank, words = text(result).splitlines()
        assert blank == ""
        assert "confirmation_code" in words
        await asyncio.to_thread(browser.open, url)
        assert missing(await client.call_tool(name, arguments))["error"] == "connection_required"
        code = browser.codes["accounts"]
        wrong = await client.call_tool(name, {**arguments, "confirmation_code": mistyped(code)})
        assert wrong.is_error
        assert "not the code" in text(wrong)
        result = await client.call_tool(name, {**arguments, "confirmation_code": code})
        while result.is_error:  # one connection after the other
            await asyncio.to_thread(browser.open, missing(result)["connectionUrl"])
            code = browser.codes[missing(result)["appId"]]
            result = await client.call_tool(name, {**arguments, "confirmation_code": code})
        assert GRANTED in text(result)


async def test_nobody_grants_for_the_server_by_opening_its_url(example: Example) -> None:
    """Another user of the machine consents: whoever started the server does not see the code, and gets nothing."""
    name, arguments = tool_of(example)
    example = example.with_config(waitSeconds=0)
    async with example.stdio() as client:
        url = text(await client.call_tool(name, arguments)).splitlines()[0]
        await asyncio.to_thread(Browser("bob").open, url)
        result = await client.call_tool(name, arguments)
        assert missing(result)["error"] == "connection_required"
        async with example.open_vault() as vault:
            assert not (await vault.list_tokens(user_id="alice")).tokens


async def test_a_machine_with_one_user_may_do_without(example: Example) -> None:
    name, arguments = tool_of(example)
    person = Person(Browser())
    example = example.with_config(confirmation=False)
    async with example.stdio(mode="2026-07-28", elicitation_callback=person) as client:
        assert GRANTED in text(await client.call_tool(name, arguments))
    assert not person.browser.codes
