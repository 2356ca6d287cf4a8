"""The end of a handle: it begins once, whoever begins it, and only its user gives it up."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ._hubs import poll_of_system, running_hub
from ._in_flight import look_for_end
from ._wire import NO_TIMEOUT

if TYPE_CHECKING:
    from ._library import Library

_MOST_POLL_MS = 2**31 - 1


class Descriptor:
    """A descriptor of our own. It is closed with the last reference, since several may wait with it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.number)


class Ending:
    """Of one handle. It does not know the client, and outlives it.

    To the library every close but the first is one that gives up. But closing may have begun without the user: when the
    client was collected, or its process was about to end. So it is remembered here whether the user has closed before.

    Nothing is locked: a finalizer may run at any moment, and a child may have been forked at any moment.
    """

    def __init__(self, library: Library, handle: int) -> None:
        self._library = library
        self._handle = handle
        self._process = os.getpid()
        # When the interpreter ends, nobody knows any more what was patched.
        self._new_poll = poll_of_system()
        # Who takes the item is the first.
        self._not_begun, self._not_asked = [None], [None]
        self._has_ended = False
        self._end: Descriptor | None = None

    @property
    def has_begun(self) -> bool:
        return not self._not_begun

    @property
    def was_asked_for(self) -> bool:
        """Whether the user has closed."""
        return not self._not_asked

    @property
    def is_own(self) -> bool:
        """Whether this process opened the handle."""
        return self._process == os.getpid()

    def ask(self) -> bool:
        """What the user's close calls first. False: it is not the first close, and gives up."""
        return _take(self._not_asked)

    def begin(self, wait_ms: int = 0) -> bool:
        """Begins to close, unless that has happened.

        ``wait_ms`` is for where ``watch`` gave nothing to wait with: the library itself then waits, and gives up.
        """
        if not self.has_begun:
            self._end = self.watch()  # first, since who sees that it has begun may wait for the end at once
        if not _take(self._not_begun):
            return self._has_ended
        self._has_ended = self._library.close(self._handle, wait_ms)
        if self._has_ended:
            self._end = None
        return self._has_ended

    def watch(self) -> Descriptor | None:
        """What comes to its end with the handle; None where no descriptor is left, or it has ended."""
        end = self._end
        number = self._library.event_fd(self._handle) if end is None else end.number
        try:
            return None if number < 0 else Descriptor(os.dup(number))
        except OSError:
            return None

    def close(self, wait_ms: int) -> bool:
        """Closes for the user, on this thread or its hub."""
        if not self.is_own:
            return self.give_up()
        end = self.watch()
        if end is None:
            return self.begin(wait_ms)
        try:
            if not self.begin():
                self._wait(end.number, None if wait_ms == NO_TIMEOUT else wait_ms)
        finally:
            closed = self.give_up()
        return closed

    def give_up(self) -> bool:
        """Closes once more; True if all has ended just so. Of another process's handle it only forgets it."""
        _take(self._not_begun)
        self._has_ended = self._library.close(self._handle, 0)
        self._end = None
        return self._has_ended

    def await_end(self) -> None:
        """Waits after ``begin``, on this thread, until all has ended or was given up."""
        end = self._end
        if end is not None:
            self._poll(end.number, None)

    def is_over(self) -> bool:
        """Whether nothing is left to wait for."""
        end = self._end
        if end is not None and self._poll(end.number, 0):
            self._has_ended, self._end = True, None
        return self.has_begun and self._end is None

    def _wait(self, descriptor: int, wait_ms: int | None) -> None:
        hub = running_hub()
        if hub is None:
            # Not in C, where Ctrl-C would wait as well.
            self._poll(descriptor, wait_ms)
            return
        ended = hub.event()
        unwatch = hub.watch(descriptor, lambda: look_for_end(descriptor, ended))
        try:
            hub.wait(ended, None if wait_ms is None else wait_ms / 1000)
        finally:
            unwatch()

    def _poll(self, descriptor: int, wait_ms: int | None) -> bool:
        poll = self._new_poll()
        poll.register(descriptor, 0)  # which leaves POLLHUP
        return bool(poll.poll(None if wait_ms is None else min(wait_ms, _MOST_POLL_MS)))


def _take(items: list[None]) -> bool:
    try:
        items.pop()
    except IndexError:
        return False
    return True
