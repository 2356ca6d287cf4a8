"""Node's child processes and threads: each opens clients of its own, and loses nothing at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from world import World


@pytest.mark.parametrize("act", ["fork", "cluster"])
def test_a_child_process_finishes_its_refresh(world: World, node: str, act: str) -> None:
    program = world.start(node, "programs/children.js", act)
    child = int(program.line())
    program.expect("timeout")
    program.await_waiting(child)
    world.release()
    program.expect("the child has ended: 0", "ending")
    program.end()
    world.assert_alive()


def test_a_thread_that_is_terminated_amid_a_refresh_loses_nothing(world: World, node: str) -> None:
    program = world.start(node, "programs/children.js", "terminate")
    world.await_refresh()
    program.say("terminate it")
    program.expect("1", "1", "ending")
    program.await_waiting()
    world.release()
    program.end()
    world.assert_alive()
