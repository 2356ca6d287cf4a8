"""The client for asyncio and trio. No thread per call: the library has one of its own, and the loop watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ._aio_generated import AsyncOperations
from ._auth import asynchronous, subject
from ._call import Call, awaited, raw_call
from ._handle import Handle
from ._in_flight import look_for_end
from ._loops import running_loop
from ._wire import milliseconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from typing_extensions import Self

    from ._auth import Auth
    from ._loops import Loop
    from ._types import ConnectOptions, TokenInfo, TokenStatus

T = TypeVar("T")


class AsyncClient(AsyncOperations, Handle):
    """Performs each call without blocking the event loop. It belongs to the loop that it was first used on.

    The loop is asyncio's, another that asyncio runs on, such as uvloop's, or trio's. It is an asynchronous context
    manager. Cancelling a call's task or scope cancels the call in the library too.
    """

    _loop: Loop | None = None

    @awaited
    def call(
        self,
        op: str,
        fields: Mapping[str, object] | None = None,
        *,
        actor: str | None = None,
        timeout: float | None = None,
    ) -> Call[dict[str, Any]]:
        """Any operation by its name, in the wire's own field names; gives its whole answer.

        For plugins' own operations, and for those that this package has no method for yet.
        """
        return raw_call(op, fields or {}, actor, timeout, dict)

    def auth(
        self,
        app_id: str,
        *,
        user_id: str | None = None,
        tenant_id: str | None = None,
        scopes: Sequence[str] | None = None,
        connect: ConnectOptions | None = None,
        actor: str | None = None,
        timeout: float | None = None,
    ) -> Auth:
        """The ``auth=`` of an ``httpx.AsyncClient``: adds the token that ``fetch_token`` answers to each request.

        A 401 is reported, and the request is sent once more with the new token. Whatever ``fetch_token`` raises comes
        out of the request, ``ConnectionRequiredError`` too. ``timeout`` bounds each call of the library, in seconds.
        """
        options = {"scopes": scopes, "connect": connect, "actor": actor, "timeout": timeout}
        auth: Auth = asynchronous()(self, subject(app_id, user_id, tenant_id, options))
        return auth

    async def iter_tokens(
        self,
        *,
        app_id: str | None = None,
        user_id: str | None = None,
        tenant_id: str | None = None,
        status: TokenStatus | None = None,
        limit: int | None = None,
        actor: str | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[TokenInfo]:
        """All that ``list_tokens`` has, page after page: ``limit`` and ``timeout`` are for each of them."""
        after: str | None = None
        while True:
            page = await self.list_tokens(
                app_id=app_id,
                user_id=user_id,
                tenant_id=tenant_id,
                status=status,
                limit=limit,
                after=after,
                actor=actor,
                timeout=timeout,
            )
            for token in page.tokens:
                yield token
            after = page.next
            if after is None:
                return

    async def aclose(self, *, wait: float | None = None) -> bool:
        """Refuses new calls, cancels those in flight, and waits for the end of what must finish, as ``Client.close``.

        False: ``wait`` seconds were not enough, and what is still in flight is given up. Closing again, and cancelling
        a close that waits, give up at once.
        """
        ending = self._ending
        if ending is None:
            return True
        wait_ms = milliseconds(wait)
        if self._in_flight.is_waited_for:
            self._bind()
        self._in_flight.close()
        if not ending.ask() or not ending.is_own:
            return ending.give_up()
        loop = running_loop()
        end = ending.watch()
        if end is None:
            return await loop.in_thread(ending.begin, wait_ms)
        ended = loop.event()
        unwatch = loop.watch(end.number, lambda: look_for_end(end.number, ended))
        try:
            if not ending.begin():
                await loop.wait(ended, wait)
        finally:
            unwatch()
            closed = ending.give_up()
        return closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._was_let_go:
            await self.aclose()

    async def _perform(self, call: Call[T]) -> T:
        loop = self._bind()
        self._check_open()
        waiting = self._in_flight.start(loop, call)
        try:
            await loop.wait(waiting.answered)
        except BaseException:
            self._in_flight.abandon(waiting)
            raise
        return call.result(waiting.result())

    def _bind(self) -> Loop:
        loop = running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop != loop:
            raise RuntimeError("this AsyncClient belongs to another event loop: open one for each loop")
        return loop
