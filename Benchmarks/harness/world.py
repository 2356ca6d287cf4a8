"""What all benchmarks share: where things are, nginx, and vaults with tokens in them."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests/servers"), str(ROOT / "bindings/python")]

import certs  # noqa: E402
from descope_conn import AsyncClient, Client  # noqa: E402

from . import servers  # noqa: E402
from .measure import Calls, Once, Whole  # noqa: E402

PROJECT, KEY = "P2testtesttesttesttesttest01", "K2testmanagementkey"
FETCH = {"op": "fetch", "appId": "crm", "userId": "user 7"}
PATH = "/v1/mgmt/outbound/app/user/token/latest"
BODY = json.dumps({"appId": "crm", "userId": "user 7"}, separators=(",", ":"))


class World:
    def __init__(self, build: Path, node: Path, is_quick: bool) -> None:
        self.build = build
        """Where the programs are."""
        self.node = node
        self.is_quick = is_quick
        self.dist = ROOT / "dist"
        self.ends = ExitStack()
        # On the disk, and not where a system may keep files in memory: commits are measured.
        self.folder = Path(self.ends.enter_context(tempfile.TemporaryDirectory(dir=build)))

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.ends.close()

    # --- Programs ---

    def c(self, name: str, *arguments: object) -> Calls:
        return Calls([str(self.build / name), *map(text, arguments)], {"CA_FILE": str(self.ca)})

    def c_once(self, name: str, *arguments: object) -> Once:
        return Once(self.c(name, *arguments).command)

    def python(self, name: str, *arguments: object) -> Calls:
        return Calls(self._python(name, *arguments), self._python_environment)

    def python_whole(self, name: str, *arguments: object) -> Whole:
        return Whole(self._python(name, *arguments), self._python_environment)

    def python_once(self, name: str, *arguments: object) -> Once:
        return Once(self._python(name, *arguments), self._python_environment)

    def js(self, name: str, *arguments: object) -> Calls:
        return Calls(self._js(name, *arguments), self._js_environment)

    def js_once(self, name: str, *arguments: object) -> Once:
        return Once(self._js(name, *arguments), self._js_environment)

    def _python(self, name: str, *arguments: object) -> list[str]:
        return [sys.executable, str(ROOT / "Benchmarks/programs" / name), *map(text, arguments)]

    @property
    def _python_environment(self) -> dict[str, str]:
        # The official SDK's HTTP libraries take their authorities from here.
        ca = str(self.ca)
        return {"PYTHONPATH": str(ROOT / "bindings/python"), "SSL_CERT_FILE": ca, "REQUESTS_CA_BUNDLE": ca}

    def _js(self, name: str, *arguments: object) -> list[str]:
        return [str(self.node), str(ROOT / "Benchmarks/programs" / name), *map(text, arguments)]

    @property
    def _js_environment(self) -> dict[str, str]:
        return {"NODE_EXTRA_CA_CERTS": str(self.ca)}

    # --- The cloud, played by nginx ---

    @cached_property
    def ca(self) -> Path:
        certs.make(self.folder / "certs")
        return self.folder / "certs/ca.pem"

    @cached_property
    def nginx(self) -> servers.Nginx:
        token = {
            "id": "T1",
            "appId": "crm",
            "userId": "user 7",
            "accessToken": "a" * 64,
            "accessTokenType": "Bearer",
            "accessTokenExpiry": str(int(time.time()) + 7 * 86_400),
            "hasRefreshToken": True,
            "scopes": ["read", "write"],
        }
        (folder := self.folder / "nginx").mkdir()
        certificate = self.ca.with_name("server.pem")
        return self.ends.enter_context(
            servers.nginx(folder, {"token": token}, certificate, certificate.with_suffix(".key"))
        )

    def cloud(self, url: str, **more: Any) -> dict[str, Any]:
        config = {"backend": "cloud", "projectId": PROJECT, "managementKey": KEY, "baseUrl": url, **more}
        return {**config, "caFile": str(self.ca)} if url.startswith("https:") else config

    # --- The service ---

    @cached_property
    def service(self) -> tuple[str, str]:
        """Its URL, over a vault of its own, and a management key."""
        config = self.vault(10_000)
        with Client(config) as client:
            key = client.management_keys.create(name="bench").key
        (folder := self.folder / "service").mkdir()
        command, libraries = self.dist / "bin/descope-conn", self.dist / "lib"
        return self.ends.enter_context(servers.service(folder, command, libraries, config, PROJECT)), key

    # --- Vaults ---

    def vault(self, tokens: int, length: int = 64) -> dict[str, Any]:
        """The config of a new vault with so many tokens, whose access tokens have so many bytes."""
        (folder := self.folder / f"vault-{secrets.token_hex(4)}").mkdir()
        key = {"bytes": secrets.token_hex(32)}
        config = {"backend": "vault", "path": str(folder / "vault.db"), "key": key, "audit": "off"}
        asyncio.run(_fill(config, tokens, length))
        return config


async def _fill(config: dict[str, Any], tokens: int, length: int) -> None:
    async with AsyncClient(config) as client:
        urls = {"authorizationUrl": "https://p.example/authorize", "tokenUrl": "https://p.example/token"}
        await client.call("apps.create", {"id": "crm", "clientId": "c", "clientSecret": "s", **urls})
        token = {
            "appId": "crm",
            "accessToken": "a" * length,
            "refreshToken": "r" * 64,
            "accessTokenExpiry": int(time.time()) + 30 * 86_400,
            "scopes": ["read", "write"],
        }
        starts = iter(range(0, tokens, 500))

        async def store() -> None:
            for start in starts:
                numbers = range(start, min(start + 500, tokens))
                await client.call(
                    "store_tokens", {"tokens": [{**token, "userId": f"user {number}"} for number in numbers]}
                )

        await asyncio.gather(*(store() for _ in range(4)))


def text(argument: object) -> str:
    return json.dumps(argument) if isinstance(argument, (dict, list)) else str(argument)
