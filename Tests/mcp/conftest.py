"""The example's server on real services, and a user with a browser: see examples/mcp-python."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from parties import ACCOUNTS_TOKEN, EXAMPLE, WEATHER_KEY, Example

from launch import launch  # isort: skip # parties says where it is

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def oauth() -> Iterator[launch]:
    """The authorization server with its API."""
    with launch("oauth") as server:
        yield server


@pytest.fixture(autouse=True)
def _fresh(oauth: launch) -> None:
    oauth.control("POST", "reset")


@pytest.fixture(scope="session")
def services() -> Iterator[str]:
    """Weather by an API key, and who one is by the token that Descope is seeded with. Gives their URL."""

    class Services(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/me":
                is_known = self.headers.get("authorization") == f"Bearer {ACCOUNTS_TOKEN}"
            else:
                is_known = self.headers.get("x-api-key") == WEATHER_KEY
            body = (f"sunny in {self.path[1:]}" if is_known else "who is that?").encode()
            self.send_response(200 if is_known else 401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Services) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def vault_config(oauth: launch, services: str) -> dict[str, Any]:
    text = (EXAMPLE / "config.vault.json").read_text()
    return json.loads(text.replace("http://127.0.0.1:9000", oauth.url).replace("http://127.0.0.1:9001", services))


@pytest.fixture
def example(vault_config: dict[str, Any], tmp_path: Path) -> Example:
    return Example(vault_config, tmp_path)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
