"""A PostgreSQL for all tests, and others for those that harm it."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "stores")]

from plugin import Store  # noqa: E402
from proxy import Proxy  # noqa: E402
from server import PLUGIN, Server  # noqa: E402


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def other_server() -> Iterator[Server]:
    """One that a module's tests may kill."""
    server = Server()
    yield server
    server.remove()


Open = Callable[..., Store]


@pytest.fixture
def open_store() -> Iterator[Open]:
    """Opens a store, and closes it in the end."""
    opened: list[Store] = []

    def open_store(url: Any, vault: str | None = None, **config: Any) -> Store:
        store = Store(str(PLUGIN), {"url": url, "vault": vault or uuid.uuid4().hex, **config})
        opened.append(store)
        return store

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    proxy = Proxy(server.port)
    yield proxy
    proxy.close()
