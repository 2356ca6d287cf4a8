"""People use the service in a real browser, from the first visit to a token that a program fetches. A screenshot of
each page of the service's own is kept in .build-pages; those of the library are Tests/pages' matter."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT, Provider, Service, running
from playwright.sync_api import Page, expect, sync_playwright

from launch import launch  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext

SCREENSHOTS = ROOT / ".build-pages"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def oauth() -> Iterator[launch]:
    with launch("oauth", "--redirect-uri", "http://127.0.0.1/connections/callback") as server:
        yield server


@pytest.fixture
def service(tmp_path: Path, provider: Provider, oauth: launch) -> Iterator[Service]:
    oauth.control("POST", "reset")
    with running(tmp_path, signIn={"connection": "idp"}, pages={"product": "Acme"}) as service:
        service.client.apps.create(
            id="idp",
            name="IdP",
            client_id="client",
            client_secret="secret",
            authorization_url=f"{provider.url}/authorize",
            token_url=f"{provider.url}/token",
            default_scopes=["openid"],
        )
        service.client.apps.create(
            id="crm",
            name="Tool CRM",
            client_id="test-client",
            client_secret="test-client-secret",
            authorization_url=f"{oauth.url}/authorize",
            token_url=f"{oauth.url}/token",
            revocation_url=f"{oauth.url}/revoke",
            issuer=oauth.url,
            default_scopes=["read"],
        )
        yield service


def keep(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"service-{name}.png", full_page=True)


def expect_title(page: Page, title: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def test_a_user_signs_in_connects_and_signs_out(service: Service, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(service.url)  # by way of the sign-in
    expect_title(page, "Your connections")
    expect(page.get_by_text("Signed in as user-7")).to_be_visible()
    # Whom users sign in at is a connection, and nothing that they would connect.
    page.get_by_role("link", name="Connect Tool CRM").click()
    page.get_by_role("link", name="Continue to Tool CRM").click()
    page.locator("[name=username]").fill("alice")
    page.locator("[name=password]").fill("alice-password")
    page.locator("[type=submit]").first.click()
    page.locator("[name=allow]").click()
    expect_title(page, "Tool CRM is connected")
    page.get_by_role("link", name="Back to the connections").click()
    page.get_by_role("link", name="Enter a key Weather").click()
    page.get_by_label("API key").fill("sk-of-seven")
    page.get_by_role("button", name="Save the key").click()
    expect_title(page, "Weather is connected")
    assert service.client.fetch_token("crm", user_id="user-7").scopes == ("read",)
    assert service.client.fetch_token("weather", user_id="user-7").access_token == "sk-of-seven"
    page.get_by_role("link", name="Sign out").click()
    expect_title(page, "Sign out")
    keep(page, "sign-out")
    page.get_by_role("button", name="Sign out").click()
    expect_title(page, "You are signed out")
    assert [cookie["name"] for cookie in context.cookies() if cookie["name"].startswith("descope-conn")] == []


def test_an_administrator_signs_in_with_a_management_key(service: Service, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{service.administration}/")
    expect_title(page, "Sign in")
    keep(page, "management-key")
    page.get_by_label("Management key").fill("dcmk_no")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The management key is not accepted.")
    page.get_by_label("Management key").fill(service.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"http://127.0.0.1:{service.administration}/connections/console")
    expect(page.get_by_text("Signed in as tests")).to_be_visible()
    keep(page, "console")


def test_the_services_own_pages_are_accessible(service: Service, browser: Browser) -> None:
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme, viewport={"width": 320, "height": 640})
        complaints: list[str] = []
        page.on("console", lambda message, into=complaints: into.append(message.text))
        for url in (
            f"http://127.0.0.1:{service.administration}/sign-in",
            f"{service.url}/sign-out",
            f"{service.url}/sign-in?next=/connections/",
        ):
            page.goto(url)
            results = Axe().run(page, options={"runOnly": RULES})
            assert results.violations_count == 0, results.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the window"
        assert [text for text in complaints if "Security Policy" in text] == []
        page.close()
