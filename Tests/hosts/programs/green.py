"""Uses a client on a hub. The arguments: gevent or eventlet, whether it is monkey-patched, and what to do."""

from __future__ import annotations

import sys

library, patching, act = sys.argv[1:]
if library == "gevent":
    import gevent
    import gevent.monkey
    from gevent.socket import wait_read

    if patching == "patched":
        gevent.monkey.patch_all()
    spawn, join, limit = gevent.spawn, gevent.Greenlet.get, gevent.Timeout
    native_thread = gevent.monkey.get_original("_thread", "start_new_thread")
else:
    import eventlet
    import eventlet.patcher
    from eventlet.hubs import trampoline

    if patching == "patched":
        eventlet.monkey_patch()
    spawn, join, limit = eventlet.spawn, eventlet.greenthread.GreenThread.wait, eventlet.Timeout
    native_thread = eventlet.patcher.original("_thread").start_new_thread

    def wait_read(descriptor: int) -> None:
        trampoline(descriptor, read=True)


import json  # noqa: E402
import os  # noqa: E402
from typing import TYPE_CHECKING  # noqa: E402

from descope_conn import CancelledError, Client  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

client = Client(json.loads(os.environ["CONFIG"]))


def fetch() -> str:
    return client.fetch_token("crm", user_id="alice").access_token


def fetch_in_vain() -> None:
    try:
        fetch()
    except CancelledError:
        print("cancelled")


def answer_a_line() -> None:
    """Returns when the hub ran while the test wanted it to."""
    wait_read(0)
    print("the hub runs:", os.read(0, 64).decode().strip())


def fetches() -> None:
    """A hundred at once, which are more than a pool has threads."""
    calls = [spawn(fetch) for _ in range(100)]
    answer_a_line()
    print(*{join(call) for call in calls})
    print(client.close())


def gives_up() -> None:
    """And closes, which waits for the refresh."""

    def fetch_for_a_while() -> None:
        with limit(1, False):
            fetch()

    join(spawn(fetch_for_a_while))
    line = spawn(answer_a_line)
    print("closing")
    print(client.close(), client.close())
    join(line)


def closes() -> None:
    """While others wait for answers, which they are told."""

    call = spawn(fetch_in_vain)
    answer_a_line()
    closed = client.close(wait=0)
    join(call)
    print(closed)


def on_a_thread(function: Callable[[], object]) -> Callable[[], object]:
    """Has a native thread call it, and gives a function that waits for the outcome on the hub."""
    outcomes: list[object] = []
    here, there = os.pipe()

    def call() -> None:
        try:
            outcomes.append(function())
        except BaseException as error:
            outcomes.append(repr(error))
        os.write(there, b"\n")

    def wait() -> object:
        wait_read(here)
        return outcomes[0]

    native_thread(call, ())
    return wait


def closes_on_a_thread() -> None:
    """What must finish ends first."""

    call = spawn(fetch_in_vain)
    answer_a_line()
    closed = on_a_thread(client.close)
    join(call)
    print(closed())


def closes_in_a_finalizer() -> None:
    """When the interpreter ends, and the hub is gone."""
    global holder

    class Holder:
        def __del__(self, close: Callable[..., bool] = client.close) -> None:
            close()

    holder = Holder()
    with limit(1, False):
        fetch()


def on_two_hubs() -> None:
    """Each on a thread of its own."""

    def use_another_hub() -> int:
        def count_tokens() -> int:
            return len(client.list_tokens(user_id="alice").tokens)

        return sum(join(call) for call in [spawn(count_tokens) for _ in range(3)])

    call = spawn(fetch)
    answer_a_line()
    print(on_a_thread(use_another_hub)())
    answer_a_line()
    print(join(call))


globals()[act]()
print("ending")
