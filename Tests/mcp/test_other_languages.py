"""The round with the official client on servers in C and Node, which know MCP as plain JSON alone.

The official client holds every answer against the protocol's schema. The OAuth callback is another process's: the grant
reaches the waiting server through the vault's file.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from descope_conn import AsyncClient
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitResult
from parties import ROOT, VAULT_KEY, consent, missing, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REDIRECT_URL = "http://127.0.0.1/callback"
GRANTED = "alice granted 1 scopes at accounts"


@pytest.fixture(scope="session")
def c_server(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The example in C, compiled against the library under test."""
    folder = tmp_path_factory.mktemp("c-mcp")
    library = Path(os.environ["DESCOPE_CONN_LIBRARY"]).resolve()
    command = ["cc", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{ROOT}/include"]
    command += [f"{ROOT}/examples/c-mcp/server.c", "-o", str(folder / "server")]
    command += [str(library), "-ljansson", f"-Wl,-rpath,{library.parent}"]
    subprocess.run(command, check=True)
    return [str(folder / "server")]


@pytest.fixture(params=["c", "node"])
def program(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "c":
        command: list[str] = request.getfixturevalue("c_server")
        return command
    node = shutil.which("node")
    assert node
    return [node, str(ROOT / "Tests/mcp/programs/node_server.js")]


class Deployment:
    """A server on a vault, and the page elsewhere that completes the grants of its users."""

    def __init__(self, program: list[str], apps: list[dict[str, Any]], folder: Path) -> None:
        self._program = program
        self._apps = apps
        self._config = {"backend": "vault", "path": str(folder / "vault.db"), "key": {"bytes": VAULT_KEY}}
        self.asked: list[str] = []

    @asynccontextmanager
    async def connected(self, **client: Any) -> AsyncIterator[Client]:
        async with AsyncClient(self._config) as vault:
            for app in self._apps:
                await vault.call("apps.create", app)
        command, *arguments = [*self._program, json.dumps(self._config), "accounts", "alice", REDIRECT_URL]
        env = {"DESCOPE_CONN_LIBRARY": os.environ["DESCOPE_CONN_LIBRARY"]}
        async with Client(StdioServerParameters(command=command, args=arguments, env=env), **client) as connected:
            yield connected

    async def grant(self, url: str) -> None:
        back = await asyncio.to_thread(consent, url, "alice", "alice-password")
        query = dict(parse_qsl(urlsplit(back).query))
        async with AsyncClient(self._config) as vault:
            await vault.complete(query["state"], code=query["code"], iss=query["iss"], opened_by={"user_id": "alice"})

    async def elicit(self, _: Any, params: Any) -> ElicitResult:
        """Grants while the server already waits."""
        self.asked.append(params.url)
        self._granting = asyncio.create_task(self.grant(params.url))
        return ElicitResult(action="accept")


@pytest.fixture
def deployment(program: list[str], vault_config: dict[str, Any], tmp_path: Path) -> Deployment:
    return Deployment(program, vault_config["apps"], tmp_path)


@pytest.mark.parametrize("mode", ["2026-07-28", "auto"])
async def test_round_trip_of_2026(deployment: Deployment, mode: str) -> None:
    """By a client that knows the server, or one that asks what it speaks."""
    async with deployment.connected(mode=mode, elicitation_callback=deployment.elicit) as client:
        assert text(await client.call_tool("describe_grant", {})) == GRANTED
        assert len(deployment.asked) == 1


async def test_error_of_2025(deployment: Deployment) -> None:
    async with deployment.connected(mode="legacy", elicitation_callback=deployment.elicit) as client:
        with pytest.raises(MCPError) as raised:
            await client.call_tool("describe_grant", {})
        assert raised.value.code == -32042
        await deployment.grant(raised.value.data["elicitations"][0]["url"])
        assert text(await client.call_tool("describe_grant", {})) == GRANTED


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_result_where_nothing_is_declared(deployment: Deployment, mode: str) -> None:
    async with deployment.connected(mode=mode) as client:
        result = await client.call_tool("describe_grant", {})
        assert result.is_error
        assert missing(result)["error"] == "connection_required"
        await deployment.grant(missing(result)["connectionUrl"])
        assert text(await client.call_tool("describe_grant", {})) == GRANTED


async def test_bad_states(deployment: Deployment) -> None:
    """The server's own seal, with no SDK around it."""
    async with deployment.connected(mode="2026-07-28", elicitation_callback=deployment.elicit) as client:

        async def call(state: str | None, arguments: dict[str, Any]) -> Any:
            return await client.session.call_tool(
                "describe_grant", arguments, request_state=state, allow_input_required=True
            )

        first = await call(None, {})
        [request] = first.input_requests.values()
        await deployment.grant(request.params.url)
        for state, arguments in [("forged", {}), (first.request_state, {"other": 1})]:
            with pytest.raises(MCPError) as raised:
                await call(state, arguments)
            assert raised.value.code == -32602
        assert text(await call(first.request_state, {})) == GRANTED
        with pytest.raises(MCPError, match="used before"):
            await call(first.request_state, {})


async def test_a_user_who_declines(deployment: Deployment) -> None:
    async def decline(*_: Any) -> ElicitResult:
        return ElicitResult(action="decline")

    async with deployment.connected(mode="2026-07-28", elicitation_callback=decline) as client:
        result = await client.call_tool("describe_grant", {})
        assert missing(result)["error"] == "connection_declined"
