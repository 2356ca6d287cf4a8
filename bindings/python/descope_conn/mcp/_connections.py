"""What both SDKs have in common: who asks, what is needed, and how the core's answer is handed on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST

from .._errors import ConnectionRequiredError, ConnError, NotFoundError
from .._types import Token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from .._aio import AsyncClient
    from .._types import ConnectOptions, MissingConnection
    from ._request import Request

CARD_URI = "ui://descope-conn/connect"
"""The resource that clients with MCP Apps show where a connection is missing."""

PROGRESS_INTERVAL = 5.0
"""Seconds between the notifications of a call that waits for its user."""

COMPLETION_WAIT = 300.0
"""For how many seconds a grant is waited for after a client was sent the error of 2025-11-25."""

MOST_COMPLETIONS = 256
"""Of those at a time: the notification is optional, and a client that hears nothing lets its user say so."""


@dataclass(frozen=True)
class Caller:
    """Whose request it is: the only user whose tokens it can get."""

    user_id: str | None = None
    tenant_id: str | None = None
    access_token: str | None = field(default=None, repr=False)
    """The user's Descope access token. Descope's cloud makes connect URLs for whoever it names; others never get it."""


@dataclass(frozen=True)
class Connection:
    """A connection that a tool needs."""

    app_id: str
    scopes: Sequence[str] = ()
    external_identifier: str | None = None
    accept_narrower: bool = False
    """The tool does with a token that lacks scopes which the user was asked for and did not grant; the token's
    ``missing_scopes`` says which. Otherwise the call fails then."""
    connect_url: str | Callable[[Caller], str] | None = None
    """Your own page where the user connects, in place of the URL that ``connect`` makes. Nothing secret may be in it,
    and it must check who opens it."""


class ConnectionsBase(ABC):
    """Fetches what a request needs, or answers it with where the user grants that.

    The user is the ``subject`` of the request's verified token, and nothing else.

    ``redirect_url`` is where the browser ends up. ``wait`` bounds how long a retried request waits for the user, in
    seconds. ``local`` is the user of a server on stdio, where no token says it: whoever started the server. Requests
    over HTTP never get it. ``caller`` makes a ``Caller`` of a verified token, for servers whose users live in tenants.

    ``confirmation`` holds grants back until the user has typed, at the client, the code that ``complete`` answers and
    the browser shows (vault). So nobody who is sent somebody else's URL grants for them, where no page knows who opens
    it. By default it is required if the caller is ``local``, because others may share that machine. Use False on a
    machine with a single user, or with pages that sign users in.
    """

    tool_error: ClassVar[type[Exception]]

    card_meta: ClassVar[dict[str, Any]] = {"ui": {"resourceUri": CARD_URI}}
    """The ``meta`` of a tool whose results the card shows, where a connection is missing. The server has the card among
    its resources: ``card``."""

    def __init__(
        self,
        client: AsyncClient,
        *,
        redirect_url: str,
        wait: float = 20.0,
        local: Caller | None = None,
        caller: Callable[[Any], Caller] | None = None,
        confirmation: bool | None = None,
    ) -> None:
        self._client = client
        self._redirect_url = redirect_url
        self._wait = wait
        self._local = local
        self._caller = caller or _subject
        self._confirmation = confirmation
        self._completions: set[asyncio.Task[None]] = set()

    def needs(self, **connections: Connection) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorates a tool, prompt or resource template: each keyword names the parameter that gets the ``Token``.

        What the user has not granted is asked for at once, all in one answer. The parameters are no arguments of the
        tool: the client never sees nor sets them.
        """
        return lambda function: self._decorate(function, connections)

    # What the SDKs differ in.

    @abstractmethod
    def _decorate(self, function: Callable[..., Any], needed: Mapping[str, Connection]) -> Callable[..., Any]: ...

    @abstractmethod
    def _token(self) -> Any:
        """The request's verified access token, with ``subject`` and ``token``; None without one."""

    @abstractmethod
    def _input_required(self, result: Mapping[str, Any]) -> Any: ...

    @abstractmethod
    def _result(self, result: Mapping[str, Any]) -> Any: ...

    # The course of a request.

    async def _run(
        self,
        request: Request,
        needed: Mapping[str, Connection],
        go_on: Callable[[Mapping[str, Token]], Awaitable[Any]],
    ) -> Any:
        try:
            answer = await self._prepare(request, needed)
        except ConnError as error:
            raise self._failure(request, error) from error
        if isinstance(answer, _Tokens):
            return await go_on(answer.by_name)
        response = answer["response"]
        if answer["shape"] == "error":
            raise MCPError(**response["error"])
        hand_on = self._input_required if answer["shape"] == "input_required" else self._result
        return hand_on(response["result"])

    async def _prepare(self, request: Request, needed: Mapping[str, Connection]) -> _Tokens | dict[str, Any]:
        """The tokens, or what the core answers in their place."""
        caller = self._identify(request)
        access_token = caller.access_token if self._client.backend == "cloud" else None
        if request.request_state is not None:
            waiting = self._resume(
                request, caller, request.request_state, access_token, self._wait, request.input_responses
            )
            answer = await self._report_progress(request, needed, waiting)
            if answer["state"] != "ready":
                return answer
        needs_code = self._needs_code(caller)
        if needs_code and request.code is not None:
            await self._confirm(request.code, needed, caller)
        found = await asyncio.gather(
            *(self._find(connection, caller, access_token, needs_code) for connection in needed.values())
        )
        missing = [one for one in found if not isinstance(one, Token)]
        if not missing:
            return _Tokens({name: one for name, one in zip(needed, found) if isinstance(one, Token)})
        answer = await self._client.mcp.answer(
            request.method,
            request.name,
            protocol_version=request.protocol_version,
            capabilities=request.capabilities,
            client_info=request.client_info,
            arguments_digest=request.arguments_digest,
            connections=missing,
            user_id=caller.user_id,
            tenant_id=caller.tenant_id,
        )
        for completion in answer.get("completions", ()):
            self._watch(self._complete(request, caller, access_token, **completion))
        return answer

    async def _resume(
        self,
        request: Request,
        caller: Caller,
        state: str,
        access_token: str | None,
        wait: float,
        input_responses: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return await self._client.mcp.resume(
            request.method,
            request.name,
            arguments_digest=request.arguments_digest,
            request_state=state,
            input_responses=input_responses,
            access_token=access_token,
            wait=wait,
            user_id=caller.user_id,
            tenant_id=caller.tenant_id,
        )

    async def _find(
        self, connection: Connection, caller: Caller, access_token: str | None, needs_code: bool
    ) -> Token | MissingConnection:
        connect: ConnectOptions | None = None
        if not connection.connect_url:
            connect = {"redirect_url": self._redirect_url}
            if needs_code:
                connect["confirmation"] = True
        try:
            return await self._client.fetch_token(
                connection.app_id,
                user_id=caller.user_id,
                tenant_id=caller.tenant_id,
                access_token=access_token,
                scopes=connection.scopes or None,
                external_identifier=connection.external_identifier,
                accept_narrower=connection.accept_narrower or None,
                connect=connect,
            )
        except ConnectionRequiredError as error:
            url = error.connection_url
        except NotFoundError as error:
            if connection.connect_url is None or error.reason in (None, "app"):
                raise
            page = connection.connect_url
            url = page if isinstance(page, str) else page(caller)
        missing: MissingConnection = {"app_id": connection.app_id, "connection_url": str(url)}
        if connection.scopes:
            missing["scopes"] = list(connection.scopes)
        if connection.external_identifier is not None:
            missing["external_identifier"] = connection.external_identifier
        if connect is not None and needs_code:
            missing["confirmation"] = True
        if connection.accept_narrower:
            missing["accept_narrower"] = True
        return missing

    # Codes.

    def _needs_code(self, caller: Caller) -> bool:
        if self._confirmation is None:
            return caller is self._local and self._client.backend == "vault"
        return self._confirmation

    async def _confirm(self, code: str, needed: Mapping[str, Connection], caller: Caller) -> None:
        """Lets out the first grant that waits for a code: users are asked for one at a time."""
        for connection in needed.values():
            if connection.connect_url:
                continue
            with contextlib.suppress(NotFoundError):
                await self._client.confirm(connection.app_id, code, user_id=caller.user_id, tenant_id=caller.tenant_id)
                return

    # Notifications.

    async def _report_progress(
        self, request: Request, needed: Mapping[str, Connection], waiting: Awaitable[dict[str, Any]]
    ) -> dict[str, Any]:
        """What is waited for, while the client is told that it is, if it wants to know."""
        names = ", ".join(connection.app_id for connection in needed.values())
        progress = asyncio.create_task(self._tell_progress(request, f"Waiting for the user to connect {names}"))
        try:
            return await waiting
        finally:
            progress.cancel()

    async def _tell_progress(self, request: Request, message: str) -> None:
        """To a client that sent no progress token the session tells nothing."""
        start = time.monotonic()
        with contextlib.suppress(Exception):  # of a client that has gone away meanwhile
            while True:
                await request.session.report_progress(time.monotonic() - start, self._wait, message)
                await asyncio.sleep(PROGRESS_INTERVAL)

    def _watch(self, completing: Coroutine[Any, Any, None]) -> None:
        if len(self._completions) >= MOST_COMPLETIONS:
            completing.close()
            return
        task = asyncio.create_task(completing)
        self._completions.add(task)
        task.add_done_callback(self._completions.discard)

    async def _complete(
        self,
        request: Request,
        caller: Caller,
        access_token: str | None,
        elicitationId: str,  # noqa: N803 # as the core names it
        requestState: str,  # noqa: N803
    ) -> None:
        """Tells a client of 2025-11-25 when its user has done what it was sent to."""
        with contextlib.suppress(Exception):  # of a client that has gone away meanwhile
            answer = await self._resume(request, caller, requestState, access_token, COMPLETION_WAIT)
            if answer["state"] == "ready":
                await request.session.send_elicit_complete(elicitationId)

    async def _read_card(self) -> str:
        return str((await self._client.mcp.card())["text"])

    # Who asks.

    def _identify(self, request: Request) -> Caller:
        token = self._token()
        if token is not None:
            return self._caller(token)
        if self._local is not None and request.is_local:
            return self._local
        raise MCPError(INVALID_REQUEST, "the request has no verified token that says whose it is")

    def _failure(self, request: Request, error: ConnError) -> Exception:
        """As the client is told; the library's messages hold no secret."""
        if error.field in ("requestState", "arguments", "argumentsDigest"):
            return MCPError(INVALID_PARAMS, str(error), {"reason": "invalid_request_state", "code": error.code})
        if request.method == "tools/call":
            return self.tool_error(str(error))
        return MCPError(INTERNAL_ERROR, str(error), {"code": error.code})


@dataclass(frozen=True)
class _Tokens:
    by_name: Mapping[str, Token]


def _subject(token: Any) -> Caller:
    if token.subject is None:
        raise MCPError(INVALID_REQUEST, "the request's token names no user")
    return Caller(user_id=token.subject, access_token=token.token)
