"""A web application, for gunicorn and for uvicorn: each request has a refresh begin, and is told `timeout`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from descope_conn import AsyncClient, Client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

CONFIG = json.loads(os.environ["CONFIG"])
Message = dict[str, Any]


class WSGI:
    """Closes nothing: gunicorn's workers end as any interpreter does."""

    client: Client | None = None

    def __call__(self, _: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.client = self.client or Client(CONFIG)  # not before gunicorn has forked
        try:
            self.client.fetch_token("crm", user_id="alice", timeout=2)
        except TimeoutError:
            print("timeout", flush=True)
        start_response("204 No Content", [])
        return []


class ASGI:
    """Closes in the lifespan: uvicorn ends by the signal that it was sent, with which no exit handler runs."""

    client: AsyncClient

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.client = AsyncClient(CONFIG)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            print("ending", flush=True)
            await self.client.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return
        try:
            await self.client.fetch_token("crm", user_id="alice", timeout=2)
        except TimeoutError:
            print("timeout", flush=True)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


wsgi, asgi = WSGI(), ASGI()


def post_worker_init(worker: Any) -> None:
    """Called by gunicorn, whose configuration this file is too."""
    print(worker.pid, flush=True)


def worker_exit(_arbiter: Any, _worker: Any) -> None:
    """Called by gunicorn, the last thing in a worker's own code."""
    print("ending", flush=True)
