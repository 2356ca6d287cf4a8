"""No program that the host starts inherits a descriptor of the release library, whoever opened it: the library itself,
its libcurl, its OpenSSL or its SQLite. Needs DESCOPE_CONN_LIBRARY.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "Tests/servers"), str(ROOT / "bindings/python"), str(ROOT / "Tests/abi")]
import certs  # noqa: E402
from descope_conn import AsyncClient, Client  # noqa: E402
from test_tls import context, serving  # noqa: E402

CLOUD = {"backend": "cloud", "projectId": "P" + "2" * 27, "managementKey": "a-management-key", "proxy": ""}


class Held(ThreadingHTTPServer):
    """Counts requests as they arrive, and answers them when it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.arrived = threading.Semaphore(0)
        self.may_answer = threading.Event()
        self.url = f"http://localhost:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Held

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.arrived.release()
        self.server.may_answer.wait()
        answer = json.dumps({"token": {"appId": "crm", "userId": "alice", "accessToken": "the-token"}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def descriptors() -> dict[int, str]:
    """What each open one is of."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile, as the folder's own is
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def inherited(new: dict[int, str]) -> list[str]:
    found = []
    for descriptor, of in new.items():
        with contextlib.suppress(OSError):  # closed meanwhile, by another thread
            if not fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC:
                found.append(of)
    return found


def test_during_exchanges_and_with_an_open_vault(tmp_path: Path) -> None:
    before = descriptors()

    async def on_the_loop(config: dict[str, object]) -> None:
        async with AsyncClient(config) as client:
            fetch = asyncio.ensure_future(client.fetch_token("crm", user_id="alice"))
            try:
                await asyncio.to_thread(server.arrived.acquire)
                new = {each: of for each, of in descriptors().items() if before.get(each) != of}
                leaking = inherited(new)
            finally:
                server.may_answer.set()
            assert leaking == []
            # the database, its log and index; the exchange's connection and how its thread is woken; the loop's, its
            # connection and the event descriptor
            assert sum("vault.db" in of for of in new.values()) >= 3
            assert sum("socket:" in of for of in new.values()) >= 3 + 3 + 2
            await fetch

    with Held() as server, Client.vault(path=str(tmp_path / "vault.db"), key={"bytes": "k" * 32}):
        serve = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        serve.start()
        with Client({**CLOUD, "baseUrl": server.url}) as client:
            fetch = threading.Thread(target=client.fetch_token, args=("crm",), kwargs={"user_id": "alice"}, daemon=True)
            fetch.start()
            server.arrived.acquire()
            asyncio.run(on_the_loop({**CLOUD, "baseUrl": server.url}))
            fetch.join()
        server.shutdown()
        serve.join()


def test_while_the_certificate_of_an_authority_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certs.make(tmp_path)
    authority = tmp_path / "ca.pem"
    digest = subprocess.run(
        ["openssl", "x509", "-noout", "-hash", "-in", authority], check=True, capture_output=True, text=True
    ).stdout.strip()
    folder = tmp_path / "authorities"
    folder.mkdir()
    os.mkfifo(folder / f"{digest}.0")
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    tokens: list[str] = []

    def fetch(url: str) -> None:
        with Client({**CLOUD, "baseUrl": url}) as client:
            tokens.append(client.fetch_token("crm", user_id="alice").access_token)

    with serving(context(tmp_path / "server.pem")) as url:
        before = descriptors()
        thread = threading.Thread(target=fetch, args=(url,), daemon=True)
        thread.start()
        with open(folder / f"{digest}.0", "wb") as pipe:  # opens once the library does, which reads until it closes
            try:
                new = {each: of for each, of in descriptors().items() if before.get(each) != of}
                leaking = inherited(new)
            finally:
                pipe.write(authority.read_bytes())
            assert sum(digest in of for of in new.values()) == 2
            assert leaking == []
        thread.join()
    assert tokens == ["the-token"]
