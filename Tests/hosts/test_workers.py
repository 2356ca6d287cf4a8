"""Processes that a server or a queue forks or spawns: each opens clients of its own, and loses nothing at its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from world import request

if TYPE_CHECKING:
    from pathlib import Path

    from world import World


@pytest.mark.parametrize("workers", ["sync", "gthread", "gevent"])
def test_workers_that_gunicorn_forks_from_a_preloaded_application(world: World, tmp_path: Path, workers: str) -> None:
    path = tmp_path / "socket"
    command = [sys.executable, "-m", "gunicorn", "--preload", "--worker-class", workers, "--bind", f"unix:{path}"]
    program = world.start(*command, "--config", "programs/web.py", "--log-level", "error", "web:wsgi")
    with request(path):
        worker = int(program.line())
        program.expect("unsupported", "timeout")
    program.process.terminate()
    program.expect("ending")
    program.await_waiting(worker)
    world.release()
    program.end()
    world.assert_alive()


def test_workers_that_uvicorn_spawns(world: World, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    command = [sys.executable, "-m", "uvicorn", "--workers", "2", "--uds", str(path), "--lifespan", "on"]
    program = world.start(*command, "--log-level", "error", "web:asgi")
    with request(path):
        worker = int(program.line())
        program.expect("timeout")
    program.process.terminate()
    program.expect("ending", "ending")
    program.await_waiting(worker)
    world.release()
    program.end()
    world.assert_alive()


def test_a_child_of_celery(world: World) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "--workdir", "programs", "--app", "tasks"]
    alone = ["--concurrency", "1", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    program = world.start(*command, "worker", "--loglevel", "ERROR", *alone)
    child = int(program.line())
    program.expect("unsupported", "timeout")
    program.process.terminate()
    # Celery says something too.
    assert "ending" in (program.line() for _ in range(4))
    program.await_waiting(child)
    world.release()
    program.end()
    world.assert_alive()
