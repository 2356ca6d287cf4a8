"""The tests run against the library that DESCOPE_CONN_LIBRARY names, or the one the package finds itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cloud_server import MANAGEMENT_KEY, PROJECT_ID, CloudServer

from descope_conn import Client

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[CloudServer]:
    server = CloudServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def config(server: CloudServer) -> dict[str, Any]:
    return {
        "backend": "cloud",
        "projectId": PROJECT_ID,
        "managementKey": MANAGEMENT_KEY,
        "baseUrl": server.url,
        "retry": {"attempts": 1},
        # Far longer than any test takes, and short enough to fail rather than hang.
        "timeoutMs": 30_000,
    }


@pytest.fixture
def client(config: dict[str, Any]) -> Iterator[Client]:
    with Client(config) as client:
        yield client
