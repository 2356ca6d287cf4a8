"""A Python process ends in the ordinary way, and the refresh that is in flight is finished first."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from world import World


@pytest.mark.parametrize("ending", ["without_close", "by_collection"])
def test_an_interpreter_that_nobody_told_to_wait_does(world: World, ending: str) -> None:
    program = world.python("ending.py", ending)
    world.await_refresh()
    program.expect("timeout", "ending")
    program.await_waiting()
    world.release()
    assert program.end() == []
    world.assert_alive()


def test_a_with_block_ends_when_the_refresh_has(world: World) -> None:
    program = world.python("ending.py", "in_a_with_block")
    world.await_refresh()
    program.expect("timeout", "closing")
    program.await_waiting()
    world.release()
    program.expect("closed", "ending")
    program.end()
    world.assert_alive()


def test_close_returns_when_the_refresh_has_ended(world: World) -> None:
    program = world.python("ending.py", "by_close")
    world.await_refresh()
    program.expect("timeout", "closing")
    program.await_waiting()
    world.release()
    program.expect("True True", "ending")
    program.end()
    world.assert_alive()


def test_a_call_of_a_daemon_thread_is_finished(world: World) -> None:
    program = world.python("ending.py", "inside_a_daemon_thread")
    world.await_refresh()
    program.say("it has arrived")
    program.expect("ending")
    program.await_waiting()
    world.release()
    program.end()
    world.assert_alive()


def test_an_event_loop_that_was_closed_changes_nothing(world: World) -> None:
    program = world.python("ending.py", "after_a_loop_is_closed")
    world.await_refresh()
    program.say("it has arrived")
    program.expect("cancelled", "ending")
    program.await_waiting()
    world.release()
    program.end()
    world.assert_alive()


def test_an_async_with_block_ends_when_the_refresh_has_and_leaves_the_loop_free(world: World) -> None:
    program = world.python("ending.py", "in_an_async_with_block")
    world.await_refresh()
    program.say("it has arrived")
    program.expect("cancelled", "closing")
    program.say("while closing")
    program.expect("the loop runs: while closing")
    world.release()
    program.expect("closed", "ending")
    program.end()
    world.assert_alive()


def test_a_forked_child_finishes_what_is_its_own(world: World) -> None:
    program = world.python("ending.py", "in_a_forked_child")
    world.await_refresh()
    program.expect("timeout")
    program.await_waiting(int(program.line()))
    world.release()
    program.expect("the child has ended", "ending")
    program.end()
    world.assert_alive()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("ending", ["without_close", "by_collection", "in_a_loop", "by_close_in_a_daemon_thread"])
def test_a_child_of_multiprocessing_finishes_what_is_its_own(world: World, method: str, ending: str) -> None:
    program = world.python("ending.py", "in_a_child_of_multiprocessing", method, ending)
    world.await_refresh()
    program.expect("timeout")
    program.await_waiting(int(program.line()))
    world.release()
    program.expect("ending")
    program.end()
    world.assert_alive()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("thread", ["inside_a_thread", "inside_a_thread_that_opens_late"])
def test_a_child_of_multiprocessing_lets_its_threads_finish(world: World, method: str, thread: str) -> None:
    program = world.python("ending.py", "in_a_child_of_multiprocessing", method, thread)
    child = int(program.line())
    world.await_refresh()
    program.expect("timeout")
    program.await_waiting(child)
    world.release()
    program.expect("ending")
    program.end()
    world.assert_alive()


def test_a_child_of_an_executor_finishes_what_it_collected(world: World) -> None:
    program = world.python("ending.py", "in_a_pool_of_processes", "-", "by_collection")
    world.await_refresh()
    program.expect("timeout")
    program.await_waiting(int(program.line()))
    world.release()
    program.expect("ending")
    program.end()
    world.assert_alive()


def test_an_exit_hook_of_before_may_use_the_client_and_is_the_first_to_close_it(world: World) -> None:
    program = world.python("ending.py", "by_an_exit_hook_of_before")
    world.await_refresh()
    program.expect("timeout", "ending")
    program.await_waiting()
    world.release()
    assert program.end() == ["True True"]
    world.assert_alive()


@pytest.mark.parametrize("ending", ["by_a_finalizer", "by_a_finalizer_of_a_cycle"])
def test_a_finalizer_is_the_first_to_close(world: World, ending: str) -> None:
    program = world.python("ending.py", ending)
    world.await_refresh()
    program.expect("timeout")
    program.await_waiting()
    world.release()
    program.expect("closed: True", "ending")
    program.end()
    world.assert_alive()


@pytest.mark.parametrize("ending", ["by_a_finalizer_at_the_end", "by_a_finalizer_of_a_cycle_at_the_end"])
def test_a_finalizer_is_the_first_to_close_when_the_interpreter_ends(world: World, ending: str) -> None:
    program = world.python("ending.py", ending)
    world.await_refresh()
    program.expect("timeout", "ending")
    program.await_waiting()
    world.release()
    assert program.end() == ["closed: True"]
    world.assert_alive()


def test_a_forked_child_does_not_wait_for_its_parent(world: World) -> None:
    program = world.python("ending.py", "beside_a_forked_child")
    world.await_refresh()
    program.expect("timeout", "the child has ended", "ending")
    program.await_waiting()
    world.release()
    program.end()
    world.assert_alive()


# In these the provider never answers, so that only giving up lets the process end.


def test_a_wait_that_is_too_short_gives_up(world: World) -> None:
    program = world.python("ending.py", "given_up")
    world.await_refresh()
    program.expect("timeout", "False False", "ending")
    program.end()


def test_a_wait_that_is_too_short_gives_up_asynchronously(world: World) -> None:
    program = world.python("ending.py", "given_up_async")
    world.await_refresh()
    program.say("it has arrived")
    program.expect("cancelled", "False False", "ending")
    program.end()


def test_a_close_that_is_cancelled_gives_up(world: World) -> None:
    program = world.python("ending.py", "given_up_by_cancellation")
    world.await_refresh()
    program.say("it has arrived")
    program.expect("cancelled", "True", "ending")
    program.end()


def test_a_second_close_ends_the_first(world: World) -> None:
    program = world.python("ending.py", "given_up_by_another_thread")
    world.await_refresh()
    program.expect("timeout", "False", "False", "ending")
    program.end()


def test_a_second_close_ends_the_first_when_closing_had_begun_before(world: World) -> None:
    program = world.python("ending.py", "given_up_when_closing_had_begun")
    world.await_refresh()
    program.expect("timeout")
    assert sorted([program.line(), program.line()]) == ["False", "closed: False"]
    program.expect("ending")
    program.end()


def test_ctrl_c_gives_up(world: World) -> None:
    program = world.python("ending.py", "given_up_by_ctrl_c")
    world.await_refresh()
    program.expect("timeout", "closing")
    program.await_waiting(by=("poll",))  # not for the interpreter's lock
    program.process.send_signal(signal.SIGINT)
    program.expect("interrupted", "ending")
    program.end()
