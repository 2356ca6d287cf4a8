"""The example's server on real services, and a user with a browser: see examples/mcp-python."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests/servers"), str(ROOT / "bindings/python")]

from consent import consent  # noqa: E402
from launch import launch  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

EXAMPLE = ROOT / "examples/mcp-python"
WEATHER_KEY = "weather-key-of-alice"
TOKENS = {"alice": "alice-token", "bob": "bob-token"}


@pytest.fixture(scope="session")
def oauth() -> Iterator[launch]:
    """The authorization server with its API."""
    with launch("oauth") as server:
        yield server


@pytest.fixture(autouse=True)
def _fresh(oauth: launch) -> None:
    oauth.control("POST", "reset")


@pytest.fixture(scope="session")
def weather() -> Iterator[str]:
    """A service that takes API keys. Gives its URL."""

    class Weather(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ok = self.headers.get("x-api-key") == WEATHER_KEY
            body = f"sunny in {self.path[1:]}".encode() if ok else b"no such key"
            self.send_response(200 if ok else 401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Weather) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Example:
    """The example's server with a config of its own, over either transport."""

    def __init__(self, config: dict[str, Any], folder: Path, env: dict[str, str] | None = None) -> None:
        self.config = config
        self.log = folder / "server.log"
        self._path = folder / "config.json"
        self._path.write_text(json.dumps(config))
        self._env = {"PYTHONPATH": str(ROOT / "bindings/python"), **library(), **(env or {})}
        self._folder = folder

    @asynccontextmanager
    async def stdio(self, **client: Any) -> AsyncIterator[Client]:
        """The official client, which starts the server."""
        parameters = StdioServerParameters(
            command=sys.executable,
            args=[str(EXAMPLE / "server.py"), str(self._path)],
            env=self._env,
            cwd=self._folder,
        )
        async with Client(parameters, **client) as connected:
            yield connected

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The server over HTTP. Gives its URL."""
        command = [sys.executable, str(EXAMPLE / "server.py"), str(self._path), "--http", "0"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env=self._env, cwd=self._folder, stdout=subprocess.PIPE, stderr=log)
        try:
            line = process.stdout.readline().decode()
            assert line.startswith("READY "), self.log.read_text()
            yield f"http://127.0.0.1:{line.split()[1]}"
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


@asynccontextmanager
async def over_http(url: str, token: str, **client: Any) -> AsyncIterator[Client]:
    """The official client of a server over HTTP."""
    async with httpx2.AsyncClient(
        headers={"authorization": f"Bearer {token}"}, timeout=60, trust_env=False
    ) as http:
        async with Client(streamable_http_client(f"{url}/mcp", http_client=http), **client) as connected:
            yield connected


def library() -> dict[str, str]:
    """Where the core is, for programs that load it."""
    import os

    return {name: value for name, value in os.environ.items() if name in ("DESCOPE_CONN_LIBRARY", "PATH")}


@pytest.fixture
def vault_config(oauth: launch, weather: str) -> dict[str, Any]:
    text = (EXAMPLE / "config.vault.json").read_text()
    return json.loads(text.replace("http://127.0.0.1:9000", oauth.url).replace("http://127.0.0.1:9001", weather))


@pytest.fixture
def example(vault_config: dict[str, Any], tmp_path: Path) -> Example:
    return Example(vault_config, tmp_path, {"DESCOPE_CONN_VAULT_KEY": secrets.token_hex(32)})


class Browser:
    """A user's browser: it opens what the MCP client shows, and does there what the user would do."""

    def __init__(self, user: str = "alice", token: str | None = None, approve: bool = True) -> None:
        self.user = user
        self._token = token or TOKENS[user]
        self._approve = approve
        self._http = httpx2.Client(follow_redirects=True, trust_env=False)
        self.opened: list[str] = []

    def open(self, url: str) -> httpx2.Response:
        """Where the user ends up."""
        self.opened.append(url)
        if "/authorize" in url:
            url = consent(url, self.user, f"{self.user}-password", approve=self._approve)
        page = self._sign_in(self._http.get(url))
        if "/keys/" in str(page.url):
            origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
            page = self._http.post(page.url, data={"key": WEATHER_KEY}, headers={"origin": origin})
        return page

    def _sign_in(self, page: httpx2.Response) -> httpx2.Response:
        if page.url.path != "/sign-in":
            return page
        return self._http.post(page.url, data={"token": self._token})
