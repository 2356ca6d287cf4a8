"""A whole tool call by the MCP SDK's own client, in one process, in rounds: `mcp_call.py plain|connected CONFIG`.

The connected tool has a token of a connection, which the user has; the plain one is the same without."""

from __future__ import annotations

import asyncio
import json
import sys

import rounds
from descope_conn import AsyncClient, Token
from descope_conn.mcp import Caller, Connection, Connections
from mcp import Client
from mcp.server.mcpserver import MCPServer


async def main(which: str, config: str) -> None:
    async with AsyncClient(json.loads(config)) as library:
        server = MCPServer("bench")
        caller = Caller(user_id="user 7")
        connections = Connections(library, redirect_url="https://app.example.com/connected", local=caller)

        @server.tool()
        async def plain(city: str) -> str:
            """The weather in a city."""
            return f"sunny in {city}"

        @server.tool()
        @connections.needs(crm=Connection("crm"))
        async def connected(city: str, crm: Token) -> str:
            """The weather in a city."""
            assert crm.access_token
            return f"sunny in {city}"

        async with Client(server) as client:

            async def call() -> None:
                result = await client.call_tool(which, {"city": "haifa"})
                assert not result.is_error, result

            await rounds.serve_async(call)


asyncio.run(main(*sys.argv[1:]))
