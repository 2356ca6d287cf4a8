"""An administrator walks through the console in a real browser. A screenshot of each page is kept in .build-pages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from conftest import Site
from playwright.sync_api import BrowserContext, Page, expect
from test_browser import expect_accessible, keep, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HEADINGS = {
    "/console": "Overview",
    "/console/tokens": "Tokens",
    "/console/tokens?user=alice": "Tokens",
    "/console/tokens?user=alice&status=dead": "Tokens",
    "{token}": "Token for Tool CRM",
    "{token/delete}": "Delete the token for Tool CRM?",
    "/console/connections": "Connections",
    "/console/connections/new": "New connection",
    "/console/connections/new?template=zendesk": "New connection to Zendesk",
    "/console/connections/new?kind=oauth": "Another OAuth service",
    "/console/connection?id=crm": "Tool CRM",
    "/console/connection?id=weather": "Weather",
    "/console/connection?id=jira": "Jira",
    "/console/connections/new?kind=apikey": "Service with API keys",
    "/console/flows": "Flows",
    "/console/flow?id=start": "start",
    "/console/connection/delete?id=crm": "Delete Tool CRM?",
    "/console/audit": "Audit",
    "/console/audit?user=alice&outcome=nothing": "Audit",
    "/console/keys": "Keys",
    "/console/keys/add": "Add a key",
    "/console/outbox": "Outbox",
}

SECRETS = ("at-secret", "rt-secret", "sk-secret", "test-client-secret")


@pytest.fixture
def console(site: Site) -> Site:
    """With what an administrator has to look at."""
    now = int(time.time())
    for account, scopes, expiry in [
        ("alice@example.com", ["read", "write"], now + 86400 * 40),
        ("alice@work.example", ["read"], now + 5400),
        ("<b>old</b>@example.com", ["read"], now - 86400 * 3),
    ]:
        site.client.store_token(
            "crm",
            user_id="alice",
            access_token="at-secret",
            refresh_token="rt-secret" if expiry > now + 86400 else None,
            scopes=scopes,
            external_identifier=account,
            access_token_expiry=expiry,
        )
    site.client.store_api_key("weather", "sk-secret", user_id="alice")
    site.client.store_token("crm", tenant_id="acme", access_token="at-secret", scopes=["read"])
    site.client.apps.create(
        id="jira",
        name="Jira",
        app_type="apikey",
        credentials=[
            {"name": "userName", "label": "Email <b>address</b>", "secret": False},
            {"name": "apiKey", "label": "API token", "pattern": "AT.+", "help_url": "https://id.example/keys"},
        ],
        credential_check={"url": "https://jira.example/me", "user_name": "{userName}", "password": "{apiKey}"},
    )
    site.client.flows.create([{"type": "connect", "app_id": "crm"}], id="start")
    return site


def sign_in(site: Site, context: BrowserContext, user: str = "root") -> Page:
    context.add_cookies([{"name": "user", "value": user, "url": site.origin}])
    return context.new_page()


def path_of(site: Site, named: str) -> str:
    """A page's path: one in braces is about one of alice's tokens."""
    if not named.startswith("{"):
        return named
    token = next(t for t in site.client.list_tokens(app_id="crm", user_id="alice").tokens if t.has_refresh_token)
    return f"/console/{named.strip('{}')}?app=crm&user=alice&token={token.id}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("path", HEADINGS)
def test_each_page_is_accessible_and_breaks_no_rule_of_its_own(
    console: Site, browser: Browser, path: str, width: int, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    page = sign_in(console, context)
    complaints = watch(page)
    page.goto(f"{console.base}{path_of(console, path)}")
    expect(page.get_by_role("heading", level=1)).to_have_text(HEADINGS[path])
    keep(page, f"{path} {'phone' if width == 360 else 'desk'} {scheme}")
    expect_accessible(page)
    assert complaints == []
    assert not [secret for secret in SECRETS if secret in page.content()]
    context.close()


def test_the_console_is_not_for_everybody(console: Site, context: BrowserContext) -> None:
    page = sign_in(console, context, "alice")
    answer = page.goto(f"{console.base}/console/tokens?user=alice")
    assert answer
    assert answer.status == 403
    expect(page.get_by_role("alert")).to_have_text("The console is for administrators.")


def test_console_token_management_find_and_delete(console: Site, context: BrowserContext) -> None:
    page = sign_in(console, context)
    page.goto(f"{console.base}/console/tokens")
    page.get_by_label("User's ID").fill("alice")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("row")).to_have_count(5)
    page.get_by_label("Status").select_option("Must be connected again")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("row").nth(1)).to_contain_text("<b>old</b>@example.com")
    page.get_by_role("row").nth(1).get_by_role("link").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Deleted")
    keep(page, "console deleted")
    page.get_by_role("main").get_by_role("link", name="Tokens").click()
    expect(page.get_by_role("row")).to_have_count(4)


def test_an_administrator_refreshes_a_token_and_sends_the_link_on(
    console: Site, browser: Browser, context: BrowserContext
) -> None:
    """The provider knows nothing of that token: alice has to connect again, and does so by the link."""
    page = sign_in(console, context)
    page.goto(f"{console.base}{path_of(console, '{token}')}")
    page.get_by_role("button", name="Refresh now").click()
    expect(page.get_by_role("alert")).to_contain_text("no longer accepts this access")
    keep(page, "console refused")
    link = page.locator("code", has_text="/connect?").inner_text()
    others = browser.new_context()
    alice = sign_in(console, others, "alice")
    alice.goto(link)
    expect(alice.get_by_role("heading", level=1)).to_have_text("Connect Tool CRM")
    others.close()


def test_an_administrator_makes_a_connection_from_the_catalogue(console: Site, context: BrowserContext) -> None:
    page = sign_in(console, context)
    page.goto(f"{console.base}/console/connections")
    page.get_by_role("link", name="New connection").click()
    page.get_by_label("Name or ID").fill("zen")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Zendesk").click()
    expect(page.locator("code")).to_have_text(f"{console.base}/callback")
    page.get_by_label("Client ID").fill("client")
    page.get_by_label("Client secret").fill("hush-hush")
    page.get_by_label("Host: subdomain").fill("a/b")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_be_visible()
    keep(page, "console new refused")
    page.get_by_label("Host: subdomain").fill("acme")
    page.get_by_label("Client secret").fill("hush-hush")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("status")).to_have_text("The connection is created.")
    keep(page, "console created")
    assert console.client.apps.load("zendesk").token_url == "https://acme.zendesk.com/oauth/tokens"


def test_an_administrator_edits_and_tests_a_connection(console: Site, context: BrowserContext) -> None:
    before = console.client.apps.load("crm")
    page = sign_in(console, context)
    page.goto(f"{console.base}/console/connection?id=crm")
    page.get_by_label("Name").fill("Tool <i>CRM</i>")
    page.get_by_label("Default scopes").fill("read\nwrite\nadmin")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_have_text("The settings are saved.")
    after = console.client.apps.load("crm")
    assert after.name == "Tool <i>CRM</i>"
    assert after.default_scopes == ("read", "write", "admin")
    assert (after.issuer, after.revocation_url) == (before.issuer, before.revocation_url)
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_role("status")).to_contain_text("The settings are complete.")
    keep(page, "console tested")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Deleted")
    assert [app.id for app in console.client.apps.list().apps] == ["jira", "weather"]


def save(page: Page) -> None:
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_have_text("The settings are saved.")


def test_an_administrator_says_what_users_enter(console: Site, context: BrowserContext) -> None:
    page = sign_in(console, context)
    page.goto(f"{console.base}/console/connection?id=weather")
    for row, (name, label) in enumerate([("userName", "Your name"), ("apiKey", "Your <i>key</i>")]):
        page.get_by_role("button", name="Add an entry").click()
        entry = page.get_by_role("group", name=f"Entry {row + 1}")
        expect(entry.get_by_label("Name for programs")).to_be_focused()
        entry.get_by_label("Name for programs").fill(name)
        entry.get_by_label("Label").fill(label)
    keep(page, "console credentials")
    page.get_by_role("group", name="Entry 1").get_by_label("Secret: hidden as it is typed").uncheck()
    check = page.get_by_role("group", name="Check before saving")
    check.get_by_label("URL").fill("nonsense")
    check.get_by_label("Headers").fill("Authorization: Bearer {apiKey}\nX-User: {userName}")
    # The Enter key saves, and does not add an entry.
    page.get_by_role("group", name="Entry 2").get_by_label("Hint").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("https URL")
    expect(check.get_by_label("URL")).to_be_focused()
    keep(page, "console credentials refused")
    check.get_by_label("URL").fill("")
    check.get_by_label("Headers").fill("")
    save(page)
    page.goto(f"{console.base}/console/connection?id=weather")
    expect(page.get_by_role("group", name="Entry 1").get_by_label("Secret: hidden as it is typed")).not_to_be_checked()
    assert console.client.apps.load("weather").credentials == (
        {"name": "userName", "label": "Your name", "secret": False},
        {"name": "apiKey", "label": "Your <i>key</i>"},
    )

    # And users are asked for it.
    users = sign_in(console, context, "alice")
    users.goto(f"{console.base}/key?app=weather")
    expect(users.get_by_label("Your name")).to_have_attribute("type", "text")
    expect(users.get_by_label("Your <i>key</i>")).to_have_attribute("type", "password")
    users.close()
    sign_in(console, context)
    for row in range(2):
        for label in ("Name for programs", "Label"):
            page.get_by_role("group", name=f"Entry {row + 1}").get_by_label(label).fill("")
    save(page)
    expect(page.get_by_role("group", name="Entry 1")).to_have_count(0)
    assert not console.client.apps.load("weather").credentials


def test_nothing_is_lost_of_what_a_form_holds(console: Site, context: BrowserContext) -> None:
    """Also what browsers and pages like to change: marks, spaces, lines."""
    odd = "\u200fשלום\u200e (1) \u2067x\u2069 <b>&amp;\"'"
    client = console.client
    client.apps.create(
        id="odd",
        name=odd,
        description=odd,
        client_id="c",
        default_scopes=["a", "b,c"],
        scope_descriptions={"a": odd, "b,c": "B = C"},
    )
    page = sign_in(console, context)
    for app in ("odd", "jira"):
        before = client.apps.load(app)
        page.goto(f"{console.base}/console/connection?id={app}")
        save(page)
        assert client.apps.load(app) == before


def test_two_administrators_who_edit_the_same_lose_nothing(
    console: Site, browser: Browser, context: BrowserContext
) -> None:
    page = sign_in(console, context)
    page.goto(f"{console.base}/console/connection?id=crm")
    others = browser.new_context()
    other = sign_in(console, others)
    other.goto(f"{console.base}/console/connection?id=crm")
    other.get_by_label("Name").fill("Theirs")
    save(other)
    others.close()
    page.get_by_label("Description").fill("Mine <b>")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody has changed this connection")
    expect(page.get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("row").nth(1)).to_contain_text("Theirs")
    expect(page.get_by_role("row").nth(2)).to_contain_text("Mine <b>")
    expect(page.get_by_label("Description")).to_have_value("Mine <b>")
    keep(page, "console conflict")
    page.get_by_label("Name").fill("Theirs")
    save(page)
    app = console.client.apps.load("crm")
    assert (app.name, app.description) == ("Theirs", "Mine <b>")


def test_two_administrators_who_edit_the_same_flow_lose_nothing(console: Site, context: BrowserContext) -> None:
    page = sign_in(console, context)
    page.goto(f"{console.base}/console/flow?id=start")
    console.client.flows.update("start", [{"type": "connect", "app_id": "crm", "title": "Theirs"}])
    text = page.get_by_label("The flow, as JSON")
    mine = text.input_value().replace('"connect"', '"connect", "title": "Mine"')
    text.fill(mine)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody has changed this flow")
    expect(page.locator("pre")).to_contain_text("Theirs")
    expect(text).to_have_value(mine)
    keep(page, "console flow conflict")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("The flow is saved.")
    assert console.client.flows.load("start").actions[0]["title"] == "Mine"


def test_an_administrator_reads_and_verifies_the_audit(console: Site, context: BrowserContext) -> None:
    page = sign_in(console, context)
    page.goto(f"{console.base}/console/audit")
    page.get_by_label("Operation").fill("store_api_key")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("row").nth(1)).to_contain_text("weather")
    page.get_by_role("button", name="Verify the audit").click()
    expect(page.get_by_role("status")).to_contain_text("The audit is whole.")
    keep(page, "console verified")


def test_an_administrator_revokes_what_waits(console: Site, context: BrowserContext) -> None:
    down = "http://127.0.0.1:9"
    console.client.apps.create(
        id="down",
        client_id="c",
        client_secret="s",
        authorization_url=f"{down}/authorize",
        token_url=f"{down}/token",
        revocation_url=f"{down}/revoke",
    )
    console.client.store_token("down", user_id="alice", access_token="at-secret")
    console.client.delete_tokens(app_id="down")
    page = sign_in(console, context)
    page.goto(f"{console.base}/console/outbox")
    keep(page, "console outbox waiting")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("button", name="Revoke what is due now").click()
    expect(page.get_by_role("status")).to_contain_text("Still waiting:")


def test_an_administrator_changes_the_key(console: Site, context: BrowserContext) -> None:
    page = sign_in(console, context)
    page.goto(f"{console.base}/console/keys")
    for link, button, done in [
        ("Add a key", "Add a key", "is added"),
        ("Activate", "Activate", "The key is active."),
        ("Seal everything again", "Seal everything again", "Rows sealed again"),
        ("Drop", "Drop", "The key is dropped."),
    ]:
        page.get_by_role("link", name=link).click()
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("status")).to_contain_text(done)
    keep(page, "console keys changed")
    expect(page.get_by_role("row")).to_have_count(2)


@pytest.mark.parametrize("width", [360, 1280])
def test_what_a_form_answers_is_accessible(console: Site, browser: Browser, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = sign_in(console, context)
    complaints = watch(page)
    page.goto(f"{console.base}/console/connection?id=jira")
    page.get_by_role("button", name="Add an entry").click()
    expect_accessible(page)
    page.get_by_role("group", name="Entry 3").get_by_label("Label").fill("Of nothing")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("is missing")
    expect_accessible(page)
    console.client.apps.update("jira", name="Theirs", app_type="apikey")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody has changed this connection")
    keep(page, f"console conflict {width}")
    expect_accessible(page)
    page.goto(f"{console.base}/console/flow?id=start")
    console.client.flows.update("start", [{"type": "connect", "app_id": "crm", "title": "Theirs"}])
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody has changed this flow")
    expect_accessible(page)
    assert complaints == []
    context.close()
