"""The pages over ASGI and WSGI; what the pages say is tested in Swift, and frameworks in Tests/hosts."""

from __future__ import annotations

import asyncio
import io
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from wsgiref.validate import validator

import pytest

from descope_conn import AsyncClient, Client
from descope_conn.web import Pages, asgi, wsgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ORIGIN = "https://app.example.com"
PAGES = Pages(f"{ORIGIN}/c", sign_in_url=f"{ORIGIN}/sign-in", product="Acme")
FORM = "application/x-www-form-urlencoded"

Answer = tuple[int, dict[str, str], str]


class Way:
    """One way to serve the pages."""

    def __init__(self, send: Callable[..., Answer], client: Client) -> None:
        self.send = send
        self.client = client


@pytest.fixture(params=["asgi", "asgi that leaves the mount in the path", "wsgi"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    config: dict[str, Any] = {"path": str(tmp_path / "vault.db"), "key": {"bytes": "5a" * 32}}
    with Client.vault(**config) as client:
        client.apps.create(id="weather", name="Weather", app_type="apikey")
        if request.param == "wsgi":
            yield Way(over_wsgi(client), client)
        else:
            yield Way(over_asgi(config, root="/c", leaves_mount="leaves" in request.param), client)


def over_wsgi(client: Client) -> Callable[..., Answer]:
    def session(environ: dict[str, Any]) -> Any:
        return {"user_id": environ["HTTP_X_USER"]} if "HTTP_X_USER" in environ else None

    application = validator(wsgi(client, PAGES, session))

    def send(
        method: str, path: str, query: str = "", headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "/c",
            "PATH_INFO": path.encode().decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "CONTENT_LENGTH": str(len(body)),
        }
        for name, value in (headers or {}).items():
            key = name.upper().replace("-", "_")
            environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        started: dict[str, Any] = {}

        def start_response(status: str, fields: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], object]:
            started.update(status=int(status[:3]), headers=dict(fields))
            return lambda _: None

        answered = application(environ, start_response)
        content = b"".join(answered)
        answered.close()  # type: ignore[attr-defined]
        return started["status"], started["headers"], content.decode()

    return send


def over_asgi(config: dict[str, Any], *, root: str, leaves_mount: bool) -> Callable[..., Answer]:
    async def session(scope: Any) -> Any:
        user = dict(scope["headers"]).get(b"x-user")
        return {"user_id": user.decode()} if user else None

    def send(
        method: str, path: str, query: str = "", headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        chunks = [body[start : start + 1000] for start in range(0, len(body), 1000)] or [b""]
        messages = [{"type": "http.request", "body": chunk, "more_body": chunk is not chunks[-1]} for chunk in chunks]
        sent: list[dict[str, Any]] = []
        scope = {
            "type": "http",
            "method": method,
            "root_path": root,
            "path": root + path if leaves_mount else path,
            "query_string": query.encode("latin-1"),
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        }

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        async def put(message: Any) -> None:
            sent.append(message)

        async def run() -> None:
            async with AsyncClient.vault(**config) as client:
                await asgi(client, PAGES, session)(scope, receive, put)

        asyncio.run(run())
        start, content = sent
        fields = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], fields, content["body"].decode()

    return send


def test_a_user_stores_a_key_by_the_form(way: Way) -> None:
    query = urlencode({"app": "weather"})
    status, headers, page = way.send("GET", "/key", query, {"x-user": "alice"})
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert int(headers["content-length"]) == len(page.encode())
    form = re.search(r'name="form" value="([^"]+)"', page)
    assert form is not None
    body = urlencode({"form": form[1], "key": "sk-é"}).encode()
    headers = {"x-user": "alice", "origin": ORIGIN, "content-type": FORM}
    status, headers, _ = way.send("POST", "/key", query, headers, body)
    assert (status, headers["location"]) == (303, f"{ORIGIN}/c/connected?app=weather")
    assert way.client.fetch_token("weather", user_id="alice").access_token == "sk-é"


def test_whoever_is_not_signed_in_is_sent_to_sign_in(way: Way) -> None:
    status, headers, _ = way.send("GET", "/", "tenant=t1")
    assert (status, headers["location"]) == (303, f"{ORIGIN}/sign-in?next=%2Fc%2F%3Ftenant%3Dt1")


@pytest.mark.parametrize("path", ["", "/"])
def test_the_mount_itself_is_the_users_connections(way: Way, path: str) -> None:
    status, _, page = way.send("GET", path, "", {"x-user": "alice"})
    assert status == 200
    assert "Your connections" in page


def test_a_head_has_no_body_and_says_no_length(way: Way) -> None:
    status, headers, body = way.send("HEAD", "/", "", {"x-user": "alice"})
    assert (status, body) == (405, "")
    assert "content-length" not in headers


def test_whatever_is_sent_is_answered(way: Way) -> None:
    headers = {"x-user": "alice", "cookie": "c" * 2_000_000, "origin": "o"}
    assert way.send("GET", "/", "q" * 2_000_000, headers)[0] == 200


@pytest.mark.parametrize("path", ["/é", "/keys", "/key/../"])
def test_what_is_no_page_is_none(way: Way, path: str) -> None:
    assert way.send("GET", path, "", {"x-user": "alice"})[0] == 404


def test_a_body_that_has_no_end_is_not_read_to_its_end(way: Way) -> None:
    headers = {"x-user": "alice", "origin": ORIGIN, "content-type": FORM}
    assert way.send("POST", "/key", "app=weather", headers, b"x" * 5_000_000)[0] == 413


def test_bytes_that_are_no_text_are_no_form(way: Way) -> None:
    headers = {"x-user": "alice", "origin": ORIGIN, "content-type": FORM}
    assert way.send("POST", "/key", "app=weather", headers, b"form=\xff\xfe&key=\x00")[0] == 403


def test_a_client_that_leaves_is_not_answered(tmp_path: Path) -> None:
    async def leave() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def put(_: Any) -> None:
        raise AssertionError("nobody is there")

    async def run() -> None:
        async with AsyncClient.vault(path=str(tmp_path / "v.db"), key={"bytes": "5a" * 32}) as client:
            application = asgi(client, PAGES, lambda _: None)
            await application(
                {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}, leave, put
            )

    asyncio.run(run())


def test_a_server_may_run_it_alone(tmp_path: Path) -> None:
    received = ["lifespan.startup", "lifespan.shutdown"]
    sent = []

    async def receive() -> dict[str, Any]:
        return {"type": received.pop(0)}

    async def put(message: Any) -> None:
        sent.append(message["type"])

    async def run() -> None:
        async with AsyncClient.vault(path=str(tmp_path / "v.db"), key={"bytes": "5a" * 32}) as client:
            await asgi(client, PAGES, lambda _: None)({"type": "lifespan"}, receive, put)

    asyncio.run(run())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
