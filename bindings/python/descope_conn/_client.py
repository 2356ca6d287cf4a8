"""The blocking client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ._auth import blocking, subject
from ._call import Call, performed, raw_call
from ._client_generated import Operations
from ._handle import Handle
from ._hubs import running_hub
from ._wire import milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from typing_extensions import Self

    from ._auth import Auth
    from ._hubs import Hub
    from ._types import ConnectOptions, TokenInfo, TokenStatus

T = TypeVar("T")


class Client(Operations, Handle):
    """Performs each call on the calling thread. Any number of threads may share one client.

    It is a context manager. Other threads run while a call waits, but Ctrl-C is seen only when it returns. On a thread
    with a hub of gevent or eventlet, the hub's other green threads run meanwhile.
    """

    @performed
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
        """The ``auth=`` of httpx or of requests: adds the token that ``fetch_token`` answers to each request.

        A 401 is reported, and the request is sent once more with the new token. Whatever ``fetch_token`` raises comes
        out of the request, ``ConnectionRequiredError`` too. ``timeout`` bounds each call of the library, in seconds.
        """
        options = {"scopes": scopes, "connect": connect, "actor": actor, "timeout": timeout}
        auth: Auth = blocking()(self, subject(app_id, user_id, tenant_id, options))
        return auth

    def iter_tokens(
        self,
        *,
        app_id: str | None = None,
        user_id: str | None = None,
        tenant_id: str | None = None,
        status: TokenStatus | None = None,
        limit: int | None = None,
        actor: str | None = None,
        timeout: float | None = None,
    ) -> Iterator[TokenInfo]:
        """All that ``list_tokens`` has, page after page: ``limit`` and ``timeout`` are for each of them."""
        after: str | None = None
        while True:
            page = self.list_tokens(
                app_id=app_id,
                user_id=user_id,
                tenant_id=tenant_id,
                status=status,
                limit=limit,
                after=after,
                actor=actor,
                timeout=timeout,
            )
            yield from page.tokens
            after = page.next
            if after is None:
                return

    def close(self, *, wait: float | None = None) -> bool:
        """Refuses new calls, cancels those that need not finish, and waits for the end of the others.

        Without ``wait``, for as long as they take: the configuration's timeout bounds each exchange with a provider.

        False: ``wait`` seconds were not enough, and what is still in flight is given up. It goes on, but the end of the
        process does not wait for it, and a grant whose refresh is cut off must be given anew. Closing again, and Ctrl-C
        meanwhile, give up at once.
        """
        ending = self._ending
        if ending is None:
            return True
        wait_ms = milliseconds(wait)
        hub = running_hub()
        if hub is not None and self._in_flight.watcher == hub:
            self._in_flight.close()
        return ending.close(wait_ms) if ending.ask() else ending.give_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._was_let_go:
            self.close()

    def _perform(self, call: Call[T]) -> T:
        self._check_open()
        hub = running_hub()
        if hub is not None:
            return call.result(self._perform_on(hub, call))
        return call.result(self._library.call(self._handle, call.request, call.timeout_ms))

    def _perform_on(self, hub: Hub, call: Call[T]) -> bytes:
        if not self._in_flight.is_free_for(hub):
            return hub.in_thread(lambda: self._library.call(self._handle, call.request, call.timeout_ms))
        waiting = self._in_flight.start(hub, call)
        try:
            hub.wait(waiting.answered)
        except BaseException:
            self._in_flight.abandon(waiting)
            raise
        return waiting.result()
