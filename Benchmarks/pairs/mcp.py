"""What the library adds to an MCP server: the answer that asks for a connection, and a tool call that has its token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure import Benchmark
from harness.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = {
    "op": "mcp.answer",
    "method": "tools/call",
    "name": "forecast",
    "arguments": {"city": "haifa"},
    "userId": "user 7",
    "protocolVersion": "2025-06-18",
    "capabilities": {"elicitation": {"form": {}, "url": {}}},
    "connections": [{"appId": "crm", "connectionUrl": "https://app.example.com/connect?ticket=t"}],
}


def benchmarks(world: World) -> Iterator[Benchmark]:
    config = world.vault(100)
    yield Benchmark(us=world.c("calls", config, ANSWER), peer=None, compares={"answer": "p50"}, reports=["p99"])
    yield Benchmark(
        us=world.python("mcp_call.py", "connected", config),
        peer=world.python("mcp_call.py", "plain", config),
        compares={"call": "p50"},
        reports=["p99"],
    )
