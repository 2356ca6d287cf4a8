"""Descope's REST API over a vault, on loopback, as Descope's own SDK calls it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests/servers"), str(ROOT / "bindings/python")]

from descope_conn import Client  # noqa: E402
from descope_conn.web import Api, wsgi  # noqa: E402

from launch import launch  # isort: skip # noqa: E402
from wsgi_server import serving  # isort: skip # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from descope_conn import ApiCaller

PROJECT = "P2testtesttesttesttesttest01"  # 28 characters, as the SDKs want
KEY = "K2testmanagementkey"
TOKENS: dict[str, ApiCaller] = {
    "alice.jwt.x": {"user_id": "alice", "tenant_ids": ["acme"]},
    "bob.jwt.x": {"user_id": "bob"},
}


def caller(environ: dict[str, Any]) -> ApiCaller | None:
    """What a host does with `Authorization: Bearer <project>[:<token>][:<key>]`."""
    project, *rest = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ").split(":")
    if project != PROJECT:
        return None
    if KEY in rest:
        return {"manager": True}
    return next((TOKENS[token] for token in rest if token in TOKENS), None)


@dataclass
class Service:
    url: str
    client: Client
    oauth: launch


@pytest.fixture(scope="session")
def oauth() -> Iterator[launch]:
    with launch("oauth", "--redirect-uri", "http://127.0.0.1/callback") as server:
        yield server


@pytest.fixture
def service(tmp_path: Path, oauth: launch) -> Iterator[Service]:
    oauth.control("POST", "reset")
    with (
        Client.vault(
            path=tmp_path / "vault.db", key={"bytes": "5a" * 32}, redirect_url="http://127.0.0.1/callback"
        ) as client,
        serving(wsgi(client, Api(), caller)) as port,
    ):
        client.apps.create(
            id="crm",
            name="CRM",
            client_id="test-client",
            client_secret="test-client-secret",
            authorization_url=f"{oauth.url}/authorize",
            token_url=f"{oauth.url}/token",
            issuer=oauth.url,
            default_scopes=["read", "write"],
        )
        client.apps.create(id="weather", name="Weather", app_type="apikey")
        yield Service(f"http://127.0.0.1:{port}", client, oauth)
