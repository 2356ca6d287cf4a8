"""What bad input, bad luck and bad people get: a clear answer, and no token in the wrong hands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from mcp.client._input_required import InputRequiredRoundsExceededError
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitResult
from parties import TOKENS, VAULT_KEY, Browser, Person, connected, main_link, missing, over_http, text

if TYPE_CHECKING:
    from mcp import Client
    from parties import Example

MODERN = {"mode": "2026-07-28", "elicitation_callback": Person(Browser())}


async def first_round(client: Client, tool: str = "profile", **arguments: str) -> Any:
    return await client.session.call_tool(tool, arguments, allow_input_required=True)


async def again(client: Client, state: str, tool: str = "profile", **arguments: str) -> Any:
    return await client.session.call_tool(tool, arguments, request_state=state, allow_input_required=True)


def url_of(answer: Any) -> str:
    [request] = answer.input_requests.values()
    return request.params.url


@pytest.fixture
def impatient(example: Example) -> Example:
    """A server that does not wait for its users, and asks for no code: what that is good for is in test_codes.py."""
    return example.with_config(waitSeconds=0, confirmation=False)


async def test_a_late_user_finds_the_call_still_waiting(example: Example) -> None:
    browser = Browser()
    opening: list[asyncio.Task[Any]] = []

    async def person(_: Any, params: Any) -> ElicitResult:
        opening.append(asyncio.create_task(asyncio.to_thread(browser.open, params.url)))
        return ElicitResult(action="accept")

    example = example.with_config(confirmation=False)
    async with example.stdio(mode="2026-07-28", elicitation_callback=person) as client:
        assert '"user": "alice"' in text(await client.call_tool("profile", {}))
        assert len(opening) == 1


async def test_a_user_who_never_comes_back(impatient: Example) -> None:
    async def person(*_: Any) -> ElicitResult:
        asked.append(True)
        return ElicitResult(action="accept")

    asked: list[bool] = []
    async with impatient.stdio(mode="2026-07-28", elicitation_callback=person) as client:
        with pytest.raises(InputRequiredRoundsExceededError):
            await client.call_tool("profile", {})
        assert len(asked) == 1


async def test_a_user_who_denies_at_the_provider(impatient: Example) -> None:
    browser = Browser(approve=False)
    async with impatient.stdio(**MODERN) as client:
        answer = await first_round(client)
        page = await asyncio.to_thread(browser.open, url_of(answer))
        assert "Access was refused" in page.text
        assert (await again(client, answer.request_state)).result_type == "input_required"


async def test_a_second_user_who_opens_the_url(impatient: Example) -> None:
    with impatient.serving() as url:
        async with over_http(url, TOKENS["alice"], **MODERN) as alice, over_http(url, TOKENS["bob"], **MODERN) as bob:
            answer = await first_round(alice)
            page = await asyncio.to_thread(Browser("bob").open, url_of(answer))
            assert page.status_code == 403
            assert "somebody else" in page.text
            assert (await first_round(bob)).result_type == "input_required"
            waiting = await again(alice, answer.request_state)
            assert waiting.result_type == "input_required"
            # It is still hers.
            await asyncio.to_thread(Browser("alice").open, url_of(answer))
            assert '"user": "alice"' in text(await again(alice, waiting.request_state))


async def test_a_second_user_who_is_sent_on_to_the_provider(impatient: Example) -> None:
    """Whoever may open the URL sends what is behind it to somebody else, who consents there."""
    with impatient.serving() as url:
        async with over_http(url, TOKENS["alice"], **MODERN) as alice:
            answer = await first_round(alice)
            with httpx2.Client(follow_redirects=True, trust_env=False) as http:
                sign_in = http.get(url_of(answer))
                http.post(sign_in.url, data={"token": TOKENS["alice"]}, headers={"origin": url})
                behind = main_link(http.get(url_of(answer)))
            assert "/authorize?" in behind
            page = await asyncio.to_thread(Browser("bob").open, behind)
            assert page.status_code == 403
            assert "somebody else" in page.text
            assert (await again(alice, answer.request_state)).result_type == "input_required"


@pytest.mark.parametrize("origin", [None, "null", "https://elsewhere.example"])
@pytest.mark.parametrize("path", ["/sign-in", "/key?app=weather"])
def test_forms_of_other_sites(example: Example, path: str, origin: str | None) -> None:
    """Signed in as somebody else by a page that they have opened, a user would grant for that one."""
    with example.serving() as url, httpx2.Client(trust_env=False) as http:
        if path != "/sign-in":
            http.post(f"{url}/sign-in", data={"token": TOKENS["alice"]}, headers={"origin": url})
        form = {"token": TOKENS["bob"], "key": "key-of-bob"}
        answer = http.post(f"{url}{path}", data=form, headers={"origin": origin} if origin else {})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_a_ticket_that_nobody_made(example: Example) -> None:
    with example.serving() as url:
        page = Browser().open(f"{url}/connect?ticket=forged")
        assert page.status_code == 404
        assert "This link is not known" in page.text


@pytest.mark.parametrize("forged", ["forged", "", "A" * 400])
async def test_a_forged_state(impatient: Example, forged: str) -> None:
    async with impatient.stdio(**MODERN) as client:
        with pytest.raises(MCPError, match="requestState") as raised:
            await again(client, forged)
        assert raised.value.code == -32602


async def test_a_state_of_another_user_or_another_call(impatient: Example) -> None:
    with impatient.serving() as url:
        async with over_http(url, TOKENS["alice"], **MODERN) as alice, over_http(url, TOKENS["bob"], **MODERN) as bob:
            answer = await first_round(alice, "forecast", city="haifa")
            await asyncio.to_thread(Browser().open, url_of(answer))
            for thief, city in [(bob, "haifa"), (alice, "eilat")]:
                with pytest.raises(MCPError, match="requestState") as raised:
                    await again(thief, answer.request_state, "forecast", city=city)
                assert raised.value.code == -32602
            assert text(await again(alice, answer.request_state, "forecast", city="haifa")) == "sunny in haifa"


async def test_a_replayed_state(impatient: Example) -> None:
    async with impatient.stdio(**MODERN) as client:
        answer = await first_round(client)
        await asyncio.to_thread(Browser().open, url_of(answer))
        assert '"user": "alice"' in text(await again(client, answer.request_state))
        with pytest.raises(MCPError, match="used before") as raised:
            await again(client, answer.request_state)
        assert raised.value.code == -32602
        assert raised.value.data["code"] == "conflict"


async def test_a_connection_that_is_deleted_between_grant_and_retry(impatient: Example) -> None:
    async with impatient.stdio(**MODERN) as client:
        answer = await first_round(client)
        await asyncio.to_thread(Browser().open, url_of(answer))
        async with impatient.open_vault() as vault:
            await vault.apps.delete("accounts")
        result = await again(client, answer.request_state)
        assert result.is_error
        assert "no connection accounts" in text(result)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer nobodys-token"}])
def test_http_without_a_good_token(example: Example, headers: dict[str, str]) -> None:
    with example.serving() as url:
        assert httpx2.post(f"{url}/mcp", json={}, headers=headers, trust_env=False).status_code == 401


async def test_nothing_secret_leaves_the_server(example: Example) -> None:
    person = Person(Browser())
    async with connected(example, "http", mode="2026-07-28", elicitation_callback=person) as client:
        first = await first_round(client, "briefing", city="haifa")
        last = await client.call_tool("briefing", {"city": "haifa"})
    seen = example.log.read_text() + first.model_dump_json() + last.model_dump_json() + "".join(person.browser.opened)
    for secret in ["alice-token", "weather-key-of-alice", "test-client-secret", "alice-password", VAULT_KEY]:
        assert secret not in seen


async def test_a_key_that_the_service_refuses_is_asked_for_again(example: Example) -> None:
    """A mistyped key, say: the call fails, and the next one leads to the form."""
    with example.serving() as url:
        async with over_http(url, TOKENS["alice"]) as alice:
            async with example.open_vault() as vault:
                await vault.store_api_key("weather", "mistyped", user_id="alice")
            assert "did not accept" in text(await alice.call_tool("forecast", {"city": "haifa"}))
            asked = await alice.call_tool("forecast", {"city": "haifa"})
            await asyncio.to_thread(Browser().open, missing(asked)["connectionUrl"])
            assert text(await alice.call_tool("forecast", {"city": "haifa"})) == "sunny in haifa"
