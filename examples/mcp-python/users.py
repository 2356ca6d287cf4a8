"""Who the users are: a table of tokens, to try the example with. A server of yours asks its authorization server."""

from __future__ import annotations

import hashlib
import secrets
from html import escape
from typing import TYPE_CHECKING, Any

from mcp.server.auth.provider import AccessToken
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Mapping

COOKIE = "session"


class Users:
    """Verifies the tokens of MCP clients, and signs the same users in to the pages.

    ``by_hash`` has each user's id by the SHA-256 of a token, in hexadecimal digits. All tokens of the table are for the
    MCP server at ``origin``.
    """

    def __init__(self, by_hash: Mapping[str, str], origin: str) -> None:
        self._by_hash = by_hash
        self._origin = origin
        self._sessions: dict[str, str] = {}
        self.routes = [Route("/sign-in", self._sign_in, methods=["GET", "POST"])]

    async def verify_token(self, token: str) -> AccessToken | None:
        """What the official SDK asks of a token verifier."""
        user = self._user(token)
        resource = f"{self._origin}/mcp"
        return user and AccessToken(token=token, client_id="example-client", scopes=[], subject=user, resource=resource)

    def signed_in(self, scope: Any) -> str | None:
        """Whose browser it is."""
        return self._sessions.get(Request(scope).cookies.get(COOKIE, ""))

    def _user(self, token: str) -> str | None:
        return self._by_hash.get(hashlib.sha256(token.encode()).hexdigest())

    async def _sign_in(self, request: Request) -> Response:
        next_page = request.query_params.get("next", "/connected")
        if not next_page.startswith("/") or next_page.startswith(("//", "/\\")):
            next_page = "/connected"
        if request.method == "GET":
            form = (
                f'<form method="post" action="{escape(str(request.url.path))}?{escape(request.url.query)}">'
                '<input name="token" type="password" required autofocus><button>Sign in</button>'
            )
            return page("Your token", form)
        if request.headers.get("origin") != self._origin:  # who is signed in as somebody else would grant for them
            return page("Not signed in", "The form was sent from another site.", status=403)
        user = self._user(str((await request.form()).get("token", "")))
        if user is None:
            return page("Not signed in", "There is no such token.", status=403)
        session = secrets.token_urlsafe(32)
        self._sessions[session] = user
        response = RedirectResponse(next_page, 303)
        response.set_cookie(COOKIE, session, httponly=True, samesite="lax")
        return response


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
