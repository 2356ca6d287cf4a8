"""A client to try the server with: python client.py http://127.0.0.1:8000/mcp alice-token profile [city=haifa ...]."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import httpx2
from mcp import Client, InputRequiredRoundsExceededError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult

ONE_AT_A_TIME = asyncio.Lock()


async def show_url(_: Any, params: Any) -> ElicitResult:
    """What a client with a screen does with a window."""
    async with ONE_AT_A_TIME:
        print(f"{params.message}:\n{params.url}\nEnter when you have opened it, n to decline: ", end="", flush=True)
        answer = await asyncio.to_thread(sys.stdin.readline)
    return ElicitResult(action="decline" if answer.strip() == "n" else "accept")


async def main(url: str, token: str, tool: str, *arguments: str) -> None:
    """Calls a tool, and prints what it says."""
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http), elicitation_callback=show_url) as client:
            try:
                result = await client.call_tool(tool, dict(argument.split("=", 1) for argument in arguments))
            except InputRequiredRoundsExceededError:
                print("The server has waited long enough. Call again when you have connected.")
                return
            print(*(block.text for block in result.content))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
