"""How long a fetch takes: from the vault, and from Descope's API over TLS on loopback, beside Descope's official SDK.

`make bench` runs it. It prints a table in Markdown, takes about a minute, and asserts nothing: docs/performance.md says
what to make of the numbers. With --growth it measures instead how a fetch grows with the vault, in about half an hour.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path += [str(ROOT / "Tests" / "servers"), str(ROOT / "bindings" / "python")]

import certs  # noqa: E402
from descope_conn import Client  # noqa: E402
from launch import launch  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT, KEY = "P2testtesttesttesttesttest01", "K2testmanagementkey"
FETCH = {"op": "fetch", "appId": "crm", "userId": "user 7"}


def row(name: str, result: dict[str, float], connections: int | None = None) -> None:
    told = "" if connections is None else str(connections)
    print(f"| {name} | {result['p50']:,.0f} | {result['p99']:,.0f} | {result['perSecond']:,.0f} | {told} |", flush=True)


def from_c(
    program: Path, config: dict[str, Any], request: dict[str, Any], count: int, threads: int, subjects: int = 1
) -> dict[str, float]:
    command = [str(program), json.dumps(config), json.dumps(request), str(count), str(threads), str(subjects)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def from_python(call: Callable[[], Any], count: int) -> dict[str, float]:
    for _ in range(5):
        call()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e6)
    times.sort()
    return {
        "p50": times[count // 2],
        "p99": times[count * 99 // 100],
        "perSecond": 1e6 * count / sum(times),
    }


def vault(program: Path, folder: Path) -> None:
    config = {"backend": "vault", "path": str(folder / "vault.db"), "key": {"bytes": secrets.token_hex(32)}}
    with Client(config) as client:
        urls = {"authorizationUrl": "https://p.example/authorize", "tokenUrl": "https://p.example/token"}
        client.call("apps.create", {"id": "crm", "clientId": "c", "clientSecret": "s", **urls})
        for size, base in ((100, 0), (10_000, 100)):
            for start in range(base, size, 100):
                tokens = [
                    {
                        "appId": "crm",
                        "userId": f"user {number}",
                        "accessToken": secrets.token_urlsafe(48),
                        "refreshToken": secrets.token_urlsafe(48),
                        "accessTokenExpiry": int(time.time()) + 86_400,
                        "scopes": ["read", "write"],
                    }
                    for number in range(start, start + 100)
                ]
                client.call("store_tokens", {"tokens": tokens})
            for threads in (1, 2):
                name = f"vault of {size:,} tokens, C, {threads} thread{'s' * (threads > 1)}"
                row(name, from_c(program, config, FETCH, 40_000, threads))
        row("the same, Python", from_python(lambda: client.fetch_token("crm", user_id="user 7"), 20_000))


def growth(program: Path, sizes: tuple[int, ...] = (1_000, 100_000, 1_000_000)) -> None:
    """A fetch of any of so many tokens, whose access token has so many bytes."""
    for length in (200, 1_400, 6_000):
        with tempfile.TemporaryDirectory() as folder:
            key = {"bytes": secrets.token_hex(32)}
            config = {"backend": "vault", "path": f"{folder}/vault.db", "key": key, "audit": "off"}
            done = 0
            with Client(config) as client:
                urls = {"authorizationUrl": "https://p.example/authorize", "tokenUrl": "https://p.example/token"}
                client.call("apps.create", {"id": "crm", "clientId": "c", "clientSecret": "s", **urls})
                token = {"appId": "crm", "accessToken": "a" * length, "accessTokenExpiry": int(time.time()) + 864_000}
                for size in sizes:
                    for start in range(done, size, 100):
                        tokens = [{**token, "userId": f"user {number}"} for number in range(start, start + 100)]
                        client.call("store_tokens", {"tokens": tokens})
                    done = size
                    name = f"vault of {size:,} tokens of {length:,} bytes"
                    row(name, from_c(program, config, {**FETCH, "userId": "user @"}, 20_000, 1, size))


def cloud(program: Path, folder: Path) -> None:
    certs.make(folder)
    ca = str(folder / "ca.pem")
    with launch("descope", "--tls", str(folder / "server.pem"), str(folder / "server.key"), ca_file=ca) as server:
        token = {"appId": "crm", "userId": "user 7", "accessToken": "t", "scopes": ["read"], "accessTokenExpiry": "0"}
        server.control("POST", "seed", {"apps": [{"id": "crm", "name": "crm", "appType": "oauth"}], "tokens": [token]})
        url = server.url.replace("127.0.0.1", "localhost")

        def measure(name: str, run: Callable[[], dict[str, float]]) -> None:
            server.control("DELETE", "requests")
            result = run()
            row(name, result, server.control("GET", "requests")["connections"])

        config = {"backend": "cloud", "projectId": PROJECT, "managementKey": KEY, "baseUrl": url, "caFile": ca}
        measure("API over TLS, 1000 calls, C", lambda: from_c(program, config, FETCH, 1000, 1))
        with Client(config) as client:
            measure("the same, Python", lambda: from_python(lambda: client.fetch_token("crm", user_id="user 7"), 1000))
        os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = ca
        from descope import DescopeClient

        sdk = DescopeClient(project_id=PROJECT, management_key=KEY, base_url=url).mgmt.outbound_application
        measure(
            "the same, Python, Descope's official SDK",
            lambda: from_python(lambda: sdk.fetch_token("crm", "user 7"), 1000),
        )


def main() -> None:
    program = Path(sys.argv[1]).resolve()
    print("| a fetch from | p50, µs | p99, µs | per second | connections |\n|---|--:|--:|--:|--:|")
    if "--growth" in sys.argv:
        growth(program)
        return
    with tempfile.TemporaryDirectory() as folder:
        vault(program, Path(folder))
        cloud(program, Path(folder))


if __name__ == "__main__":
    main()
