"""AsyncClient on asyncio's own loop, on uvloop's, and on trio's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from world import World

each_loop = pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])


@each_loop
def test_calls_wait_without_stopping_the_loop(world: World, loop: str) -> None:
    program = world.python("loops.py", loop, "fetches")
    world.await_refresh()
    program.say("while they wait")
    program.expect("the loop runs: while they wait")
    world.release()
    program.expect("access-1", "access-1", "access-1", "True", "ending")
    program.end()
    world.assert_alive()


@each_loop
def test_a_cancelled_call_ends_and_aclose_waits_for_the_refresh(world: World, loop: str) -> None:
    program = world.python("loops.py", loop, "gives_up")
    world.await_refresh()
    program.say("now")
    program.expect("the loop runs: now", "closing")
    program.say("while closing")
    program.expect("the loop runs: while closing")
    world.release()
    program.expect("True True", "ending")
    program.end()
    world.assert_alive()


@each_loop
def test_aclose_ends_the_calls_of_other_tasks(world: World, loop: str) -> None:
    program = world.python("loops.py", loop, "closes")
    world.await_refresh()
    program.say("now")
    # The provider never answers, so that only giving up lets the process end.
    program.expect("the loop runs: now", "cancelled", "False", "ending")
    program.end()
