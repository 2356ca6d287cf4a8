"""A site with the pages and the console, on this machine: make console.

Anybody may be anybody here, which is what makes it an example. docs/console.md explains each step.
"""

from __future__ import annotations

import os
import secrets
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import make_server
from wsgiref.util import shift_path_info

from descope_conn import Client
from descope_conn.web import Pages, wsgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from descope_conn import PageUser

PORT = int(os.environ.get("PORT", "8080"))
ORIGIN = f"http://127.0.0.1:{PORT}"
BASE = f"{ORIGIN}/connections"
FOLDER = Path(os.environ.get("CONSOLE_FOLDER", ".console"))


def session(environ: dict[str, Any]) -> PageUser | None:
    cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("user")
    if cookie is None:
        return None
    tenants = [{"id": "acme", "name": "Acme"}] if cookie.value == "root" else []
    return {"user_id": cookie.value, "administrator": cookie.value == "root", "tenants": tenants}


def key() -> str:
    """The vault's key, made with it. A real one does not lie beside what it opens."""
    file = FOLDER / "vault.key"
    if not file.exists():
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return str(file)


def main() -> None:
    key_file = key()
    with Client.vault(
        path=FOLDER / "vault.db",
        key={"file": key_file},
        connect_page_url=f"{BASE}/connect",
        redirect_url=f"{BASE}/callback",
    ) as client:
        pages = wsgi(client, Pages(BASE, product="Example"), session)

        def site(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            # Other sites can reach a loopback address under names of their own.
            if environ.get("HTTP_HOST") != f"127.0.0.1:{PORT}":
                start_response("421 Misdirected Request", [])
                return []
            folder = shift_path_info(environ)
            if folder == "connections":
                return pages(environ, start_response)
            if folder == "as":
                user = shift_path_info(environ) or "alice"
                home = f"{BASE}/console" if user == "root" else f"{BASE}/"
                cookie = f"user={user}; Path=/; HttpOnly; SameSite=Lax"
                start_response("303 See Other", [("Location", home), ("Set-Cookie", cookie)])
                return []
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"Try /as/root or /as/alice\n"]

        print(f"The console, as an administrator:   {ORIGIN}/as/root", flush=True)
        print(f"The pages, as a user:               {ORIGIN}/as/alice", flush=True)
        with make_server("127.0.0.1", PORT, site) as server:
            server.serve_forever()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
