"""The store that the tests run over: DESCOPE_CONN_TEST_STORE, a plugin's path, and DESCOPE_CONN_TEST_STORE_CONFIG, in
which `$FRESH` stands for another text each time that an empty store is wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE))

from plugin import Store  # noqa: E402


class Place:
    """An empty store that several processes can open."""

    def __init__(self) -> None:
        self.path = os.environ["DESCOPE_CONN_TEST_STORE"]
        text = os.environ.get("DESCOPE_CONN_TEST_STORE_CONFIG", "{}")
        self.config: dict[str, Any] = json.loads(text.replace("$FRESH", "t" + uuid.uuid4().hex))
        self._opened: list[Store] = []
        self._started: list[subprocess.Popen[str]] = []

    def open(self) -> Store:
        store = Store(self.path, self.config)
        self._opened.append(store)
        return store

    def start(self, job: str, *arguments: object) -> subprocess.Popen[str]:
        """A process that does a job of worker.py; it has the store open."""
        process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), job, self.path, json.dumps(self.config), *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        return process

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        for store in self._opened:
            store.close()


@pytest.fixture
def place() -> Iterator[Place]:
    if not os.environ.get("DESCOPE_CONN_TEST_STORE", "").startswith("/"):
        pytest.skip("DESCOPE_CONN_TEST_STORE names no plugin")
    place = Place()
    yield place
    place.end()


@pytest.fixture
def shared(place: Place) -> Place:
    """A store whose rows other processes see. One that lives in its process has nothing to prove here."""
    first, second = place.open(), place.open()
    first.commit((b"z", b"", 0, 2**64 - 1))
    if second.get(b"z") is None:
        pytest.skip("each opening is a store of its own")
    first.commit((b"z", None, 0, 2**64 - 1))
    return place
