"""Uses an AsyncClient on the loop that the first argument names, as the second says."""

from __future__ import annotations

import json
import os
import sys

import anyio
from descope_conn import AsyncClient, CancelledError

loop, act = sys.argv[1:]


async def answer_a_line() -> None:
    """Returns when the loop ran while the test wanted it to."""
    await anyio.wait_readable(0)
    print("the loop runs:", os.read(0, 64).decode().strip())


async def fetch(client: AsyncClient) -> None:
    try:
        print((await client.fetch_token("crm", user_id="alice")).access_token)
    except CancelledError:
        print("cancelled")


async def fetches(client: AsyncClient) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(fetch, client)
        await answer_a_line()
    print(await client.aclose())


async def gives_up(client: AsyncClient) -> None:
    """And closes, which waits for the refresh."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fetch, client)
        await answer_a_line()
        tasks.cancel_scope.cancel()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answer_a_line)
        print("closing")
        print(await client.aclose(), await client.aclose())


async def closes(client: AsyncClient) -> None:
    """While another task waits, which is told."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fetch, client)
        await answer_a_line()
        closed = await client.aclose(wait=0.01)
    print(closed)


async def main() -> None:
    async with AsyncClient(json.loads(os.environ["CONFIG"])) as client:
        await globals()[act](client)


if loop == "uvloop":
    anyio.run(main, backend_options={"use_uvloop": True})
else:
    anyio.run(main, backend=loop)
print("ending")
