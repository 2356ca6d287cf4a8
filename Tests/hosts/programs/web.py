"""Web applications for gunicorn and uvicorn, with clients of each worker, and one that was opened too early."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from descope_conn import AsyncClient, Client, ConnError
from telling import CONFIG, outcome, say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

Message = dict[str, Any]


class WSGI:
    """Its first client is opened where this is imported: by gunicorn's master, with --preload."""

    early = Client(CONFIG)
    own: Client | None = None

    def __call__(self, _: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        say(os.getpid())
        say(outcome(self.early))
        self.own = self.own or Client(CONFIG)
        say(outcome(self.own))
        start_response("204 No Content", [])
        return []


async def asgi(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Closes in the lifespan, in each of uvicorn's workers."""
    global client
    if scope["type"] == "lifespan":
        await receive()
        client = AsyncClient(CONFIG)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        say("ending")
        await client.aclose()
        await send({"type": "lifespan.shutdown.complete"})
        return
    try:
        await client.fetch_token("crm", user_id="alice", timeout=2)
    except ConnError as error:
        say(os.getpid())
        say(error.code)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


wsgi = WSGI()


def worker_exit(_arbiter: Any, _worker: Any) -> None:
    """Called by gunicorn, whose configuration this file is too: the last thing in a worker's own code."""
    say("ending")
