"""Requests of httpx and of requests, with a token from the library."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping

    from ._aio import AsyncClient
    from ._client import Client
    from ._types_generated import Token

UNAUTHORIZED = 401


class Auth(Protocol):
    """What ``client.auth`` gives: the ``auth=`` of a request or a session, of httpx or of requests.

    It adds the token to each request. Where the service answers 401, it reports the token as rejected, which refreshes
    it once, and sends the request once more. The token goes to no other origin that a redirect leads to, and a 401 from
    there says nothing about it.
    """

    def __call__(self, request: Any, /) -> Any: ...


def _header(token: Token) -> str:
    # Some providers say "bearer", and services take only "Bearer" (RFC 6750, section 2.1).
    kind = token.access_token_type or "Bearer"
    return f"{'Bearer' if kind.lower() == 'bearer' else kind} {token.access_token}"


class _Subject:
    """Whose token, of which connection."""

    def __init__(self, app_id: str, subject: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self.fetch = {"app_id": app_id, **subject, **options}
        self.reject = {**subject, "actor": options.get("actor"), "timeout": options.get("timeout")}

    def __repr__(self) -> str:
        return f"<auth for {self.fetch['app_id']!r}>"

    def rejection(self, token: Token) -> dict[str, Any]:
        return {"token_id": token.id, "token_hash": token.token_hash, **self.reject}


@functools.cache
def _httpx_auth() -> type:
    """Httpx takes only instances of its own class for more than a header; requests takes whatever can be called."""
    try:
        import httpx  # only who uses it pays for it
    except ImportError:
        return object
    return httpx.Auth


@functools.cache
def blocking() -> type:
    """The class for ``Client``, made when it is first needed."""

    class BlockingAuth(_httpx_auth()):  # type: ignore[misc]
        def __init__(self, client: Client, subject: _Subject) -> None:
            self._client = client
            self._subject = subject

        def __repr__(self) -> str:
            return repr(self._subject)

        def _token(self) -> Token:
            return self._client.fetch_token(**self._subject.fetch)

        def _next(self, rejected: Token) -> Token:
            if self._client.backend == "cloud":  # which has no report: a forced refresh
                return self._client.fetch_token(**self._subject.fetch, force_refresh=True)
            return self._client.report_rejected(**self._subject.rejection(rejected))

        # httpx

        def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
            request.read()  # it may be sent twice
            token = self._token()
            request.headers["Authorization"] = _header(token)
            response = yield request
            if response.status_code == UNAUTHORIZED and _is_same_origin(request.url, response.request.url):
                request.headers["Authorization"] = _header(self._next(token))
                yield request

        async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
            raise TypeError("this auth is of a blocking Client: an httpx.AsyncClient needs one of an AsyncClient")
            yield request

        # requests

        def __call__(self, request: Any) -> Any:
            token = self._token()
            request.headers["Authorization"] = _header(token)
            body = request.body
            start = body.tell() if hasattr(body, "tell") else None
            tried = False

            def again(response: Any, **options: Any) -> Any:
                nonlocal tried
                if tried or response.status_code != UNAUTHORIZED:
                    return response
                if not _is_same_origin(urlsplit(request.url), urlsplit(response.request.url)):
                    return response
                tried = True
                return self._send_again(response, token, start, options)

            request.register_hook("response", again)
            return request

        def _send_again(self, response: Any, token: Token, start: int | None, options: Mapping[str, Any]) -> Any:
            header = _header(self._next(token))
            again = response.request.copy()
            if start is not None and again.body is not None:
                again.body.seek(start)
            elif hasattr(again.body, "__next__"):
                return response  # its body can be read once only; the next request has the new token
            again.headers["Authorization"] = header
            _ = response.content  # so that the connection is free again
            response.close()
            answer = response.connection.send(again, **options)
            answer.history.append(response)
            answer.request = again
            return answer

    return BlockingAuth


@functools.cache
def asynchronous() -> type:
    """The class for ``AsyncClient``."""

    class AsyncAuth(_httpx_auth()):  # type: ignore[misc]
        def __init__(self, client: AsyncClient, subject: _Subject) -> None:
            self._client = client
            self._subject = subject

        def __repr__(self) -> str:
            return repr(self._subject)

        def __call__(self, _request: Any) -> Any:
            raise TypeError("this auth is of an AsyncClient: only an httpx.AsyncClient can use it")

        def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
            raise TypeError("this auth is of an AsyncClient: only an httpx.AsyncClient can use it")
            yield request

        async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
            await request.aread()  # it may be sent twice
            token = await self._client.fetch_token(**self._subject.fetch)
            request.headers["Authorization"] = _header(token)
            response = yield request
            if response.status_code == UNAUTHORIZED and _is_same_origin(request.url, response.request.url):
                if self._client.backend == "cloud":
                    token = await self._client.fetch_token(**self._subject.fetch, force_refresh=True)
                else:
                    token = await self._client.report_rejected(**self._subject.rejection(token))
                request.headers["Authorization"] = _header(token)
                yield request

    return AsyncAuth


def _is_same_origin(one: Any, other: Any) -> bool:
    """Of two URLs of httpx, or two of ``urlsplit``."""
    names = ("scheme", "host", "hostname", "port")
    return all(getattr(one, name, None) == getattr(other, name, None) for name in names)


def subject(app_id: str, user_id: str | None, tenant_id: str | None, options: Mapping[str, Any]) -> _Subject:
    return _Subject(app_id, {"user_id": user_id, "tenant_id": tenant_id}, options)
