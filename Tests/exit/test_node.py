"""A Node process ends in the ordinary way, and the refresh that is in flight is finished first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from world import World

PROGRAM = "programs/ending.js"


@pytest.mark.parametrize("ending", ["withoutClose", "byProcessExit", "byDispose"])
def test_a_process_that_nobody_told_to_wait_does(world: World, node: str, ending: str) -> None:
    program = world.start(node, PROGRAM, ending)
    world.await_refresh()
    program.expect("timeout", "ending")
    program.await_waiting()
    world.release()
    program.end()
    world.assert_alive()


def test_close_resolves_when_the_refresh_has_ended_and_leaves_the_event_loop_free(world: World, node: str) -> None:
    program = world.start(node, PROGRAM, "byClose")
    world.await_refresh()
    program.expect("timeout", "closing")
    program.say("while closing")
    program.expect("the loop runs: while closing")
    world.release()
    program.expect("true true", "ending")
    program.end()
    world.assert_alive()


def test_a_close_keeps_the_event_loop_going(world: World, node: str) -> None:
    program = world.start(node, PROGRAM, "byCloseAlone")
    world.await_refresh()
    program.expect("timeout", "closing")
    program.await_waiting()
    world.release()
    program.expect("true", "ending")
    program.end()
    world.assert_alive()


def test_await_using_ends_when_the_refresh_has(world: World, node: str) -> None:
    program = world.start(node, PROGRAM, "byAsyncDispose")
    world.await_refresh()
    program.expect("timeout", "closing")
    program.await_waiting()
    world.release()
    program.expect("closed", "ending")
    program.end()
    world.assert_alive()


def test_the_process_waits_for_what_a_worker_left(world: World, node: str) -> None:
    program = world.start(node, PROGRAM, "inAWorker")
    world.await_refresh()
    program.expect("timeout", "ending", "ending")
    program.await_waiting()
    world.release()
    program.end()
    world.assert_alive()


@pytest.mark.parametrize("ending", ["givenUp", "givenUpLater"])
def test_a_wait_that_is_too_short_gives_up(world: World, node: str, ending: str) -> None:
    program = world.start(node, PROGRAM, ending)
    world.await_refresh()
    # The provider never answers, so that only giving up lets the process end.
    program.expect("timeout", "false false", "ending")
    program.end()
