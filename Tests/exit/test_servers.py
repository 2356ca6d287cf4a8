"""A server's worker is told to end by SIGTERM, while a refresh is in flight whose caller was told `timeout`."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from world import request

if TYPE_CHECKING:
    from pathlib import Path

    from world import Program, World


@pytest.mark.parametrize("told", ["worker", "master"])
def test_a_gunicorn_worker_finishes_the_refresh(world: World, tmp_path: Path, told: str) -> None:
    path = tmp_path / "socket"
    arguments = ["--bind", f"unix:{path}", "--config", "programs/app.py", "--log-level", "error"]
    program = world.start(sys.executable, "-m", "gunicorn", *arguments, "app:wsgi")
    worker = int(program.line())
    with request(path):
        world.await_refresh()
        program.expect("timeout")
    os.kill(worker if told == "worker" else program.process.pid, signal.SIGTERM)
    program.expect("ending")
    program.await_waiting(worker)
    world.release()
    if told == "worker":
        program.line()  # of the one that takes its place
        program.process.terminate()
    program.end()
    world.assert_alive()


def test_uvicorns_lifespan_finishes_the_refresh(world: World, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    arguments = ["--uds", str(path), "--lifespan", "on", "--log-level", "error"]
    program: Program = world.start(sys.executable, "-m", "uvicorn", *arguments, "app:asgi")
    with request(path):
        world.await_refresh()
        program.expect("timeout")
    program.process.terminate()
    program.expect("ending")
    program.await_waiting()
    world.release()
    program.end(-signal.SIGTERM)
    world.assert_alive()
