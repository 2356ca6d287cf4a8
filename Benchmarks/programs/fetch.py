"""A fetch from Python, in rounds: `fetch.py ours|ours-async|sdk|sdk-async CONFIG`.

CONFIG is the library's own; the official SDK takes project, key and URL of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import rounds

APP, USER = "crm", "user 7"


def ours(config: dict[str, Any]) -> None:
    from descope_conn import Client

    with Client(config) as client:
        rounds.serve(lambda: client.fetch_token(APP, user_id=USER))


async def ours_async(config: dict[str, Any]) -> None:
    from descope_conn import AsyncClient

    async with AsyncClient(config) as client:
        await rounds.serve_async(lambda: client.fetch_token(APP, user_id=USER))


def sdk(config: dict[str, Any]) -> None:
    from descope import DescopeClient

    client = DescopeClient(**_settings(config))
    rounds.serve(lambda: client.mgmt.outbound_application.fetch_token(APP, USER))


async def sdk_async(config: dict[str, Any]) -> None:
    from descope import DescopeClientAsync

    async with DescopeClientAsync(**_settings(config)) as client:
        await rounds.serve_async(lambda: client.mgmt.outbound_application.fetch_token(APP, USER))


def _settings(config: dict[str, Any]) -> dict[str, str]:
    return {
        "project_id": config["projectId"],
        "management_key": config["managementKey"],
        "base_url": config["baseUrl"],
    }


if __name__ == "__main__":
    _, which, config = sys.argv
    done = {"ours": ours, "ours-async": ours_async, "sdk": sdk, "sdk-async": sdk_async}[which](json.loads(config))
    if done is not None:
        asyncio.run(done)
