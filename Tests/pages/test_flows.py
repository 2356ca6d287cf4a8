"""What Descope's flow actions and screens for connections do, by their names there, walked through by a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from test_browser import consent, keep

if TYPE_CHECKING:
    from conftest import Site
    from playwright.sync_api import BrowserContext, Page

CRM: dict[str, Any] = {"app_id": "crm"}


def sign_in(site: Site, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(f"{site.base}/")
    return page


def to_provider(page: Page) -> None:
    page.get_by_role("link", name="Continue to Tool CRM").click()
    consent(page)


def test_outbound_app_button(site: Site, context: BrowserContext) -> None:
    buttons: Any = [{**CRM, "text": "My customers", "style": "filled"}, {"app_id": "other", "style": "link"}]
    site.client.apps.create(
        id="other",
        name="Other",
        client_id="c",
        client_secret="s",
        authorization_url="https://o.example/a",
        token_url="https://o.example/t",
        logo="data:image/png;base64,iVBORw0KGgo=",
    )
    site.client.flows.create(
        [{"type": "connect", "buttons": buttons, "instructions": "Where are your customers?"}],
        id="onboarding",
        redirect_urls=[f"{site.origin}/end"],
    )
    page = sign_in(site, context)
    page.goto(f"{site.base}/flow?id=onboarding")
    expect(page.get_by_text("Where are your customers?")).to_be_visible()
    expect(page.get_by_role("link", name="Connect Other").locator("img")).to_have_count(1)
    keep(page, "flow buttons")
    page.get_by_role("link", name="My customers").click()
    to_provider(page)
    page.wait_for_url(f"{site.origin}/end")
    assert site.client.fetch_token("crm", user_id="alice").scopes == ("read", "write")


def test_outbound_app_connect_of_a_user(site: Site, context: BrowserContext) -> None:
    site.client.flows.create([{"type": "connect", **CRM}], id="f", redirect_urls=[f"{site.origin}/end"])
    page = context.new_page()
    page.goto(f"{site.base}/flow?id=f")  # sign-in comes first
    to_provider(page)
    page.wait_for_url(f"{site.origin}/end")
    assert len(site.client.list_tokens(user_id="alice")) == 1


def test_outbound_app_tenant_connect(site: Site, context: BrowserContext) -> None:
    site.client.flows.create([{"type": "tenant_connect", **CRM}], id="f")
    page = sign_in(site, context)
    page.goto(f"{site.base}/flow?id=f")
    expect(page.get_by_text("Anyone who acts for Acme & Sons")).to_be_visible()
    to_provider(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("All done")
    assert site.client.fetch_token("crm", tenant_id="acme").access_token
    assert not site.client.list_tokens(user_id="alice").tokens


@pytest.mark.parametrize("link", ["", "&app=crm&scopes=write"], ids=["the flow's", "the link's"])
def test_default_connection_and_custom_scopes(site: Site, context: BrowserContext, link: str) -> None:
    site.client.apps.update(
        **{**vars_of(site), "scope_descriptions": {"read": "See your customers", "write": "Change your customers"}}
    )
    site.client.flows.create([{"type": "connect", **CRM, "scopes": ["read"]}], id="f")
    wanted, words = ("write", "Change your customers") if link else ("read", "See your customers")
    page = sign_in(site, context)
    page.goto(f"{site.base}/flow?id=f{link}")
    expect(page.locator(".names li")).to_have_text([f"{words} {wanted}"])
    keep(page, "flow consent")
    to_provider(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("All done")
    assert site.client.fetch_token("crm", user_id="alice").scopes == (wanted,)


def vars_of(site: Site) -> dict[str, Any]:
    """The connection's settings, to write them back."""
    app = site.client.apps.load("crm")
    return {
        "id": app.id,
        "name": app.name,
        "client_id": app.client_id,
        "authorization_url": app.authorization_url,
        "token_url": app.token_url,
        "issuer": app.issuer,
        "default_scopes": app.default_scopes,
    }


@pytest.mark.parametrize("kind", ["connect_api_key", "connect_tenant_api_key"])
def test_outbound_app_connect_api_key(site: Site, context: BrowserContext, kind: Any) -> None:
    site.client.apps.create(
        id="desk",
        name="Desk",
        app_type="apikey",
        credentials=[
            {"name": "userName", "label": "User name", "secret": False, "hint": "As you sign in at Desk."},
            {"name": "apiKey", "label": "Token", "pattern": "sk-.+", "help_url": "https://desk.example/tokens"},
        ],
    )
    site.client.flows.create([{"type": kind, "app_id": "desk"}, {"type": "connect", **CRM, "optional": True}], id="f")
    page = sign_in(site, context)
    page.goto(f"{site.base}/flow?id=f")
    expect(page.get_by_text("Step 1 of 2")).to_be_visible()
    page.get_by_label("User name").fill("bob")
    page.get_by_label("Token").fill("nonsense")
    page.get_by_role("button", name="Save the key").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("User name")).to_have_value("bob")
    expect(page.get_by_label("Token")).to_have_value("")
    keep(page, f"flow key {kind}")
    page.get_by_label("Token").fill("sk-1")
    page.get_by_role("button", name="Save the key").click()
    page.get_by_role("link", name="Skip this step").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All done")
    owner: Any = {"tenant_id": "acme"} if "tenant" in kind else {"user_id": "alice"}
    token = site.client.fetch_token("desk", **owner)
    assert (token.access_token, token.credentials) == ("sk-1", {"userName": "bob"})


def test_a_flow_is_closed_to_whoever_is_not_signed_in(site: Site) -> None:
    site.client.flows.create([{"type": "connect", **CRM}], id="f")
    answer = site.client.handle_page("GET", site.base, "/flow", query="id=f")
    assert answer.status == 401


def test_whoever_refuses_comes_back_to_the_step(site: Site, context: BrowserContext) -> None:
    site.client.flows.create([{"type": "connect", **CRM}], id="f")
    page = sign_in(site, context)
    page.goto(f"{site.base}/flow?id=f")
    page.get_by_role("link", name="Continue to Tool CRM").click()
    consent(page, allow=False)
    page.get_by_role("link", name="Try again").click()
    page.get_by_role("link", name="Continue to Tool CRM").click()
    page.locator("[name=allow]").click()  # signed in there already
    expect(page.get_by_role("heading", level=1)).to_have_text("All done")


def test_a_form_may_end_on_another_origin(site: Site, context: BrowserContext) -> None:
    """Chromium follows no redirect from a form to there."""
    end = f"{site.origin.replace('127.0.0.1', 'localhost')}/end"
    site.client.flows.create([{"type": "connect_api_key", "app_id": "weather"}], id="f", redirect_urls=[end])
    page = sign_in(site, context)
    page.goto(f"{site.base}/flow?id=f")
    page.get_by_label("API key").fill("sk")
    page.get_by_role("button", name="Save the key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Weather is connected")
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(end)
