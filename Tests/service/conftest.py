"""The service, `descope-conn serve`, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from jwcrypto.jwk import JWK

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests/servers"), str(ROOT / "bindings/python")]

from descope_conn import Client  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = os.environ.get("DESCOPE_CONN_COMMAND", str(ROOT / "service/.build/debug/descope-conn"))
LIBRARIES = os.environ.get("LD_LIBRARY_PATH", str(ROOT / "dist/lib"))
PROJECT = "P2testtesttesttesttesttest01"  # 28 characters, as the SDKs want
KEY = {"bytes": "5a" * 32}
MOST_SECONDS = 60  # for anything that is waited for; nothing takes this long


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Service:
    """A service that runs, and the vault that it serves."""

    process: subprocess.Popen[str]
    client: Client
    key: str
    port: int
    administration: int
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: str | None = None,
        port: int | None = None,
        **headers: str,
    ) -> Answer:
        """One request, without what an HTTP library adds of its own. Names of headers have _ for -."""
        port = port or self.port
        connection = HTTPConnection("127.0.0.1", port, timeout=MOST_SECONDS)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, {"Host": f"127.0.0.1:{port}", **names})
            return answer_of(connection.getresponse())
        finally:
            connection.close()

    def fetch(self, **headers: str) -> Answer:
        body = json.dumps({"appId": "weather", "userId": "alice"})
        return self.ask("/v1/mgmt/outbound/app/user/token/latest", "POST", body, **headers)

    @property
    def bearer(self) -> str:
        return f"Bearer {PROJECT}:{self.key}"

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(MOST_SECONDS)


def answer_of(response: HTTPResponse) -> Answer:
    pairs = [(name.lower(), value) for name, value in response.getheaders()]
    cookies = [value for name, value in pairs if name == "set-cookie"]
    return Answer(response.status, dict(pairs), cookies, response.read().decode())


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[Service]:
    """Serves a new vault in the folder, until the block ends."""
    port, administration = free_port(), free_port()
    with Client.vault(path=folder / "vault.db", key=KEY) as client:
        client.apps.create(id="weather", name="Weather", app_type="apikey")
        client.store_api_key("weather", user_id="alice", api_key="sk-of-alice")
        key = client.management_keys.create(name="tests").key
        vault = {"path": str(folder / "vault.db"), "key": KEY, **settings.pop("vault", {})}
        scheme = "https" if "tls" in settings else "http"
        file = folder / "service.json"
        file.write_text(
            json.dumps(
                {
                    "listen": f"127.0.0.1:{port}",
                    "administration": f"127.0.0.1:{administration}",
                    "publicUrl": f"{scheme}://127.0.0.1:{port}",
                    "vault": vault,
                    **settings,
                }
            )
        )
        process = start("serve", "--config", str(file))
        service = Service(process, client, key, port, administration)
        listening = threading.Event()

        def read() -> None:
            for line in process.stderr or ():
                service.lines.append(line)
                if line.startswith("API:"):
                    listening.set()
            listening.set()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            assert listening.wait(MOST_SECONDS), service.lines
            assert process.poll() is None, service.lines
            yield service
            if process.poll() is None:
                assert service.stop() == 0, service.lines
        finally:
            process.kill()
            process.wait()
            reader.join()


def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LD_LIBRARY_PATH": LIBRARIES, **variables}
    return subprocess.Popen(
        [COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Service]:
    """One for all tests that leave it as it was."""
    settings = {
        "vault": {
            "api": {
                "projectId": PROJECT,
                "issuers": [{"projectId": PROJECT, "baseUrl": provider.url}],
                "origins": ["https://app.example.com"],
            }
        },
        "administrators": {"roles": ["Administrator"]},
        "pages": {"product": "Acme", "tenantRoles": ["Tenant Admin"], "console": True},
    }
    with running(tmp_path_factory.mktemp("service"), **settings) as service:
        yield service


@dataclass
class Provider:
    """Descope's keys and an OpenID provider that signs everybody in as its `subject`."""

    url: str = ""
    subject: str = "user-7"
    key: Any = field(default_factory=lambda: JWK.generate(kty="EC", crv="P-256", kid="k1", alg="ES256", use="sig"))
    asked: list[str] = field(default_factory=list)

    def token(self, **claims: Any) -> str:
        """A Descope session."""
        whole = {"iss": f"{self.url}/v1/apps/{PROJECT}", "exp": int(time.time()) + 600, "sub": "alice", **claims}
        return jwt.encode(whole, self.key.export_to_pem(True, None), algorithm="ES256", headers={"kid": "k1"})

    def location(self, query: dict[str, str]) -> str:
        """Where a browser goes that came to sign in: nobody is asked anything here."""
        return f"{query['redirect_uri']}?{urllib.parse.urlencode({'code': 'c', 'state': query['state']})}"

    def answer(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        self.asked.append(path)
        if path == f"/v2/keys/{PROJECT}":
            return {"keys": [self.key.export_public(as_dict=True)]}
        if path == "/token":
            claims = {"iss": self.url, "sub": self.subject, "aud": "client", "exp": int(time.time()) + 600}
            signed = jwt.encode(claims, self.key.export_to_pem(True, None), algorithm="ES256")
            return {"access_token": "at", "token_type": "Bearer", "expires_in": 600, "id_token": signed}
        return {}


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            form = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode()))
            path, _, query = self.path.partition("?")
            if path == "/authorize":
                self.send_response(302)
                self.send_header("location", provider.location(dict(urllib.parse.parse_qsl(query))))
                self.send_header("content-length", "0")
                self.end_headers()
                return
            content = json.dumps(provider.answer(path, form)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield provider
        server.shutdown()
