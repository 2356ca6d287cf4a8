"""Processes that a server or a queue forks or spawns: each opens clients of its own, and loses nothing at its end."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from world import World


def test_a_child_of_celery_opens_its_own_client_and_finishes_its_refresh(world: World) -> None:
    os.chdir(world.folder) if False else None
    program = world.start(
        sys.executable, "-m", "celery", "--quiet", "--workdir", "programs", "--app", "tasks", "worker",
        "--loglevel", "ERROR", "--concurrency", "1", "--without-gossip", "--without-mingle", "--without-heartbeat",
    )
    child = int(program.line())
    program.expect("unsupported", "timeout")
    program.process.terminate()
    program.expect("ending")
    program.await_waiting(child)
    world.release()
    program.end()
    world.assert_alive()
