"""Descope's REST API over a vault, on loopback, as Descope's own SDK calls it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests/servers"), str(ROOT / "bindings/python")]

from descope_conn import Client  # noqa: E402
from descope_conn.web import Api, wsgi  # noqa: E402

from issuer import Issuer  # isort: skip # noqa: E402
from launch import launch  # isort: skip # noqa: E402
from wsgi_server import serving  # isort: skip # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = "P2testtesttesttesttesttest01"  # 28 characters, as the SDKs want
ORIGIN = "https://app.example"
# A client's own token gives out what its tenants have.
POLICIES = [
    {"name": "users have what is theirs"},
    {"name": "the agent has what its tenants have", "clients": ["agent"], "tenant_tokens": True},
]


@dataclass
class Service:
    url: str
    client: Client
    oauth: launch
    issuer: Issuer
    key: str


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer(PROJECT)
    with serving(issuer) as port:
        issuer.url = f"http://127.0.0.1:{port}"
        yield issuer


@pytest.fixture(scope="session")
def oauth() -> Iterator[launch]:
    with launch("oauth", "--redirect-uri", "http://127.0.0.1/callback") as server:
        yield server


@pytest.fixture
def service(tmp_path: Path, oauth: launch, issuer: Issuer) -> Iterator[Service]:
    oauth.control("POST", "reset")
    api = {
        "project_id": PROJECT,
        "issuers": [{"project_id": PROJECT, "base_url": issuer.url}],
        "policies": POLICIES,
        "origins": [ORIGIN],
    }
    with (
        Client.vault(
            path=tmp_path / "vault.db", key={"bytes": "5a" * 32}, redirect_url="http://127.0.0.1/callback", api=api
        ) as client,
        serving(wsgi(client, Api())) as port,
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
        key = client.management_keys.create("tests").key
        yield Service(f"http://127.0.0.1:{port}", client, oauth, issuer, key)
