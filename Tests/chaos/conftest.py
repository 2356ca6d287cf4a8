"""One authorization server and one worker for all tests; a vault of its own for each."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from chaos import HERE, Process, Vault, launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: takes minutes; `make soak` runs it, `make test-chaos` does not")


@pytest.fixture(scope="session")
def meddle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("meddle") / "meddle.so"
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, "-o", str(library), str(HERE / "meddle.c")], check=True)
    return library


@pytest.fixture(scope="session")
def process(meddle: Path) -> Iterator[Process]:
    process = Process(meddle)
    yield process
    process.close()


@pytest.fixture(scope="session")
def running_server() -> Iterator[launch]:
    with launch("oauth") as server:
        yield server


@pytest.fixture
def server(running_server: launch) -> launch:
    running_server.control("POST", "reset")
    return running_server


@pytest.fixture
def vault(tmp_path: Path, server: launch, process: Process) -> Vault:
    return Vault(tmp_path, server, process)
