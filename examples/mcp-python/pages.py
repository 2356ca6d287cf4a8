"""The pages where a user connects: where the connect URLs lead, the OAuth callback, and a form for an API key."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from descope_conn import AsyncClient, ConnError
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request


class Pages:
    """Whoever opens a page must be the user who asked for it: ``who`` says who is signed in, None if nobody is.

    Over stdio that is whoever opens a page on this machine: the pages listen on the loopback interface alone, so a URL
    that is handed to somebody elsewhere leads nowhere. Others may share the machine, so grants are held back until the
    code that the callback shows is typed at the MCP client (``confirmation``).
    """

    def __init__(self, client: AsyncClient, origin: str, who: Callable[[Request], str | None]) -> None:
        self._client = client
        self._origin = origin
        self._who = who
        self.app = Starlette(
            routes=[
                Route("/connect", self._connect),
                Route("/callback", self._callback),
                Route("/keys/{app_id}", self._key, methods=["GET", "POST"]),
                Route("/connected", self._connected),
            ]
        )

    async def _connect(self, request: Request) -> Response:
        """Where the vault's connect URLs lead (connectPageUrl): on to the provider, for who asked and nobody else.

        By a link, as browsers do not let what a form has begun (the sign-in) redirect to another site: ``form-action``.
        """
        user = self._who(request)
        if user is None:
            return _sign_in(request)
        try:
            url = await self._client.open_connect(request.query_params.get("ticket", ""), {"user_id": user})
        except ConnError as error:
            return _not_connected(error)
        return page("Connect", f'You are {escape(user)}. <a href="{escape(url)}">Go on to the provider</a>')

    async def _callback(self, request: Request) -> Response:
        """Where the vault's OAuth providers send the browser. Descope's cloud has its own."""
        user = self._who(request)
        if user is None:
            return _sign_in(request)
        query = request.query_params
        if "state" not in query:
            return await self._connected(request)  # from Descope's callback, which has done the work
        try:
            completion = await self._client.complete(
                query["state"],
                code=query.get("code"),
                error=query.get("error"),
                error_description=query.get("error_description"),
                iss=query.get("iss"),
                opened_by={"user_id": user},
            )
        except ConnError as error:
            return _not_connected(error)
        if completion.code is not None:  # it is shown here and nowhere else
            return page("Almost connected", f"Type {escape(completion.code)} where you asked for the connection.")
        return RedirectResponse("/connected", 303)

    async def _key(self, request: Request) -> Response:
        user = self._who(request)
        if user is None:
            return _sign_in(request)
        app_id = request.path_params["app_id"]
        if request.method == "GET":
            form = '<form method="post"><input name="key" type="password" required autofocus><button>Connect</button>'
            return page(f"Your key for {escape(app_id)}", form)
        if not is_sent_from(self._origin, request):
            return page("Not connected", "The form was sent from another site.", status=403)
        key = (await request.form()).get("key")
        try:
            await self._client.store_api_key(app_id, str(key or ""), user_id=user)
        except ConnError as error:
            return _not_connected(error)
        return RedirectResponse("/connected", 303)

    async def _connected(self, _: Request) -> Response:
        return page("Connected", "You may close this page.")


def page(title: str, body: str, status: int = 200) -> Response:
    """A small page that loads nothing and is kept nowhere."""
    return HTMLResponse(
        f"<!doctype html><title>{title}</title><h1>{title}</h1>{body}",
        status,
        {
            "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
            "cache-control": "no-store",
            "referrer-policy": "same-origin",  # with no-referrer, browsers say "Origin: null" of our own forms too
        },
    )


def is_sent_from(origin: str, request: Request) -> bool:
    """Whether a form is one of these pages, and not another site's, which would act in the user's name."""
    return request.headers.get("origin") == origin


def _not_connected(error: ConnError) -> Response:
    return page("Not connected", escape(str(error)), status=403 if error.code == "forbidden" else 400)


def _sign_in(request: Request) -> Response:
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(back, safe='')}", 303)
