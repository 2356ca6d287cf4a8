"""The event loops that ``AsyncClient`` works on: asyncio's, or one that speaks for it such as uvloop's, and trio's."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Protocol, TypeVar

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")


class Event(Protocol):
    """Set once. Who waits for it lets other tasks of the same thread run."""

    def set(self) -> object: ...


class Watcher(Protocol):
    """What looks after descriptors for a thread's tasks. Two that are equal are the same loop or hub."""

    def event(self) -> Event: ...

    def watch(self, descriptor: int, callback: Callable[[], object]) -> Callable[[], None]:
        """Calls back whenever the descriptor is readable, and gives the function that ends this.

        Nothing else may watch the same descriptor number meanwhile.
        """


class Loop(Watcher, Protocol):
    """A watcher whose tasks are coroutines."""

    async def wait(self, event: Any, timeout: float | None = None) -> None:
        """Returns when the event is set, or after so many seconds."""

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


def running_loop() -> Loop:
    """The loop of the task that asks. ``RuntimeError`` where there is none."""
    trio = sys.modules.get("trio")
    if trio is not None:
        with contextlib.suppress(RuntimeError):  # outside of its run
            return _Trio(trio.lowlevel.current_trio_token(), trio)
    return _Asyncio(asyncio.get_running_loop())


@dataclass(frozen=True)
class _Asyncio:
    loop: asyncio.AbstractEventLoop

    def event(self) -> asyncio.Event:
        return asyncio.Event()

    def watch(self, descriptor: int, callback: Callable[[], object]) -> Callable[[], None]:
        self.loop.add_reader(descriptor, callback)

        def stop() -> None:
            if not self.loop.is_closed():
                self.loop.remove_reader(descriptor)

        return stop

    async def wait(self, event: asyncio.Event, timeout: float | None = None) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(event.wait(), timeout)

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.loop.run_in_executor(None, lambda: function(*args, **kwargs))


@dataclass(frozen=True)
class _Trio:
    token: Any
    trio: Any  # the module

    def event(self) -> Event:
        event: Event = self.trio.Event()
        return event

    def watch(self, descriptor: int, callback: Callable[[], object]) -> Callable[[], None]:
        scope = self.trio.CancelScope()

        async def watch() -> None:
            # It may be stopped before it has begun, and after the descriptor was found readable.
            with scope, contextlib.suppress(self.trio.ClosedResourceError):
                while not scope.cancel_called:
                    await self.trio.lowlevel.wait_readable(descriptor)
                    if not scope.cancel_called:
                        callback()

        self.trio.lowlevel.spawn_system_task(watch)

        def stop() -> None:
            scope.cancel()
            # Its run may be over.
            with contextlib.suppress(RuntimeError):
                self.trio.lowlevel.notify_closing(descriptor)

        return stop

    async def wait(self, event: Any, timeout: float | None = None) -> None:
        with self.trio.move_on_after(float("inf") if timeout is None else timeout):
            await event.wait()

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = await self.trio.to_thread.run_sync(lambda: function(*args, **kwargs))
        return result
