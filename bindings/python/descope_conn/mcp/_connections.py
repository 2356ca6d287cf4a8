"""What both SDKs have in common: who asks, what is needed, and how the core's answer is handed on."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST

from .._errors import ConnectionRequired, ConnError, NotFound
from .._types import Token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from .._aio import AsyncClient
    from .._types import ConnectOptions, MissingConnection
    from ._request import Request


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
    """Your own page where the user connects, in place of the URL that ``connect`` makes: needed for API keys in the
    vault. Nothing secret may be in it, and it must check who opens it."""


class ConnectionsBase(ABC):
    """Fetches what a request needs, or answers it with where the user grants that.

    The user is the ``subject`` of the request's verified token, and nothing else.

    ``redirect_url`` is where the browser ends up. ``wait`` bounds how long a retried request waits for the user, in
    seconds. ``local`` is the user of a server on stdio, where no token says it: whoever started the server. Requests
    over HTTP never get it. ``caller`` makes a ``Caller`` of a verified token, for servers whose users live in tenants.
    """

    tool_error: ClassVar[type[Exception]]

    def __init__(
        self,
        client: AsyncClient,
        *,
        redirect_url: str,
        wait: float = 20.0,
        local: Caller | None = None,
        caller: Callable[[Any], Caller] | None = None,
    ) -> None:
        self._client = client
        self._redirect_url = redirect_url
        self._wait_ms = round(wait * 1000)
        self._local = local
        self._caller = caller or _subject

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
            answer = await self._client.mcp.resume(
                request.method,
                request.name,
                arguments=request.arguments,
                request_state=request.request_state,
                input_responses=request.input_responses,
                access_token=access_token,
                wait_ms=self._wait_ms,
                user_id=caller.user_id,
                tenant_id=caller.tenant_id,
            )
            if answer["state"] != "ready":
                return answer
        found = await asyncio.gather(*(self._find(connection, caller, access_token) for connection in needed.values()))
        missing = [one for one in found if not isinstance(one, Token)]
        if not missing:
            return _Tokens({name: one for name, one in zip(needed, found) if isinstance(one, Token)})
        return await self._client.mcp.answer(
            request.method,
            request.name,
            protocol_version=request.protocol_version,
            capabilities=request.capabilities,
            arguments=request.arguments,
            connections=missing,
            user_id=caller.user_id,
            tenant_id=caller.tenant_id,
        )

    async def _find(
        self, connection: Connection, caller: Caller, access_token: str | None
    ) -> Token | MissingConnection:
        connect: ConnectOptions | None = None if connection.connect_url else {"redirect_url": self._redirect_url}
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
        except ConnectionRequired as error:
            url = error.connection_url
        except NotFound as error:
            if connection.connect_url is None or error.reason in (None, "app"):
                raise
            page = connection.connect_url
            url = page if isinstance(page, str) else page(caller)
        missing: MissingConnection = {"app_id": connection.app_id, "connection_url": str(url)}
        if connection.scopes:
            missing["scopes"] = list(connection.scopes)
        if connection.external_identifier is not None:
            missing["external_identifier"] = connection.external_identifier
        if connection.accept_narrower:
            missing["accept_narrower"] = True
        return missing

    def _identify(self, request: Request) -> Caller:
        token = self._token()
        if token is not None:
            return self._caller(token)
        if self._local is not None and request.is_local:
            return self._local
        raise MCPError(INVALID_REQUEST, "the request has no verified token that says whose it is")

    def _failure(self, request: Request, error: ConnError) -> Exception:
        """As the client is told; the library's messages hold no secret."""
        if error.field in ("requestState", "arguments"):
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
