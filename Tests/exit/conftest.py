"""Programs that end while a refresh is in flight."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from world import LIBRARY, ROOT, Provider, World

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent

# What is ignored stays ignored in the programs, as under nohup; so would Ctrl-C if these tests run in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def tls() -> bool:
    """Whether the provider speaks TLS."""
    return False


@pytest.fixture
def world(tmp_path: Path, tls: bool) -> Iterator[World]:
    if tls:
        subprocess.run([sys.executable, str(ROOT / "Tests/servers/certs.py"), str(tmp_path)], check=True)
    provider = Provider(tmp_path if tls else None)
    world = World(tmp_path, provider, HERE, tmp_path / "ca.pem" if tls else None)
    yield world
    provider.stop()
    world.stop()


@pytest.fixture(scope="session")
def c_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """programs/ending.c, linked with the library."""
    folder = tmp_path_factory.mktemp("ending")
    # The program looks for the library's soname.
    for name in ("libdescope_conn.so.1", LIBRARY.name):
        if not (folder / name).exists():
            (folder / name).symlink_to(LIBRARY)
    command = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g", "-I", str(ROOT / "include"), "-pthread"]
    program = folder / "ending"
    rpath = f"-Wl,-rpath,{folder}"
    subprocess.run(
        [*command, "-o", str(program), str(HERE / "programs/ending.c"), str(folder / LIBRARY.name), rpath], check=True
    )
    return str(program)


@pytest.fixture(scope="session")
def node() -> str:
    node = os.environ.get("NODE") or shutil.which("node")
    assert node, "no node on the PATH"
    return node
