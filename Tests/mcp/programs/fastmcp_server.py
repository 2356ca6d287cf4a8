"""The example's tools on FastMCP, over stdio."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path

from fastmcp import FastMCP

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "examples/mcp-python"))

from descope_conn import AsyncClient, Token
from descope_conn.mcp.fastmcp import Caller, Connection, Connections
from server import ask, browser_pages, serve
from starlette.applications import Starlette


async def main() -> None:
    config = json.loads(Path(sys.argv[1]).read_text())
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config["backend"]["connectPageUrl"] = f"{origin}/connect"
    config["backend"]["redirectUrl"] = f"{origin}/callback"
    async with AsyncClient(config["backend"]) as client:
        for app in config["apps"]:
            await client.call("apps.create", app)
        connections = Connections(
            client,
            redirect_url=f"{origin}/connected",
            local=Caller(user_id="alice"),
            confirmation=config.get("confirmation"),
        )
        server = FastMCP("example", middleware=[connections])
        server.add_resource(connections.card)

        @server.tool(meta=connections.card_meta)
        @connections.needs(
            accounts=Connection("accounts", scopes=["read"]),
            weather=Connection("weather"),
        )
        async def briefing(city: str, accounts: Token, weather: Token) -> str:
            who = await ask(client, accounts, config["accountsUrl"], "authorization", "Bearer ")
            return who + await ask(client, weather, f"{config['weatherUrl']}/{city}", "x-api-key")

        @server.prompt
        @connections.needs(accounts=Connection("accounts", scopes=["read"]))
        async def introduce(accounts: Token) -> str:
            return await ask(client, accounts, config["accountsUrl"], "authorization", "Bearer ")

        async with serve(Starlette(routes=[browser_pages(client, origin, lambda _: "alice")]), listener):
            await server.run_async("stdio", show_banner=False)


if __name__ == "__main__":
    asyncio.run(main())
