"""``client.auth`` with real httpx and requests, a vault, and a service that refuses the first token."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests

from descope_conn import AsyncClient, Client, ConnectionRequiredError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = {"bytes": "0a" * 32}


class Service:
    """A token endpoint, and an API that takes only what that gave."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str | None, bytes]] = []
        self.refreshes = 0
        self.takes = "access-2"
        self.leads_to = ""

    @contextmanager
    def running(self) -> Iterator[str]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path == "/token":
                    service.refreshes += 1
                    reply = {
                        "access_token": f"access-{service.refreshes + 1}",
                        "token_type": "bearer",
                        "expires_in": 3600,
                    }
                    self.reply(200, json.dumps(reply).encode())
                    return
                authorization = self.headers.get("Authorization")
                service.seen.append((self.path, authorization, body))
                if self.path == "/away":
                    self.reply(307, b"", service.leads_to)
                else:
                    self.reply(200 if authorization == f"Bearer {service.takes}" else 401, b"{}")

            def reply(self, status: int, body: bytes, location: str | None = None) -> None:
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer  # noqa: N815 - the server's names

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


class World:
    def __init__(self, service: Service, url: str, other: Service, path: Path) -> None:
        self.service, self.url, self.other, self.path = service, url, other, path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    service, other = Service(), Service()
    with service.running() as url, other.running() as elsewhere:
        service.leads_to = elsewhere + "/there"
        path = tmp_path / "vault.db"
        with Client.vault(path=path, key=KEY) as client:
            client.apps.create(
                id="crm",
                client_id="c",
                client_secret="s",
                authorization_url=url + "/authorize",
                token_url=url + "/token",
            )
            client.store_token(
                "crm",
                user_id="alice",
                access_token="access-1",
                access_token_expiry=int(time.time()) + 3600,
                refresh_token="refresh-1",
            )
        yield World(service, url, other, path)


def by_requests(client: Client, method: str, url: str, **more: Any) -> int:
    if "body" in more:
        more["data"] = more.pop("body")
    return requests.request(method, url, auth=client.auth("crm", user_id="alice"), timeout=10, **more).status_code


def by_httpx(client: Client, method: str, url: str, **more: Any) -> int:
    if "body" in more:
        more["content"] = more.pop("body")
    with httpx.Client(follow_redirects=True) as http:
        return http.request(method, url, auth=client.auth("crm", user_id="alice"), **more).status_code


def by_async_httpx(world: World, method: str, url: str, **more: Any) -> int:
    if "body" in more:
        more["content"] = more.pop("body")

    async def main() -> int:
        async with (
            AsyncClient.vault(path=world.path, key=KEY) as client,
            httpx.AsyncClient(follow_redirects=True) as http,
        ):
            return (await http.request(method, url, auth=client.auth("crm", user_id="alice"), **more)).status_code

    return asyncio.run(main())


def blocking(request: Callable[..., int]) -> Callable[..., int]:
    def perform(world: World, *arguments: Any, **more: Any) -> int:
        with Client.vault(path=world.path, key=KEY) as client:
            return request(client, *arguments, **more)

    return perform


each_library = pytest.mark.parametrize(
    "perform",
    [blocking(by_requests), blocking(by_httpx), by_async_httpx],
    ids=["requests", "httpx", "httpx, asynchronous"],
)


@each_library
def test_a_token_that_is_refused_is_refreshed_and_the_request_sent_once_more(
    world: World, perform: Callable[..., int]
) -> None:
    assert perform(world, "POST", world.url + "/api", body=b"what is sent") == 200
    assert world.service.seen == [
        ("/api", "Bearer access-1", b"what is sent"),
        ("/api", "Bearer access-2", b"what is sent"),
    ]
    assert perform(world, "GET", world.url + "/api") == 200
    assert len(world.service.seen) == 3


@each_library
def test_a_refusal_that_goes_on_is_the_answer(world: World, perform: Callable[..., int]) -> None:
    world.service.takes = "nothing"
    assert perform(world, "GET", world.url + "/api") == 401
    assert [authorization for _, authorization, _ in world.service.seen] == ["Bearer access-1", "Bearer access-2"]
    assert world.service.refreshes == 1


@each_library
def test_a_redirect_takes_no_token_to_another_origin(world: World, perform: Callable[..., int]) -> None:
    """And what that answers says nothing about the token."""
    assert perform(world, "GET", world.url + "/away") == 401
    assert world.other.seen == [("/there", None, b"")]
    assert world.service.seen == [("/away", "Bearer access-1", b"")]
    assert world.service.refreshes == 0


def test_a_file_is_sent_again_from_where_it_stood(world: World) -> None:
    file = io.BytesIO(b"skipped, sent")
    file.seek(9)
    assert blocking(by_requests)(world, "POST", world.url + "/api", body=file) == 200
    assert [body for _, _, body in world.service.seen] == [b"sent", b"sent"]


def test_a_missing_token_is_an_error_of_the_request(world: World) -> None:
    with Client.vault(path=world.path, key=KEY) as client:
        with pytest.raises(NotFoundError):
            httpx.get(world.url, auth=client.auth("crm", user_id="bob"))
        auth = client.auth("crm", user_id="bob", connect={"redirect_url": "https://app.example.com/done"})
        with pytest.raises(ConnectionRequiredError):
            requests.get(world.url, auth=auth, timeout=10)
        assert repr(auth) == "<auth for 'crm'>"
    assert world.service.seen == []


def test_the_client_must_be_of_the_kind(world: World) -> None:
    async def request(client: Client) -> None:
        async with httpx.AsyncClient() as http:
            await http.get(world.url, auth=client.auth("crm", user_id="alice"))

    with Client.vault(path=world.path, key=KEY) as client, pytest.raises(TypeError, match="AsyncClient"):
        asyncio.run(request(client))
    auth = AsyncClient.vault(path=world.path, key=KEY).auth("crm", user_id="alice")
    with pytest.raises(TypeError, match="AsyncClient"):
        httpx.get(world.url, auth=auth)
    with pytest.raises(TypeError, match="AsyncClient"):
        requests.get(world.url, auth=auth, timeout=10)
