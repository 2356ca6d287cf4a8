"""An MCP server whose tools act for the user at two services: one with OAuth, one with API keys.

    python server.py config.vault.json                   over stdio, for the user who starts it
    python server.py config.vault.json --http 8000       over streamable HTTP, for all users of the config
    python server.py config.cloud.json ...               the same, with Descope's cloud in place of the vault

docs/mcp.md walks through it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import socket
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import uvicorn
from descope_conn import AsyncClient, ConflictError, ConnError, Token
from descope_conn.mcp import Caller, Connection, Connections
from descope_conn.web import Pages, asgi
from mcp.server.apps import Apps
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from starlette.applications import Starlette
from starlette.routing import Mount
from users import Users

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


def add_tools(
    server: MCPServer, client: AsyncClient, connections: Connections, config: dict[str, Any], origin: str
) -> None:
    """The tools. What they need stands above them; they run once the user has connected it."""
    accounts = Connection("accounts", scopes=["read"])
    # The vault's connect URLs lead to the form for a key by themselves; Descope's cloud has none for keys.
    is_vault = config["backend"]["backend"] == "vault"
    weather = Connection("weather", connect_url=None if is_vault else f"{origin}/key?app=weather")

    @server.tool(meta=connections.card_meta)
    @connections.needs(accounts=accounts)
    async def profile(accounts: Token) -> str:
        """Who you are at the accounts service."""
        return await ask(client, accounts, config["accountsUrl"], "authorization", "Bearer ")

    @server.tool(meta=connections.card_meta)
    @connections.needs(weather=weather)
    async def forecast(city: str, weather: Token) -> str:
        """Tomorrow's weather in a city."""
        return await ask(client, weather, f"{config['weatherUrl']}/{city}", "x-api-key")

    @server.tool(meta=connections.card_meta)
    @connections.needs(accounts=accounts, weather=weather)
    async def briefing(city: str, accounts: Token, weather: Token) -> str:
        """Who you are, and tomorrow's weather."""
        who, sky = await asyncio.gather(
            ask(client, accounts, config["accountsUrl"], "authorization", "Bearer "),
            ask(client, weather, f"{config['weatherUrl']}/{city}", "x-api-key"),
        )
        return f"{who}\n{sky}"


def browser_pages(client: AsyncClient, origin: str, user: Callable[[Any], str | None]) -> Mount:
    """Where the user's browser goes: to connect, to enter a key, back from the provider, and in the end.

    ``user`` says who is signed in. Over stdio that is whoever opens a page on this machine: the pages listen on the
    loopback interface alone, so a URL that is handed to somebody elsewhere leads nowhere. Others may share the machine,
    so grants are held back until the code that the browser shows is typed at the MCP client (``confirmation``).
    """

    def session(scope: Any) -> Any:
        user_id = user(scope)
        return user_id and {"user_id": user_id}

    pages = Pages(origin, product="The example server", sign_in_url=f"{origin}/sign-in")
    return Mount("/", asgi(client, pages, session))


def card_of(connections: Connections) -> Apps:
    """What clients with MCP Apps show beside the tools' results, where a connection is missing."""
    apps = Apps()
    apps.add_resource(connections.card)
    return apps


async def ask(client: AsyncClient, token: Token, url: str, header: str, scheme: str = "") -> str:
    """What a service answers to the user's token or key.

    One that the service refuses is reported: the next call has another token, or asks the user again.
    """
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.get(url, headers={header: scheme + token.access_token})
    if answer.status_code == 401 and client.backend == "vault" and token.id:
        digest = hashlib.sha256(token.access_token.encode()).hexdigest()
        with suppress(ConnError):
            await client.report_rejected(token.id, digest, user_id=token.user_id, tenant_id=token.tenant_id)
        raise ToolError(f"The service did not accept your access to {token.app_id}. Call again to connect it anew.")
    return answer.raise_for_status().text


@asynccontextmanager
async def serve(app: Any, listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Serves a web application in the background."""
    web = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    web.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(web.serve(sockets=[listener]))
    try:
        yield task
    finally:
        web.should_exit = True
        await task


async def main() -> None:
    """Opens the backend that the config names, and serves the tools."""
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("--http", type=int, metavar="PORT", help="serve HTTP on this port; 0 picks a free one")
    options = parser.parse_args()
    config = json.loads(options.config.read_text())

    wait = config["waitSeconds"]
    listener = socket.create_server(("127.0.0.1", options.http or 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    if config["backend"]["backend"] == "vault":
        config["backend"]["connectPageUrl"] = f"{origin}/connect"
        config["backend"]["redirectUrl"] = f"{origin}/callback"
    async with AsyncClient(config["backend"]) as client:
        for app in config["apps"]:
            with suppress(ConflictError):  # made at an earlier start
                await client.call("apps.create", app)
        if options.http is None:
            local = Caller(user_id=config["localUser"], access_token=os.environ.get("DESCOPE_ACCESS_TOKEN"))
            connections = Connections(
                client,
                redirect_url=f"{origin}/connected",
                wait=wait,
                local=local,
                confirmation=config.get("confirmation"),
            )
            server = MCPServer("example", extensions=[card_of(connections)])
            add_tools(server, client, connections, config, origin)
            async with serve(Starlette(routes=[browser_pages(client, origin, lambda _: local.user_id)]), listener):
                await server.run_stdio_async()
        else:
            users = Users(config["users"], origin)
            connections = Connections(client, redirect_url=f"{origin}/connected", wait=wait)
            auth = AuthSettings(issuer_url=origin, resource_server_url=f"{origin}/mcp", validate_token_resource=True)
            server = MCPServer("example", token_verifier=users, auth=auth, extensions=[card_of(connections)])
            add_tools(server, client, connections, config, origin)
            app = server.streamable_http_app()
            app.routes.extend([*users.routes, browser_pages(client, origin, users.signed_in)])
            async with serve(app, listener) as serving:
                print("READY", listener.getsockname()[1], flush=True)
                await serving


if __name__ == "__main__":
    asyncio.run(main())
