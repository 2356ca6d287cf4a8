"""The blocking client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Protocol, TypeVar

from . import _app_operations, _device_operations, _mcp_operations, _operations, _template_operations, _vault_operations
from ._call import Call, present
from ._frames import hiding
from ._handle import Handle
from ._hubs import running_hub
from ._wire import milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Concatenate, ParamSpec, Self

    from ._hubs import Hub
    from ._types import TokenInfo

    P = ParamSpec("P")

T = TypeVar("T")


class _Performer(Protocol):
    def _perform(self, call: Call[T]) -> T: ...


def _method(operation: Callable[P, Call[T]]) -> Callable[Concatenate[_Performer, P], T]:
    prepare = hiding(operation)

    def method(performer: _Performer, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            call = prepare(*args, **kwargs)
        finally:
            del args, kwargs
        return performer._perform(call)

    present(method, operation)
    return method


class Client(Handle):
    """Performs each call on the calling thread. Any number of threads may share one client.

    It is a context manager. Other threads run while a call waits, but Ctrl-C is seen only when it returns. On a thread
    with a hub of gevent or eventlet, the hub's other green threads run meanwhile.
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

    @property
    def apps(self) -> Apps:
        """The operations on connections themselves."""
        return Apps(self)

    @property
    def templates(self) -> Templates:
        """The vault's catalogue of providers."""
        return Templates(self)

    @property
    def device(self) -> Device:
        """Grants that users give on another device."""
        return Device(self)

    @property
    def keys(self) -> Keys:
        """The keys that seal a vault."""
        return Keys(self)

    @property
    def audit(self) -> Audit:
        """What was done to a vault's tokens."""
        return Audit(self)

    @property
    def mcp(self) -> MCP:
        """The operations for MCP servers."""
        return MCP(self)

    def iter_tokens(
        self,
        *,
        app_id: str | None = None,
        user_id: str | None = None,
        tenant_id: str | None = None,
        status: str | None = None,
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


class _Group:
    """Operations that stand together under the client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def _perform(self, call: Call[T]) -> T:
        return self._client._perform(call)


class Apps(_Group):
    """``client.apps``: the operations on connections themselves."""

    create = _method(_app_operations.create_app)
    update = _method(_app_operations.update_app)
    delete = _method(_app_operations.delete_app)
    load = _method(_app_operations.load_app)
    list = _method(_app_operations.list_apps)


class Templates(_Group):
    """``client.templates``: the vault's catalogue of providers."""

    list = _method(_template_operations.list_templates)
    load = _method(_template_operations.load_template)


class Device(_Group):
    """``client.device``: grants that users give on another device."""

    start = _method(_device_operations.start_device)
    poll = _method(_device_operations.poll_device)


class Keys(_Group):
    """``client.keys``: the keys that seal a vault."""

    list = _method(_vault_operations.list_keys)
    add = _method(_vault_operations.add_key)
    activate = _method(_vault_operations.activate_key)
    reseal = _method(_vault_operations.reseal_rows)
    drop = _method(_vault_operations.drop_key)


class Audit(_Group):
    """``client.audit``: what was done to a vault's tokens."""

    list = _method(_vault_operations.list_audit)
    verify = _method(_vault_operations.verify_audit)


class MCP(_Group):
    """``client.mcp``: the operations for MCP servers."""

    answer = _method(_mcp_operations.answer)
    resume = _method(_mcp_operations.resume)
    card = _method(_mcp_operations.card)
