"""A vault with one grant, whose provider holds its replies, and programs in each kind of host that use it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "exit"))

from world import Provider, World  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    provider = Provider(None)
    world = World(tmp_path, provider, HERE)
    yield world
    provider.stop()
    world.stop()


@pytest.fixture(scope="session")
def node() -> str:
    node = os.environ.get("NODE") or shutil.which("node")
    assert node, "no node on the PATH"
    return node
