"""A C program ends in the ordinary way, and the refresh that is in flight is finished first."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from world import World

E_TIMEOUT = "-4"
WARNING = "2 a close was abandoned; lost if the process ends now: 1 in flight (1 fetch at crm)"


@pytest.mark.parametrize("ending", ["returns", "exits on another thread", "returns while another thread closes"])
def test_a_program_that_does_not_close_waits(world: World, c_program: str, ending: str) -> None:
    program = world.start(c_program, ending)
    world.await_refresh()
    program.expect("timeout", "ending")
    program.await_waiting()
    world.release()
    program.end()
    world.assert_alive()


@pytest.mark.parametrize("tls", [True])
def test_tls_lives_as_long_as_what_must_finish(world: World, c_program: str) -> None:
    program = world.start(c_program, "returns")
    world.await_refresh()
    program.expect("timeout", "ending")
    program.await_waiting()
    world.release()
    program.end()
    world.assert_alive()


def test_close_without_a_limit_answers_at_the_end_and_once_more(world: World, c_program: str) -> None:
    program = world.start(c_program, "closes")
    world.await_refresh()
    program.expect("timeout", "closing")
    program.await_waiting()
    world.release()
    program.expect("0 0", "ending")
    program.end()
    world.assert_alive()


@pytest.mark.parametrize("limit", ["without limit", "with a limit"])
def test_close_lets_a_call_of_another_thread_finish(world: World, c_program: str, limit: str) -> None:
    program = world.start(c_program, f"closes during a call {limit}")
    world.await_refresh()
    program.say("it has arrived")
    program.expect("closing")
    program.await_waiting()
    world.release()
    assert "closed 0" in program.end()
    world.assert_alive()


def test_a_close_that_only_begins_says_nothing_is_lost_and_the_descriptor_tells_of_the_end(
    world: World, c_program: str
) -> None:
    program = world.start(c_program, "begins to close")
    world.await_refresh()
    program.expect("timeout", E_TIMEOUT, "closing")
    program.await_waiting()
    world.release()
    program.expect("1 0", "ending")
    program.end()
    world.assert_alive()


def test_the_end_of_the_process_waits_for_a_close_that_only_began(world: World, c_program: str) -> None:
    program = world.start(c_program, "returns after it began to close")
    world.await_refresh()
    program.expect("timeout", E_TIMEOUT, "ending")
    program.await_waiting()
    world.release()
    program.end()
    world.assert_alive()


# In these the provider never answers, so that only giving up lets the process end.


def test_a_wait_that_is_too_short_and_a_second_close_give_up_and_say_what_is_lost(world: World, c_program: str) -> None:
    program = world.start(c_program, "gives up")
    world.await_refresh()
    program.expect("timeout", WARNING, E_TIMEOUT, WARNING, E_TIMEOUT, "ending")
    program.end()


def test_a_second_close_ends_the_first(world: World, c_program: str) -> None:
    program = world.start(c_program, "gives up a close of another thread")
    world.await_refresh()
    program.expect("timeout", E_TIMEOUT, E_TIMEOUT, "ending")
    program.end()


def test_an_exit_in_a_signal_handler_does_not_hang(world: World, c_program: str) -> None:
    program = world.start(c_program, "exits in a handler")
    world.await_refresh()
    program.expect("timeout", "waiting")
    program.await_waiting()
    program.process.send_signal(signal.SIGTERM)
    program.end()


def test_an_exit_in_a_log_function_does_not_hang(world: World, c_program: str) -> None:
    program = world.start(c_program, "exits in a log function")
    world.await_refresh()
    program.end()
