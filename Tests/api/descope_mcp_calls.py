"""Makes calls of descope-mcp as an MCP server would, over an API at another base URL than Descope's.

Standard input: {"base": URL, "calls": [[NAME, {ARGUMENTS}], ...]}. Standard output: what each gives, or how it fails.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from typing import Any

order = json.load(sys.stdin)
os.environ["DESCOPE_BASE_URI"] = order["base"]

import descope_mcp  # noqa: E402
import httpx  # noqa: E402
from descope import DescopeClient  # noqa: E402

post = httpx.post
# With an access token it knows no other base URL than Descope's.
httpx.post = lambda url, **rest: post(url.replace("https://api.descope.com", order["base"], 1), **rest)


def call(name: str, arguments: dict[str, Any]) -> Any:
    config = arguments.pop("config", None)
    if config:
        arguments["config"] = descope_mcp.DescopeConfig(**config)
    if client := arguments.pop("descope_client", None):
        arguments["descope_client"] = DescopeClient(**client)
    found = getattr(descope_mcp, name)(**arguments)
    return asyncio.run(found) if inspect.iscoroutine(found) else found


outcomes: list[Any] = []
for name, arguments in order["calls"]:
    try:
        outcomes.append(call(name, arguments))
    except Exception as error:
        outcomes.append(f"failed: {error}")
json.dump(outcomes, sys.stdout)
