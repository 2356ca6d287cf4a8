"""Who takes part in a round: the example's server, the official client, and a user with a browser."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitRequestURLParams, ElicitResult

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests/servers"), str(ROOT / "bindings/python")]

from consent import consent  # noqa: E402
from descope_conn import AsyncClient  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

EXAMPLE = ROOT / "examples/mcp-python"
WEATHER_KEY = "weather-key-of-alice"
ACCOUNTS_TOKEN = "accounts-token-of-alice"
VAULT_KEY = secrets.token_hex(32)
TOKENS = {"alice": "alice-token", "bob": "bob-token"}


class Example:
    """The example's server with a config of its own, over either transport."""

    def __init__(
        self,
        config: dict[str, Any],
        folder: Path,
        env: dict[str, str] | None = None,
        program: str = "examples/mcp-python/server.py",
    ) -> None:
        self.log = folder / "server.log"
        self._config = config
        self._path = folder / "config.json"
        self._path.write_text(json.dumps(config))
        self._env = {
            "PYTHONPATH": str(ROOT / "bindings/python"),
            "DESCOPE_CONN_VAULT_KEY": VAULT_KEY,
            **library(),
            **(env or {}),
        }
        self._folder = folder
        self.program = str(ROOT / program)

    def with_config(self, **changes: Any) -> Example:
        """The same server, configured otherwise."""
        return Example({**self._config, **changes}, self._folder, program=self.program)

    def open_vault(self) -> AsyncClient:
        """The server's own vault, from another process."""
        path = self._folder / self._config["backend"]["path"]
        return AsyncClient.vault(path=path, key={"bytes": VAULT_KEY})

    @asynccontextmanager
    async def stdio(self, **client: Any) -> AsyncIterator[Client]:
        """The official client, which starts the server."""
        parameters = StdioServerParameters(
            command=sys.executable,
            args=[self.program, str(self._path)],
            env=self._env,
            cwd=self._folder,
        )
        async with Client(parameters, **client) as connected:
            yield connected

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The server over HTTP. Gives its URL."""
        command = [sys.executable, self.program, str(self._path), "--http", "0"]
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
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=60, trust_env=False) as http:
        async with Client(streamable_http_client(f"{url}/mcp", http_client=http), **client) as connected:
            yield connected


class Browser:
    """A user's browser: it opens what the MCP client shows, and does there what the user would do."""

    def __init__(self, user: str = "alice", token: str | None = None, approve: bool = True) -> None:
        self.user = user
        self._token = token or TOKENS[user]
        self._approve = approve
        self.opened: list[str] = []
        self.codes: dict[str, str] = {}
        """What the browser shows to type at the MCP client, by connection."""

    def open(self, url: str) -> httpx2.Response:
        """Where the user ends up."""
        self.opened.append(url)
        with httpx2.Client(follow_redirects=True, trust_env=False) as http:
            page = self._visit(http, url)
            if link := main_link(page):
                page = http.get(link)
            if page.url.path in ("/authorize", "/login"):  # the provider's
                back = consent(str(page.url), self.user, f"{self.user}-password", approve=self._approve)
                page = self._visit(http, back)
            if 'name="key"' in page.text:
                page = self._send(http, page, key=WEATHER_KEY)
            if shown := re.search(r'<h1>(\w+) is almost connected</h1>.*class="code">(\d+-\d+)<', page.text):
                self.codes[shown[1]] = shown[2]
            return page

    def _visit(self, http: httpx2.Client, url: str) -> httpx2.Response:
        """A page, signed in where it wants that."""
        page = http.get(url)
        return self._send(http, page, token=self._token) if page.url.path == "/sign-in" else page

    def _send(self, http: httpx2.Client, page: httpx2.Response, **form: str) -> httpx2.Response:
        """The page's form, with the Origin that the Fetch standard gives it: none if the page wants no referrer.

        What the form leads to stays where the page's ``form-action`` wants it.
        """
        origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
        action = re.search('<form [^>]*action="([^"]*)"', page.text)
        form |= dict(re.findall('<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
        if page.headers.get("referrer-policy") == "no-referrer":
            origin = "null"
        end = http.post(page.url.join(unescape(action[1])), data=form, headers={"origin": origin})
        assert "form-action 'self'" not in page.headers.get("content-security-policy", "") or (
            end.url.netloc == page.url.netloc
        )
        return end


def main_link(page: httpx2.Response) -> str | None:
    """Where one of the library's pages leads on to."""
    link = re.search('class="button main" href="([^"]*)"', page.text)
    return unescape(link[1]) if link else None


class Person:
    """Who uses an MCP client. Asked to open a URL, they do, and say ``action``; asked for a code, they type it."""

    def __init__(self, browser: Browser, action: str = "accept") -> None:
        self.browser = browser
        self.action = action
        self.asked: list[ElicitRequestURLParams] = []

    async def __call__(self, _: Any, params: Any) -> ElicitResult:
        if isinstance(params, ElicitRequestFormParams):
            return ElicitResult(action=self.action, content={"code": await self._shown_code(params.message)})
        self.asked.append(params)
        if self.action == "accept":
            page = await asyncio.to_thread(self.browser.open, params.url)
            if page is not None:
                page.raise_for_status()  # rather than wait for what does not come
        return ElicitResult(action=self.action)

    async def _shown_code(self, message: str) -> str:
        """The code of the connection that the message names, once the browser shows it."""
        while self.action == "accept":
            for app, code in self.browser.codes.items():
                if app in message:
                    return code
            await asyncio.sleep(0.02)  # the browser is busy
        return ""


@asynccontextmanager
async def connected(
    example: Example, transport: str, *, token: str = TOKENS["alice"], **client: Any
) -> AsyncIterator[Client]:
    """The official client, over either transport."""
    if transport == "stdio":
        async with example.stdio(**client) as connection:
            yield connection
    else:
        with example.serving() as url:
            async with over_http(url, token, **client) as connection:
                yield connection


def missing(result: CallToolResult) -> dict[str, Any]:
    """What a result says for programs of the connections that the user has not granted."""
    return result.meta["descope-conn/connection"]


def text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content)


def library() -> dict[str, str]:
    """Where the core is, for programs that load it."""
    return {name: value for name, value in os.environ.items() if name in ("DESCOPE_CONN_LIBRARY", "PATH")}
