"""A site that has mounted the pages, a real authorization server, and Debian's Chromium."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from wsgiref.util import shift_path_info

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests/servers"), str(ROOT / "bindings/python")]

from descope_conn import Client  # noqa: E402
from descope_conn.web import Pages, wsgi  # noqa: E402

from launch import launch  # isort: skip # noqa: E402
from wsgi_server import serving  # isort: skip # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext

SCREENSHOTS = ROOT / ".build-pages"
TENANTS = [{"id": "acme", "name": "Acme & Sons"}]


@dataclass
class Site:
    """What the browser visits: the pages under /connections, and pages of the host's own."""

    origin: str
    client: Client

    @property
    def base(self) -> str:
        return f"{self.origin}/connections"


def user_of(environ: dict[str, Any]) -> Any:
    cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("user")
    return cookie and {
        "user_id": cookie.value,
        "name": cookie.value.capitalize(),
        "tenants": TENANTS,
        "administrator": cookie.value == "root",
    }


SAME_ORIGIN = """<!doctype html><title>host</title><button>open</button><output></output><script>
const channel = new BroadcastChannel('descope-conn');
channel.onmessage = ({ data }) => {
  if (data.type !== 'descope-conn') return;
  document.querySelector('output').textContent = `${data.result} ${data.appId}`;
  channel.postMessage({ type: 'descope-conn-close' });
};
document.querySelector('button').onclick = () => open('/connections/connect?app=crm', '', 'popup');
</script>"""

OTHER_ORIGIN = """<!doctype html><title>host</title><button>open</button><output></output><script>
const pages = `http://127.0.0.1:${location.port}`;
addEventListener('message', ({ origin, source, data }) => {
  if (origin !== pages || data.type !== 'descope-conn') return;
  document.querySelector('output').textContent = `${data.result} ${data.appId}`;
  source.postMessage({ type: 'descope-conn-close' }, origin);
});
document.querySelector('button').onclick = () => open(`${pages}/connections/connect?app=crm`, '', 'popup');
</script>"""


class Host:
    """The host: mounts the pages, signs anybody in as alice, and has pages that open a popup."""

    pages: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path.startswith("/connections"):
            shift_path_info(environ)
            return self.pages(environ, start_response)
        if path == "/sign-in":
            location = parse_qs(environ["QUERY_STRING"])["next"][0]
            start_response(
                "303 See Other", [("location", location), ("set-cookie", "user=alice; path=/; samesite=lax")]
            )
            return []
        start_response("200 OK", [("content-type", "text/html")])
        return [(OTHER_ORIGIN if environ["HTTP_HOST"].startswith("localhost") else SAME_ORIGIN).encode()]


@pytest.fixture(scope="session")
def oauth() -> Iterator[launch]:
    with launch("oauth", "--redirect-uri", "http://127.0.0.1/connections/callback") as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, oauth: launch) -> Iterator[Site]:
    oauth.control("POST", "reset")
    host = Host()
    with serving(host) as port:
        origin = f"http://127.0.0.1:{port}"
        base = f"{origin}/connections"
        with Client.vault(
            path=str(tmp_path / "vault.db"),
            key={"bytes": "5a" * 32},
            connect_page_url=f"{base}/connect",
            redirect_url=f"{base}/callback",
        ) as client:
            client.apps.create(
                id="crm",
                name="Tool CRM",
                client_id="test-client",
                client_secret="test-client-secret",
                authorization_url=f"{oauth.url}/authorize",
                token_url=f"{oauth.url}/token",
                revocation_url=f"{oauth.url}/revoke",
                issuer=oauth.url,
                default_scopes=["read", "write"],
            )
            client.apps.create(id="weather", name="Weather", app_type="apikey")
            settings = Pages(
                base,
                product="Acme Assistant",
                sign_in_url=f"{origin}/sign-in",
                opener_origin=f"http://localhost:{port}",
            )
            host.pages = wsgi(client, settings, user_of)
            yield Site(origin, client)


@pytest.fixture(scope="module")  # while it lives, this thread has an event loop
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "no chromium: scripts/setup installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=["with JavaScript", "without JavaScript"])
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(java_script_enabled=request.param == "with JavaScript")
    context.set_default_timeout(15_000)
    yield context
    context.close()
