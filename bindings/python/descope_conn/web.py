"""The pages where users connect (docs/pages.md) and Descope's REST API (docs/api.md), for any ASGI or WSGI server.

``asgi`` and ``wsgi`` make an application to mount. Whoever has neither calls ``handle_page`` or ``handle_api`` from a
view of their own.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import KW_ONLY, dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, overload

from . import HttpAnswer, LimitError

if TYPE_CHECKING:
    from . import ApiCaller, AsyncClient, Client, PageUser

__all__ = ["Api", "Pages", "asgi", "wsgi"]

MAX_TARGET = 65536
"""Of a path or a query that is longer, the rest is not read."""

HEADERS = ("accept-language", "content-type", "origin", "sec-fetch-site", "traceparent")
"""Those that the pages read."""

TOO_LARGE = HttpAnswer(
    status=413,
    headers={"content-type": "application/json", "cache-control": "no-store"},
    body='{"errorCode":"E011003","errorDescription":"the request is too large"}',
)
"""The answer where a request, as the library gets it, is beyond what it takes."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Pages:
    """Where pages are mounted, and what they say.

    - ``base``: The URL under which they are mounted, as browsers see it, such as ``https://app.example.com/connections``.
      Connect URLs lead to ``{base}/connect`` (``connect_page_url``), and providers to ``{base}/callback``
      (``redirect_url``).
    - ``sign_in_url``: Where you sign users in. Pages that need a user lead there, with the parameter ``next``; without
      it, they answer 401.
    - ``sign_out_url``: Where users sign out. Every page links there.
    - ``product``: What your product is called.
    - ``notice``: Shown at the top of every page, such as that this is a system for tests.
    - ``apps``: The connections that users are offered; all by default.
    - ``except_apps``: Connections that users are not offered, such as the one by which you sign them in.
    - ``opener_origin``: The origin of windows that open the pages in a popup, and are told how it ended.
    """

    base: str
    _: KW_ONLY
    sign_in_url: str | None = None
    sign_out_url: str | None = None
    product: str | None = None
    notice: str | None = None
    apps: Sequence[str] | None = None
    except_apps: Sequence[str] | None = None
    opener_origin: str | None = None

    _operation: ClassVar = "handle_page"
    _max_body_bytes: ClassVar = 65536

    def _request(
        self,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        body: bytes,
        _address: str | None,
        user: PageUser | None,
    ) -> dict[str, Any]:
        return {
            "method": method,
            "base": self.base,
            "path": path[:MAX_TARGET],
            "query": query[:MAX_TARGET],
            "headers": {name: headers[name] for name in HEADERS if name in headers},
            "body": body.decode("utf-8", "replace"),
            "user": user,
            "sign_in_url": self.sign_in_url,
            "sign_out_url": self.sign_out_url,
            "product": self.product,
            "notice": self.notice,
            "apps": self.apps,
            "except_apps": self.except_apps,
            "opener_origin": self.opener_origin,
        }


@dataclass(frozen=True)
class Api:
    """Descope's REST API for connections, as its SDKs call it. Mount it at the root of their ``base_url``."""

    _operation: ClassVar = "handle_api"
    _max_body_bytes: ClassVar = 900_000

    def _request(
        self,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        body: bytes,
        address: str | None,
        caller: ApiCaller | None,
    ) -> dict[str, Any]:
        return {
            "method": method,
            "path": path[:MAX_TARGET],
            "query": query[:MAX_TARGET],
            "body": body.decode("utf-8", "replace"),
            "authorization": headers.get("authorization") or None,
            "session_cookie": _session_cookie(headers.get("cookie", "")),
            "address": address or None,
            "origin": headers.get("origin"),
            "traceparent": headers.get("traceparent"),
            "caller": caller,
        }


Application = Callable[[Scope, Receive, Send], Awaitable[None]]
WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@overload
def asgi(
    client: AsyncClient, what: Pages, session: Callable[[Scope], PageUser | None | Awaitable[PageUser | None]]
) -> Application: ...
@overload
def asgi(
    client: AsyncClient,
    what: Api,
    session: Callable[[Scope], ApiCaller | None | Awaitable[ApiCaller | None]] | None = None,
) -> Application: ...
def asgi(client: AsyncClient, what: Pages | Api, session: Callable[[Scope], Any] | None = None) -> Application:
    """Makes an ASGI application of the pages, to mount under the path of their ``base``, or of the API.

    ``session`` gets the request's scope, and says who is there: None if nobody is. It may be a coroutine function. The
    API needs none: it knows management keys, and the JWTs of the issuers in the vault's ``api``. It takes the scope's
    ``client`` for the address that a request came from.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":  # only where it is not mounted in another application
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["type"] != "http":
            raise RuntimeError(f"this does not speak {scope['type']}")
        body = b""
        while len(body) <= what._max_body_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        who = session(scope) if session else None
        if inspect.isawaitable(who):
            who = await who
        try:
            answer = await getattr(client, what._operation)(
                **what._request(
                    scope["method"],
                    _below(scope.get("root_path", ""), scope["path"]),
                    scope["query_string"].decode("latin-1"),
                    {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
                    body[: what._max_body_bytes + 1],
                    (scope.get("client") or (None,))[0],
                    who,
                )
            )
        except LimitError:
            answer = TOO_LARGE
        headers, content = _encoded(answer, scope["method"])
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(name.encode(), value.encode()) for name, value in headers],
            }
        )
        await send({"type": "http.response.body", "body": content})

    return application


@overload
def wsgi(client: Client, what: Pages, session: Callable[[dict[str, Any]], PageUser | None]) -> WsgiApplication: ...
@overload
def wsgi(
    client: Client, what: Api, session: Callable[[dict[str, Any]], ApiCaller | None] | None = None
) -> WsgiApplication: ...
def wsgi(client: Client, what: Pages | Api, session: Callable[[dict[str, Any]], Any] | None = None) -> WsgiApplication:
    """Makes a WSGI application of the pages, to mount under the path of their ``base``, or of the API.

    ``session`` gets the request's environ, and says who is there: None if nobody is. The API needs none: it knows
    management keys, and the JWTs of the issuers in the vault's ``api``. It takes ``REMOTE_ADDR`` for the address that a
    request came from.
    """

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or "0"
        is_number = length.isascii() and length.isdecimal() and len(length) < 20
        wanted = min(int(length), what._max_body_bytes + 1) if is_number else 0
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        if "CONTENT_TYPE" in environ:
            headers["content-type"] = environ["CONTENT_TYPE"]
        try:
            answer = getattr(client, what._operation)(
                **what._request(
                    environ["REQUEST_METHOD"],
                    environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace"),
                    environ.get("QUERY_STRING", ""),
                    headers,
                    environ["wsgi.input"].read(wanted) if wanted else b"",
                    environ.get("REMOTE_ADDR"),
                    session(environ) if session else None,
                )
            )
        except LimitError:
            answer = TOO_LARGE
        fields, content = _encoded(answer, environ["REQUEST_METHOD"])
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", fields)
        return [content]

    return application


def _session_cookie(header: str) -> str | None:
    """What the cookie of Descope's web SDKs holds. http.cookies stops at one that somebody else has set wrongly."""
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    return next((value for name, _, value in pairs if name == "DS"), None) or None


def _below(root: str, path: str) -> str:
    """The path below where the application is mounted: some servers and frameworks leave the mount in it."""
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :]
    return path


def _encoded(answer: HttpAnswer, method: str) -> tuple[list[tuple[str, str]], bytes]:
    content = answer.body.encode()
    length = [] if method == "HEAD" else [("content-length", str(len(content)))]
    return [*answer.headers.items(), *length], content
