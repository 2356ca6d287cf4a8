"""A user walks through the pages in a real browser. A screenshot of each is kept in .build-pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import SCREENSHOTS, Site
from playwright.sync_api import BrowserContext, Page, expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HEADINGS = {
    "/": "Your connections",
    "/?tenant=acme": "Connections of Acme & Sons",
    "/connect?app=crm": "Connect Tool CRM",
    "/connected?app=crm": "Tool CRM is not connected",
    "/connected": "All done",
    "/key?app=weather": "Your key for Weather",
    "/callback?state=x&code=y": "This did not work",
    "/nope": "This did not work",
    "/key?app=desk": "Your key for Desk",
    "/flow?id=both": "Choose what to connect",
    "/flow?id=both&step=2": "Connect Tool CRM",
    "/flow?id=both&step=3": "Your key for Desk",
    "/flow?id=both&step=4": "All done",
}


def keep(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.png", full_page=True)


def watch(page: Page) -> list[str]:
    """What the browser will complain of: what the page's policy forbids it."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if "Security Policy" in message.text else None)
    return complaints


def expect_accessible(page: Page) -> None:
    """axe-core finds nothing (WCAG 2.2 AA among its rules), and nothing is cut off."""
    results = Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    )
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the window"


def consent(page: Page, *, allow: bool = True) -> None:
    """What alice does at the provider."""
    page.locator("[name=username]").fill("alice")
    page.locator("[name=password]").fill("alice-password")
    page.locator("[type=submit]").first.click()
    page.locator("[name=allow]" if allow else "[type=submit]:not([name=allow])").click()


def connect(page: Page, *, allow: bool = True) -> None:
    page.get_by_role("link", name="Continue to Tool CRM").click()
    consent(page, allow=allow)


def test_a_user_connects_and_disconnects(site: Site, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{site.base}/")  # signs in on the way
    page.get_by_role("link", name="Connect Tool CRM").click()
    expect(page.get_by_text("Acme Assistant asks for access")).to_be_visible()
    connect(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Tool CRM is connected")
    assert site.client.fetch_token("crm", user_id="alice").scopes == ("read", "write")
    page.get_by_role("link", name="Back to the connections").click()
    keep(page, "connected home")
    page.get_by_role("link", name="Disconnect Tool CRM").click()
    keep(page, "disconnect")
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("status")).to_have_text("Tool CRM has ended the access.")
    keep(page, "disconnected")
    assert not site.client.list_tokens(user_id="alice").tokens


def test_a_user_refuses(site: Site, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{site.base}/connect?app=crm")
    connect(page, allow=False)
    expect(page.get_by_role("alert")).to_have_text("Access was refused at Tool CRM. Nothing was changed.")
    keep(page, "refused")
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connect Tool CRM")


def test_a_connect_url_leads_back_to_where_the_host_wants(site: Site, context: BrowserContext) -> None:
    url = site.client.connect("crm", user_id="alice", redirect_url=f"{site.origin}/end")
    page = context.new_page()
    page.goto(url)
    connect(page)
    page.wait_for_url(f"{site.origin}/end")
    assert site.client.list_tokens(user_id="alice").tokens


def test_a_user_enters_a_key(site: Site, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{site.base}/")
    page.get_by_role("link", name="Enter a key Weather").click()
    page.get_by_label("API key").fill("two  words")
    page.get_by_role("button", name="Save the key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Weather is connected")
    assert site.client.fetch_token("weather", user_id="alice").access_token == "two  words"
    page.goto(f"{site.base}/key?app=weather")
    assert page.get_by_label("API key").input_value() == ""


def test_a_tenants_key_is_the_tenants(site: Site, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{site.base}/")
    page.get_by_role("link", name="Acme & Sons").click()
    page.get_by_role("link", name="Enter a key Weather").click()
    page.get_by_label("API key").fill("sk-acme")
    page.get_by_role("button", name="Save the key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Weather is connected")
    assert site.client.fetch_token("weather", tenant_id="acme").access_token == "sk-acme"
    assert not site.client.list_tokens(user_id="alice").tokens


def test_a_code_is_shown_where_the_browser_comes_back(site: Site, context: BrowserContext) -> None:
    url = site.client.connect("crm", user_id="alice", redirect_url=f"{site.origin}/end", confirmation=True)
    page = context.new_page()
    page.goto(url)
    connect(page)
    code = page.locator(".code").inner_text()
    keep(page, "code")
    assert not site.client.list_tokens(user_id="alice").tokens
    site.client.confirm("crm", code, user_id="alice")
    assert site.client.list_tokens(user_id="alice").tokens


@pytest.mark.parametrize("opener", ["http://127.0.0.1", "http://localhost"])
def test_a_popup_tells_the_page_that_opened_it_and_closes(site: Site, browser: Browser, opener: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.origin.replace("http://127.0.0.1", opener))
    with page.expect_popup() as opened:
        page.get_by_role("button").click()
    with opened.value.expect_event("close"):
        connect(opened.value)
    expect(page.locator("output")).to_have_text("connected crm")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", HEADINGS)
def test_each_page_is_accessible_and_breaks_no_rule_of_its_own(
    site: Site, browser: Browser, path: str, scheme: str
) -> None:
    site.client.apps.create(
        id="desk",
        name="Desk",
        app_type="apikey",
        credentials=[
            {"name": "userName", "label": "User name", "secret": False, "hint": "As you sign in at Desk."},
            {"name": "apiKey", "label": "Token", "help_url": "https://desk.example/tokens"},
        ],
    )
    site.client.flows.create(
        [
            {"type": "connect", "buttons": [{"app_id": "crm", "style": "filled"}], "instructions": "Choose one."},
            {"type": "connect", "app_id": "crm", "optional": True},
            {"type": "connect_api_key", "app_id": "desk"},
        ],
        id="both",
    )
    context = browser.new_context(color_scheme=scheme, viewport={"width": 360, "height": 740})
    page = context.new_page()
    complaints = watch(page)
    page.goto(f"{site.base}/")  # signs in
    page.goto(f"{site.base}{path}")
    expect(page.get_by_role("heading", level=1)).to_have_text(HEADINGS[path])
    keep(page, f"{path} {scheme}")
    expect_accessible(page)
    assert complaints == []
    context.close()


def test_a_keyboard_reaches_everything_in_order(site: Site, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.base}/")
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent"))
    assert reached == ["Skip to the content", "Connect Tool CRM", "Enter a key Weather", "Acme & Sons"]
    context.close()
