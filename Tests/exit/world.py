"""A vault with one grant, whose provider holds its replies, and programs that use it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Path(os.environ.setdefault("DESCOPE_CONN_LIBRARY", str(ROOT / "dist/lib/libdescope_conn.so.1"))).resolve()
sys.path.insert(0, str(ROOT / "bindings/python"))

from descope_conn import Client  # noqa: E402 - it looks for the library

if TYPE_CHECKING:
    from collections.abc import Iterator

# Nothing here takes this long. Who waits longer has found a deadlock, and fails. Seconds.
PATIENCE = 60


class Provider:
    """Each refresh token works once. A reply is held until the test lets go, and the process may be gone by then."""

    def __init__(self, certificates: Path | None) -> None:
        self.arrived, self.released = threading.Event(), threading.Event()
        self.refreshes: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                if certificates:
                    # The handshake is held too: it wants more of the TLS library than a reply does.
                    provider.arrived.set()
                    provider.released.wait()
                    self.request = context.wrap_socket(self.request, server_side=True)
                super().setup()

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                provider.refreshes.append(form["refresh_token"][0])
                count = len(provider.refreshes)
                provider.arrived.set()
                provider.released.wait()
                is_good = form["refresh_token"][0] == f"refresh-{count - 1}"
                good = {"access_token": f"access-{count}", "refresh_token": f"refresh-{count}", "expires_in": 3600}
                body = json.dumps({"token_type": "Bearer", **good} if is_good else {"error": "invalid_grant"}).encode()
                self.send_response(200 if is_good else 400)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # its client is gone: that is what happens here

        self._server = Server(("127.0.0.1", 0), Handler)
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        self.url = f"{'https' if certificates else 'http'}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


class Program:
    """A process of its own. It says by lines how far it is."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().rstrip("\n")

    def expect(self, *lines: str) -> None:
        assert [self.line() for _ in lines] == list(lines)

    def say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")

    def await_waiting(self, process: int | None = None, *, by: tuple[str, ...] = ("futex", "poll")) -> None:
        """Returns when the main thread, or that of another process, waits for something, by one of these calls of the
        system. Fails when that has ended."""
        process = process or self.process.pid
        while True:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
            assert state not in "ZX", "the process has ended"
            function = Path(f"/proc/{process}/wchan").read_text()  # of the kernel
            if any(call in function for call in by):
                return

    def end(self, status: int = 0) -> list[str]:
        """What else it says up to its end, which must be this one."""
        rest, _ = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == status
        return rest.splitlines()


class World:
    """One vault, one grant at the connection crm, whose access token has expired."""

    def __init__(self, folder: Path, provider: Provider, home: Path, ca_file: Path | None = None) -> None:
        self.provider = provider
        self._home = home  # its programs are there
        self.config: dict[str, Any] = {
            "backend": "vault",
            "path": str(folder / "vault.db"),
            "key": {"bytes": "11" * 32},
            # Longer than PATIENCE: no refresh ends here because its time is up.
            "timeoutMs": 120_000,
        }
        if ca_file:
            self.config["caFile"] = str(ca_file)
        self._programs: list[Program] = []
        with Client(self.config) as client:
            client.apps.create(
                id="crm",
                client_id="us",
                client_secret="s",
                authorization_url=f"{provider.url}/authorize",
                token_url=f"{provider.url}/token",
            )
            client.store_token(
                "crm", user_id="alice", access_token="access-0", refresh_token="refresh-0", access_token_expiry=1
            )

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "CONFIG": json.dumps(self.config),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "bindings/python"), str(self._home / "programs")]),
            "NODE_PATH": str(ROOT / "bindings/node"),
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, *command: str) -> Program:
        program = Program(list(command), self.environment, self._home)
        self._programs.append(program)
        return program

    def python(self, script: str, *arguments: str) -> Program:
        return self.start(sys.executable, str(self._home / "programs" / script), *arguments)

    def await_refresh(self) -> None:
        """A refresh is in flight, and its provider holds the reply."""
        assert self.provider.arrived.wait(PATIENCE)

    def release(self) -> None:
        self.provider.released.set()

    def assert_alive(self) -> None:
        """What the one refresh brought is in the vault."""
        with Client(self.config) as client:
            assert client.fetch_token("crm", user_id="alice").access_token == "access-1"
        assert self.provider.refreshes == ["refresh-0"]

    def stop(self) -> None:
        for program in self._programs:
            program.process.kill()
            program.process.communicate()


@contextlib.contextmanager
def request(path: Path) -> Iterator[None]:
    """Asks the server that listens on a Unix socket, and reads the answer afterwards."""
    with socket.socket(socket.AF_UNIX) as connection:
        while connection.connect_ex(str(path)):
            pass  # it has not started yet
        connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        yield
        assert connection.recv(64).startswith(b"HTTP/1.1 204 ")
