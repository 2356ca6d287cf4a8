"""The servers that benchmarks run against: nginx, the service, a bare route of Hummingbird, and OpenBao. All are on
loopback, each until its block ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .measure import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(command: list[str], port: int, log: Path, environment: dict[str, str] | None = None) -> Iterator[None]:
    """A process that listens on a port."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | (environment or {}),
        )
    try:
        _wait_for(port, process, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args[0]} does not listen: {log.read_text()[-2000:]}")


class Nginx:
    """Answers whatever is asked with one token: at once over http and https, and after 200 ms."""

    WAIT_SECONDS = 0.2

    def __init__(self, http: int, https: int, slow: int) -> None:
        self.http = f"http://127.0.0.1:{http}"
        self.https = f"https://localhost:{https}"
        self.slow = f"http://127.0.0.1:{slow}"

    def connections(self) -> int:
        """How many it has accepted so far, the one that asks included."""
        with urllib.request.urlopen(f"{self.http}/accepted", timeout=10) as answer:
            return int(answer.read().decode().splitlines()[2].split()[0])


@contextmanager
def nginx(folder: Path, answer: dict[str, Any], certificate: Path, key: Path) -> Iterator[Nginx]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    module = Path("/usr/share/nginx/modules/ngx_http_echo_module.so")
    if program is None or not module.exists():
        raise Unavailable("nginx with its echo module is not installed: scripts/setup bench")
    ports = free_port(), free_port(), free_port()
    text = json.dumps(answer)
    assert "'" not in text and "$" not in text
    body = f"default_type application/json; return 200 '{text}';"
    slow = f"echo_read_request_body; echo_sleep {Nginx.WAIT_SECONDS}; echo -n '{text}';"
    file = folder / "nginx.conf"
    file.write_text(f"""
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-errors.log;
load_module {module};
worker_processes 1;
worker_rlimit_nofile 30000;
events {{ worker_connections 12000; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 600;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{ports[0]} backlog=4096;
        location / {{ {body} }}
        location = /accepted {{ stub_status; }}
    }}
    server {{
        listen 127.0.0.1:{ports[1]} ssl backlog=4096;
        ssl_certificate {certificate}; ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{ {body} }}
    }}
    server {{
        listen 127.0.0.1:{ports[2]} backlog=16384;
        default_type application/json;
        location / {{ {slow} }}
    }}
}}
""")
    log = folder / "nginx.log"
    with running([program, "-p", str(folder), "-c", str(file), "-e", str(log)], ports[0], log):
        yield Nginx(*ports)


@contextmanager
def service(folder: Path, command: Path, libraries: Path, vault: dict[str, Any], project: str) -> Iterator[str]:
    """`descope-conn serve` over a vault; gives its URL."""
    if not command.exists():
        raise Unavailable(f"there is no {command.name}: make cli")
    port = free_port()
    file = folder / "service.json"
    vault = {"path": vault["path"], "key": vault["key"], "api": {"projectId": project}}
    url = f"http://127.0.0.1:{port}"
    file.write_text(json.dumps({"listen": f"127.0.0.1:{port}", "publicUrl": url, "vault": vault}))
    environment = {"LD_LIBRARY_PATH": str(libraries)}
    with running([str(command), "serve", "--config", str(file)], port, folder / "service.log", environment):
        yield url


@contextmanager
def route(folder: Path, program: Path, answer: str) -> Iterator[str]:
    """A route of Hummingbird that answers these bytes; gives its URL."""
    if not program.exists():
        raise Unavailable("the bare Hummingbird route is not built")
    port = free_port()
    with running([str(program), str(port), answer], port, folder / "route.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def openbao(folder: Path, program: Path, secret: dict[str, str]) -> Iterator[tuple[str, str]]:
    """OpenBao in its development mode, with a secret at `secret/crm`; gives its URL and a token."""
    if not program.exists():
        raise Unavailable("OpenBao's binary is not installed")
    port, token = free_port(), "bench"
    command = [str(program), "server", "-dev", f"-dev-root-token-id={token}", f"-dev-listen-address=127.0.0.1:{port}"]
    with running(command, port, folder / "openbao.log", {"HOME": str(folder)}):
        url = f"http://127.0.0.1:{port}/v1/secret/data/crm"
        post(url, json.dumps({"data": secret}), {"X-Vault-Token": token})
        yield url, token


def post(url: str, body: str, headers: dict[str, str]) -> str:
    """What is answered; a server may listen before it is ready."""
    request = urllib.request.Request(url, body.encode(), headers)
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
