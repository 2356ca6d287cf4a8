"""Processes that a server or a queue forks or spawns: each opens clients of its own, and loses nothing at its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from world import request

if TYPE_CHECKING:
    from pathlib import Path

    from world import Program, World


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


def celery(world: World, pool: str) -> Program:
    command = [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "--workdir", "programs", "--app", "tasks"]
    alone = ["--concurrency", "1", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return world.start(*command, "worker", "--pool", pool, "--loglevel", "ERROR", *alone)


@pytest.mark.parametrize("keeps", ["its client", "nothing"])
def test_a_child_of_celery(world: World, monkeypatch: pytest.MonkeyPatch, keeps: str) -> None:
    monkeypatch.setenv("KEEPS", keeps)
    program = celery(world, "prefork")
    child = int(program.line())
    program.expect("unsupported", "timeout")
    program.process.terminate()
    # Celery says something too.
    assert "ending" in (program.line() for _ in range(4))
    program.await_waiting(child)
    world.release()
    program.end()
    world.assert_alive()


def test_celery_on_a_hub(world: World) -> None:
    program = celery(world, "gevent")
    assert int(program.line()) == program.process.pid
    program.expect("timeout", "timeout")
    program.process.terminate()
    world.release()
    program.end()
    world.assert_alive()
