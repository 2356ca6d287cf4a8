"""The hubs of gevent and of eventlet, which run other green threads while one of them waits."""

from __future__ import annotations

import select
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Protocol, TypeVar

from ._loops import Watcher

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")


class Hub(Watcher, Protocol):
    """A watcher whose tasks are green threads."""

    def wait(self, event: Any, timeout: float | None = None) -> None:
        """Returns when the event is set, or after so many seconds."""

    def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


def running_hub() -> Hub | None:
    """The hub that runs others while the caller waits; None on a thread that has none, where waiting stops nobody else.

    A hub's own callbacks cannot wait, so there is none for them either, nor for finalizers when the interpreter ends.
    """
    if sys.is_finalizing():
        return None
    gevent, eventlet = sys.modules.get("gevent._hub_local"), sys.modules.get("eventlet.hubs")
    if gevent is not None:
        hub = gevent.get_hub_if_exists()
        if hub is not None and hub is not _current_greenlet():
            return _Gevent(hub)
    if eventlet is not None:
        hub = getattr(eventlet._threadlocal, "hub", None)
        if hub is not None and hub.greenlet is not _current_greenlet():
            return _Eventlet(hub)
    return None


def poll_of_system() -> Callable[[], select.poll]:
    """``select.poll`` as it was: what monkey-patching puts in its place knows no POLLHUP, or there is nothing."""
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    poll: Callable[[], select.poll]
    if gevent is not None:
        poll = gevent.get_original("select", "poll")
    elif eventlet is not None:
        poll = eventlet.original("select").poll
    else:
        poll = select.poll
    return poll


def _current_greenlet() -> object:
    return sys.modules["greenlet"].getcurrent()


@dataclass(frozen=True)
class _Gevent:
    hub: Any

    def event(self) -> Any:
        from gevent.event import Event

        return Event()

    def watch(self, descriptor: int, callback: Callable[[], object]) -> Callable[[], None]:
        watcher = self.hub.loop.io(descriptor, 1)  # for reading
        watcher.start(callback)

        def stop() -> None:
            watcher.stop()
            watcher.close()

        return stop

    def wait(self, event: Any, timeout: float | None = None) -> None:
        event.wait(timeout)

    def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = self.hub.threadpool.apply(function, args, kwargs)
        return result


@dataclass(frozen=True)
class _Eventlet:
    hub: Any

    def event(self) -> Any:
        from eventlet.event import Event

        return _EventletEvent(Event())

    def watch(self, descriptor: int, callback: Callable[[], object]) -> Callable[[], None]:
        is_stopped = False

        def call_back(_: object) -> None:
            # The hub may have found the descriptor readable before.
            if not is_stopped:
                callback()

        def ignore(*_: object) -> None:
            """The hub may tell that the descriptor is gone, which the library tells too."""

        listener = self.hub.add(self.hub.READ, descriptor, call_back, ignore, ignore)

        def stop() -> None:
            nonlocal is_stopped
            is_stopped = True
            self.hub.remove(listener)

        return stop

    def wait(self, event: Any, timeout: float | None = None) -> None:
        event.wait(timeout)

    def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        from eventlet import tpool

        result: T = tpool.execute(function, *args, **kwargs)
        return result


@dataclass(frozen=True)
class _EventletEvent:
    event: Any

    def set(self) -> None:
        if not self.event.ready():
            self.event.send()

    def wait(self, timeout: float | None) -> None:
        self.event.wait(timeout)
