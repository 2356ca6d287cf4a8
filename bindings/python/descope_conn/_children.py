"""Children of multiprocessing, billiard and Celery: they end by ``os._exit``, of which the library does not hear."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from ._wire import NO_TIMEOUT

if TYPE_CHECKING:
    from ._ending import Ending

_endings: set[Ending] = set()
"""Of this child's handles: those that are open, and those that have not ended. Nobody else may know them any more."""
_prepared: int | None = None
"""The child that closes them at its end, by its process id."""


def keep_until_end(ending: Ending) -> None:
    """Has the process wait for the handle before it ends, if it is such a child."""
    utils = _utils()
    if not utils:
        return
    for other in list(_endings):
        if other.is_over() or not other.is_own:
            _endings.discard(other)
    _endings.add(ending)
    global _prepared
    if _prepared != os.getpid():
        _prepared = os.getpid()
        for util in utils:
            # The last of all: other finalizers may still use a client.
            util.Finalize(None, _finish, exitpriority=-(2**31))
        signals = sys.modules.get("celery.signals")
        if signals is not None:
            # Its pool's children leave out the finalizers too. Once, however often it is connected.
            signals.worker_process_shutdown.connect(_close_all, weak=False)
    if any(util._exiting for util in utils):
        # The main thread may be through with the finalizers. When no thread can begin, the interpreter itself ends.
        with contextlib.suppress(RuntimeError):
            _Waiter().start()


def _utils() -> list[Any]:
    """``multiprocessing.util``, and billiard's, if this process is a child of theirs."""
    utils = []
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        utils.append(importlib.import_module("multiprocessing.util"))
    process = sys.modules.get("billiard.process")
    if process is not None and process.current_process()._parent_pid not in (None, os.getpid()):
        utils.append(importlib.import_module("billiard.util"))
    return utils


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
    # Before Python 3.13 the finalizers are called before the end of the threads, which may use a client meanwhile.
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
