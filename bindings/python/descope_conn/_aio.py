"""The client for asyncio and trio. No thread per call: the library has one of its own, and the loop watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Protocol, TypeVar

from . import _app_operations, _device_operations, _mcp_operations, _operations, _template_operations, _vault_operations
from ._call import Call, present
from ._frames import hiding
from ._handle import Handle
from ._in_flight import look_for_end
from ._loops import running_loop
from ._wire import milliseconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from typing_extensions import Concatenate, ParamSpec, Self

    from ._loops import Loop
    from ._types import TokenInfo

    P = ParamSpec("P")

T = TypeVar("T")


class _Performer(Protocol):
    async def _perform(self, call: Call[T]) -> T: ...


def _method(operation: Callable[P, Call[T]]) -> Callable[Concatenate[_Performer, P], Coroutine[Any, Any, T]]:
    prepare = hiding(operation)

    async def method(performer: _Performer, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            call = prepare(*args, **kwargs)
        finally:
            del args, kwargs
        return await performer._perform(call)

    present(method, operation)
    return method


class AsyncClient(Handle):
    """Performs each call without blocking the event loop. It belongs to the loop that it was first used on.

    The loop is asyncio's, another that asyncio runs on, such as uvloop's, or trio's. It is an asynchronous context
    manager. Cancelling a call's task or scope cancels the call in the library too.
    """

    connect = _method(_operations.connect)
    open_connect = _method(_operations.open_connect)
    complete = _method(_operations.complete)
    confirm = _method(_operations.confirm)
    fetch_token = _method(_operations.fetch_token)
    store_api_key = _method(_operations.store_api_key)
    store_token = _method(_operations.store_token)
    store_tokens = _method(_operations.store_tokens)
    delete_tokens = _method(_operations.delete_tokens)
    run_revocations = _method(_operations.run_revocations)
    list_tokens = _method(_operations.list_tokens)
    report_rejected = _method(_operations.report_rejected)
    export_tokens = _method(_vault_operations.export_tokens)
    delete_idle_tokens = _method(_vault_operations.delete_idle_tokens)
    back_up = _method(_vault_operations.back_up)
    check_backup = _method(_vault_operations.check_backup)
    describe = _method(_operations.describe)
    call = _method(_operations.call)

    _loop: Loop | None = None

    @property
    def apps(self) -> AsyncApps:
        """The operations on connections themselves."""
        return AsyncApps(self)

    @property
    def templates(self) -> AsyncTemplates:
        """The vault's catalogue of providers."""
        return AsyncTemplates(self)

    @property
    def device(self) -> AsyncDevice:
        """Grants that users give on another device."""
        return AsyncDevice(self)

    @property
    def keys(self) -> AsyncKeys:
        """The keys that seal a vault."""
        return AsyncKeys(self)

    @property
    def audit(self) -> AsyncAudit:
        """What was done to a vault's tokens."""
        return AsyncAudit(self)

    @property
    def mcp(self) -> AsyncMCP:
        """The operations for MCP servers."""
        return AsyncMCP(self)

    async def iter_tokens(
        self,
        *,
        app_id: str | None = None,
        user_id: str | None = None,
        tenant_id: str | None = None,
        status: str | None = None,
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


class _Group:
    """Operations that stand together under the client."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def _perform(self, call: Call[T]) -> T:
        return await self._client._perform(call)


class AsyncApps(_Group):
    """``client.apps``: the operations on connections themselves."""

    create = _method(_app_operations.create_app)
    update = _method(_app_operations.update_app)
    delete = _method(_app_operations.delete_app)
    load = _method(_app_operations.load_app)
    list = _method(_app_operations.list_apps)


class AsyncTemplates(_Group):
    """``client.templates``: the vault's catalogue of providers."""

    list = _method(_template_operations.list_templates)
    load = _method(_template_operations.load_template)


class AsyncDevice(_Group):
    """``client.device``: grants that users give on another device."""

    start = _method(_device_operations.start_device)
    poll = _method(_device_operations.poll_device)


class AsyncKeys(_Group):
    """``client.keys``: the keys that seal a vault."""

    list = _method(_vault_operations.list_keys)
    add = _method(_vault_operations.add_key)
    activate = _method(_vault_operations.activate_key)
    reseal = _method(_vault_operations.reseal_rows)
    drop = _method(_vault_operations.drop_key)


class AsyncAudit(_Group):
    """``client.audit``: what was done to a vault's tokens."""

    list = _method(_vault_operations.list_audit)
    verify = _method(_vault_operations.verify_audit)


class AsyncMCP(_Group):
    """``client.mcp``: the operations for MCP servers."""

    answer = _method(_mcp_operations.answer)
    resume = _method(_mcp_operations.resume)
    card = _method(_mcp_operations.card)
