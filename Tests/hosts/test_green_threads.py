"""On a hub of gevent or eventlet a call lets the other green threads run, monkey-patched or not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from world import Program, World

each_way = pytest.mark.parametrize(
    ("library", "patching"), [(lib, how) for lib in ("gevent", "eventlet") for how in ("patched", "unpatched")]
)
each_library = pytest.mark.parametrize(("library", "patching"), [("gevent", "unpatched"), ("eventlet", "patched")])


def green(world: World, *arguments: str) -> Program:
    # eventlet warns against itself.
    return world.start(sys.executable, "-W", "ignore", "programs/green.py", *arguments)


@each_way
def test_any_number_of_calls_wait_without_stopping_the_hub(world: World, library: str, patching: str) -> None:
    program = green(world, library, patching, "fetches")
    world.await_refresh()
    program.say("while they wait")
    program.expect("the hub runs: while they wait")
    world.release()
    program.expect("access-1", "True", "ending")
    program.end()
    world.assert_alive()


@each_way
def test_a_green_thread_that_gives_up_ends_its_call_and_close_waits_for_the_refresh(
    world: World, library: str, patching: str
) -> None:
    program = green(world, library, patching, "gives_up")
    world.await_refresh()
    program.expect("closing")
    program.say("while closing")
    program.expect("the hub runs: while closing")
    world.release()
    program.expect("True True", "ending")
    program.end()
    world.assert_alive()


@each_library
def test_a_close_ends_the_calls_of_the_hub(world: World, library: str, patching: str) -> None:
    program = green(world, library, patching, "closes")
    world.await_refresh()
    program.say("now")
    # The provider never answers, so that only giving up lets the process end.
    program.expect("the hub runs: now", "cancelled", "False", "ending")
    program.end()


@each_library
def test_a_close_on_another_thread_ends_the_calls_of_the_hub(world: World, library: str, patching: str) -> None:
    program = green(world, library, patching, "closes_on_a_thread")
    world.await_refresh()
    program.say("now")
    # The call ends with closing's beginning. What must finish, the refresh, has not.
    program.expect("the hub runs: now", "cancelled")
    world.release()
    program.expect("True", "ending")
    program.end()
    world.assert_alive()


@each_library
def test_a_finalizer_closes_when_the_hub_is_gone(world: World, library: str, patching: str) -> None:
    program = green(world, library, patching, "closes_in_a_finalizer")
    world.await_refresh()
    program.expect("ending")
    program.await_waiting()
    world.release()
    program.end()
    world.assert_alive()


@each_library
def test_two_hubs_share_a_client(world: World, library: str, patching: str) -> None:
    program = green(world, library, patching, "on_two_hubs")
    world.await_refresh()
    program.say("one")
    program.expect("the hub runs: one", "3")
    program.say("two")
    program.expect("the hub runs: two")
    world.release()
    program.expect("access-1", "ending")
    program.end()
    world.assert_alive()
