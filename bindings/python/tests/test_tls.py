"""Whom the library trusts, with the release library inside Python: its own OpenSSL, the usual variables."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import certs
import pytest
from launch import launch

from descope_conn import Client, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CREDENTIALS = {"projectId": "P2testtesttesttesttesttest01", "managementKey": "K2testmanagementkey"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    certs.make(folder)
    return folder


@pytest.fixture(autouse=True)
def _no_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@contextmanager
def descope(folder: Path, certificate: str) -> Iterator[dict[str, Any]]:
    """A server with this certificate, and the config for it."""
    files = (str(folder / f"{certificate}.pem"), str(folder / f"{certificate}.key"))
    with launch("descope", "--tls", *files) as server:
        url = f"https://127.0.0.1:{server.port}"
        yield {"backend": "cloud", "baseUrl": url, "proxy": "", "retry": {"attempts": 1}, **CREDENTIALS}


def round_trip(config: dict[str, Any]) -> str:
    with Client(config) as client:
        client.apps.create(name="Notes", id="notes", app_type="apikey")
        client.store_api_key("notes", "an-api-key", user_id="u")
        return client.fetch_token("notes", user_id="u").access_token


def test_the_authority_of_the_configuration(folder: Path) -> None:
    with descope(folder, "server") as config:
        assert round_trip({**config, "caFile": str(folder / "ca.pem")}) == "an-api-key"


def test_the_authority_of_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    with descope(folder, "server") as config:
        assert round_trip(config) == "an-api-key"


def test_an_authority_that_nobody_named_is_not_trusted(folder: Path) -> None:
    with descope(folder, "server") as config, pytest.raises(UnavailableError, match="certificate"):
        round_trip(config)


@pytest.mark.parametrize("certificate", ["untrusted", "expired", "wrong-name"])
def test_a_certificate_that_proves_nothing_is_refused(folder: Path, certificate: str) -> None:
    with descope(folder, certificate) as config, pytest.raises(UnavailableError, match="certificate"):
        round_trip({**config, "caFile": str(folder / "ca.pem")})
