"""Children of multiprocessing, billiard and Celery: they end by ``os._exit``, of which the library does not hear."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Callable

from ._wire import NO_TIMEOUT

if TYPE_CHECKING:
    from ._ending import Ending

_endings: set[Ending] = set()
"""Of this child's handles: those that are open, and those that have not ended. Nobody else may know them any more."""
_prepared: int | None = None
"""The child that closes them at its end, by its process id."""


def keep_until_end(ending: Ending) -> None:
    """Has the process wait for the handle before it ends, if it is such a child."""
    finish = _way_to_finish()
    if finish is None:
        return
    for other in list(_endings):
        if other.is_over() or not other.is_own:
            _endings.discard(other)
    _endings.add(ending)
    # What billiard calls at the end of a child is this too.
    from multiprocessing import util

    global _prepared
    if _prepared != os.getpid():
        _prepared = os.getpid()
        # The last of all: other finalizers may still use a client.
        util.Finalize(None, finish, exitpriority=-(2**31))
        signals = sys.modules.get("celery.signals")
        if signals is not None:
            # The children of its pool leave out the finalizers. Once, however often it is connected.
            signals.worker_process_shutdown.connect(_close_all, weak=False)
    if util.is_exiting():
        # The main thread may be through with the finalizers. When no thread can begin, the interpreter itself ends.
        with contextlib.suppress(RuntimeError):
            _Waiter().start()


def _way_to_finish() -> Callable[[], None] | None:
    """What such a child calls at its end; None in any other process."""
    billiard = sys.modules.get("billiard.process")
    if billiard is not None and billiard.current_process()._parent_pid == os.getppid():
        return _close_all
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        return _finish
    return None


class _Waiter(threading.Thread):
    """Waits for all other threads that a process waits for, and then for the handles; the process waits for it."""

    def __init__(self) -> None:
        super().__init__(name="descope_conn", daemon=False)

    def run(self) -> None:
        others = _others()
        while others:
            others.pop().join()
            others = others or _others()
        _close_all()


def _others() -> list[threading.Thread]:
    main = threading.main_thread()
    return [
        thread
        for thread in threading.enumerate()
        if thread is not main and thread.is_alive() and not thread.daemon and not isinstance(thread, _Waiter)
    ]


def _finish() -> None:
    # Before Python 3.13 the finalizers are called before the threads have ended, which may use a client until then.
    if threading.main_thread().is_alive() and _others():
        _Waiter().start()
    else:
        _close_all()


def _close_all(**_: object) -> None:
    endings = [ending for ending in list(_endings) if ending.is_own]
    for ending in endings:
        ending.begin(NO_TIMEOUT)
    for ending in endings:
        ending.await_end()
