"""A server's worker is told to end by SIGTERM, while a refresh is in flight whose caller was told `timeout`."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from world import Program, World


@contextlib.contextmanager
def request(path: Path) -> Iterator[None]:
    """Asks the server that listens on a Unix socket, and reads the answer afterwards."""
    with socket.socket(socket.AF_UNIX) as connection:
        while connection.connect_ex(str(path)):
            pass  # it has not started yet
        connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        yield
        assert connection.recv(64).startswith(b"HTTP/1.1 204 ")


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
