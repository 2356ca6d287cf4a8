"""Each framework mounts the pages under a path of its own, as docs/pages.md says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from conftest import user_of
from descope_conn import AsyncClient, Client
from descope_conn.web import Pages, asgi, wsgi
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from werkzeug.middleware.dispatcher import DispatcherMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BASE = "https://app.example.com/connections"
PAGES = Pages(BASE, sign_in_url="https://app.example.com/sign-in")


def session(scope: Any) -> Any:
    user = Request(scope).cookies.get("user")
    return user and {"user_id": user}


def starlette(client: AsyncClient, _: Client) -> httpx.AsyncBaseTransport:
    return httpx.ASGITransport(Starlette(routes=[Mount("/connections", asgi(client, PAGES, session))]))


def fastapi(client: AsyncClient, _: Client) -> httpx.AsyncBaseTransport:
    app = FastAPI()
    app.mount("/connections", asgi(client, PAGES, session))
    return httpx.ASGITransport(app)


def flask(_: AsyncClient, client: Client) -> httpx.BaseTransport:
    app = Flask("host")
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/connections": wsgi(client, PAGES, user_of)})
    return httpx.WSGITransport(app)


def django(_: AsyncClient, client: Client) -> httpx.BaseTransport:
    """A view: whoever has an application to mount it in needs none."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import re_path
    from django.views.decorators.csrf import csrf_exempt

    @csrf_exempt  # the pages have a proof of their own in each form
    def view(request: Any, path: str = "") -> HttpResponse:
        user = request.COOKIES.get("user")
        answer = client.handle_page(
            request.method,
            BASE,
            f"/{path}",
            query=request.META["QUERY_STRING"],
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.body[:65537].decode("utf-8", "replace"),
            user=user and {"user_id": user},
            sign_in_url="https://app.example.com/sign-in",
        )
        return HttpResponse(answer.body, status=answer.status, headers=answer.headers)

    urls = (re_path(r"^connections(?:/(?P<path>.*))?$", view),)
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
            SECRET_KEY="x",
            ROOT_URLCONF=urls,
        )
    settings.ROOT_URLCONF = urls
    return httpx.WSGITransport(WSGIHandler())


@pytest.fixture(params=[starlette, fastapi, flask, django])
async def browser(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Any]:
    """What sends requests to the host, as a browser does, and the vault behind."""
    config = {"path": str(tmp_path / "vault.db"), "key": {"bytes": "5a" * 32}}
    async with AsyncClient.vault(**config) as client:
        with Client.vault(**config) as blocking:
            blocking.apps.create(id="weather", name="Weather", app_type="apikey")
            transport = request.param(client, blocking)

            async def send(method: str, url: str, **options: Any) -> httpx.Response:
                cookies = {"cookie": f"user={options.pop('user')}"} if "user" in options else {}
                headers = {**cookies, **options.pop("headers", {})}
                if isinstance(transport, httpx.AsyncBaseTransport):
                    async with httpx.AsyncClient(transport=transport) as browser:
                        return await browser.request(method, url, headers=headers, **options)
                with httpx.Client(transport=transport) as browser:
                    return browser.request(method, url, headers=headers, **options)

            yield send, blocking


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_a_user_stores_a_key(browser: Any) -> None:
    send, client = browser
    page = await send("GET", f"{BASE}/key?app=weather", user="alice")
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    form = re.search('name="form" value="([^"]+)"', page.text)[1]
    answer = await send(
        "POST",
        f"{BASE}/key?app=weather",
        user="alice",
        headers={"origin": "https://app.example.com"},
        data={"form": form, "key": "sk"},
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BASE}/connected?app=weather")
    assert client.fetch_token("weather", user_id="alice").access_token == "sk"


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["", "/", "/?after=x", "/nope"])
async def test_paths_and_queries_arrive(browser: Any, path: str) -> None:
    send, _ = browser
    signed_out = await send("GET", BASE + path, follow_redirects=False)
    if path == "/nope":
        assert signed_out.status_code == 404
    elif signed_out.status_code != 307:  # some add the slash first
        assert signed_out.status_code == 303
        wanted = "%2Fconnections%2F%3Fafter%3Dx" if "after" in path else "%2Fconnections%2F"
        assert signed_out.headers["location"] == f"https://app.example.com/sign-in?next={wanted}"


@pytest.mark.anyio
async def test_another_sites_form_is_refused(browser: Any) -> None:
    send, client = browser
    answer = await send(
        "POST",
        f"{BASE}/key?app=weather",
        user="alice",
        headers={"origin": "https://evil.example"},
        data={"form": "x", "key": "sk"},
    )
    assert answer.status_code == 403
    assert not client.list_tokens(user_id="alice").tokens
