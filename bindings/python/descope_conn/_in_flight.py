"""The calls of a client that tasks or green threads wait for: no thread each, but one descriptor for all of them."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable

from ._errors import CancelledError, ConnError, InvalidRequestError, LimitError
from ._library import answered

if TYPE_CHECKING:
    from ._call import Call
    from ._library import Library
    from ._loops import Event, Watcher


@dataclass(eq=False)
class Waiting:
    """One call, and who waits for it."""

    ticket: int
    answered: Event
    outcome: bytes | ConnError | None = field(default=None, repr=False)
    is_abandoned: bool = False

    def settle(self, outcome: bytes | ConnError) -> None:
        if not self.is_abandoned:
            self.outcome = outcome
            self.answered.set()

    def result(self) -> bytes:
        """Gives out what came, once it was answered."""
        outcomes = [self.outcome or _closed()]
        self.outcome = None
        return answered(outcomes.pop())


class InFlight:
    """Calls by their tickets. All of them are of one watcher, on whose thread this is used."""

    def __init__(self, library: Library, handle: int) -> None:
        self._library = library
        self._handle = handle
        self._calls: dict[int, Waiting] = {}
        self._stop_watching: Callable[[], None] | None = None
        # Has at most one item: who comes first, of several threads, puts it there.
        self._watcher: dict[None, Watcher] = {}

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def watcher(self) -> Watcher | None:
        """Whose calls are in flight."""
        return self._watcher.get(None)

    @property
    def is_waited_for(self) -> bool:
        """Whether anybody waits: not for calls that were abandoned, which the library still answers."""
        return any(not call.is_abandoned for call in list(self._calls.values()))

    @property
    def is_watched(self) -> bool:
        """Whether the watcher looks after the descriptor."""
        return self._stop_watching is not None

    def is_free_for(self, watcher: Watcher) -> bool:
        """Whether no calls of another watcher are in flight. Then it is this one's, and must start one."""
        return self._watcher.setdefault(None, watcher) == watcher

    def start(self, watcher: Watcher, call: Call[Any]) -> Waiting:
        """Submits a call."""
        self._watcher.setdefault(None, watcher)
        try:
            ticket = self._library.submit(self._handle, call.request, call.timeout_ms)
            try:
                self._watch(watcher)
            except BaseException:
                self._library.cancel(self._handle, ticket)
                raise
        except BaseException:
            self._rest()
            raise
        waiting = self._calls[ticket] = Waiting(ticket, watcher.event())
        return waiting

    def abandon(self, call: Waiting) -> None:
        """Nobody waits any more. The library still answers the ticket, and that is dropped."""
        call.is_abandoned = True
        self._library.cancel(self._handle, call.ticket)

    def drain(self) -> None:
        """Hands out everything that has been answered."""
        try:
            for ticket, outcome in self._library.finished(self._handle):
                call = self._calls.pop(ticket, None)
                if call:
                    call.settle(outcome)
        except ConnError as error:
            # The handle itself failed, so that nothing else will be answered: most likely another thread closed it.
            self._settle_all(_closed() if isinstance(error, InvalidRequestError) else error)
        self._rest()

    def close(self) -> None:
        """Hands out what has been answered, and ends the rest as cancelled."""
        self.drain()
        self._settle_all(_closed())
        self._rest()

    def _settle_all(self, outcome: ConnError) -> None:
        for call in self._calls.values():
            call.settle(outcome)
        self._calls.clear()

    def _watch(self, watcher: Watcher) -> None:
        # Only while something is in flight, so that nothing of ours stays with the watcher afterwards.
        if self._stop_watching:
            return
        descriptor = self._library.event_fd(self._handle)
        try:
            # A duplicate tells of the end of the handle too, whoever closes it.
            duplicate = os.dup(descriptor)
        except OSError:
            raise LimitError("no file descriptor is left to watch") from None
        try:
            stop = watcher.watch(duplicate, self.drain)
        except BaseException:
            os.close(duplicate)
            raise

        def stop_watching() -> None:
            stop()
            os.close(duplicate)

        self._stop_watching = stop_watching

    def _rest(self) -> None:
        if self._calls:
            return
        if self._stop_watching:
            self._stop_watching()
            self._stop_watching = None
        self._watcher.clear()


def look_for_end(descriptor: int, ended: Event) -> None:
    """Sets the event when a duplicate of the event descriptor has come to its end."""
    # Bytes only say that answers waited; nothing to read is not yet the end.
    with contextlib.suppress(BlockingIOError):
        # Monkey-patching would have os.read wait.
        if os.readv(descriptor, [bytearray(64)]) == 0:
            ended.set()


def _closed() -> CancelledError:
    return CancelledError("the client was closed")
