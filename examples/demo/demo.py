"""The main job from Python. Run by examples/demo/run, which starts the OAuth server."""

from __future__ import annotations

import os
import subprocess
import time
from urllib.parse import parse_qsl, urlsplit

from descope_conn import Client, ConnectionRequiredError, Token

PROVIDER = os.environ["DEMO_PROVIDER"]
REDIRECT_URL = os.environ["DEMO_REDIRECT_URL"]
CONNECT = {"redirect_url": REDIRECT_URL}


def step(words: str) -> None:
    print(f"  {words}", flush=True)


def check(holds: bool, words: str) -> None:
    if not holds:
        raise SystemExit(f"  WRONG: {words}")


def mask(secret: str) -> str:
    return f"{secret[:3]}... ({len(secret)} characters)"


def run(*command: str, stdin: str = "") -> str:
    done = subprocess.run([os.environ["DEMO_PYTHON"], *command], input=stdin, capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    return done.stdout.strip()


def ask_api(token: Token) -> str:
    """What the service's API says to whoever holds this token."""
    return run(os.environ["DEMO_SERVICE"], PROVIDER, stdin=token.access_token)


def open_in_browser(url: str) -> dict[str, str]:
    """Alice opens the URL, signs in and agrees. Gives the query with which she comes back."""
    redirect = run(os.environ["DEMO_USER"], url, "--user", "alice", "--password", "alice-password")
    check(redirect.startswith(REDIRECT_URL), "the browser ended up elsewhere")
    return dict(parse_qsl(urlsplit(redirect).query))


def expect_connection_required(client: Client, scopes: list[str]) -> ConnectionRequiredError:
    try:
        client.fetch_token("crm", user_id="alice", scopes=scopes, connect=CONNECT)
    except ConnectionRequiredError as required:
        return required
    raise SystemExit("  WRONG: there is a token where none should be")


config = {"path": os.environ["DEMO_VAULT"], "key": {"env": "DESCOPE_CONN_VAULT_KEY"}, "redirect_url": REDIRECT_URL}
with Client.vault(**config) as client:
    client.apps.create(
        id="crm",
        name="A CRM with OAuth",
        client_id="test-client",
        client_secret="test-client-secret",
        authorization_url=f"{PROVIDER}/authorize",
        token_url=f"{PROVIDER}/token",
        revocation_url=f"{PROVIDER}/revoke",
        issuer=PROVIDER,
        default_scopes=["read"],
    )
    client.apps.create(id="weather", name="A weather service with API keys", app_type="apikey")
    step("made two connections: crm (OAuth) and weather (API keys)")

    required = expect_connection_required(client, ["read"])
    step(f"fetch: {required.code}, reason {required.reason}: {required.connection_url.split('?')[0]}?...")

    query = open_in_browser(required.connection_url)
    grant = client.complete(
        query["state"], code=query.get("code"), iss=query.get("iss"), opened_by={"user_id": "alice"}
    )
    step(f"complete: alice granted {' '.join(grant.scopes)}")

    first = client.fetch_token("crm", user_id="alice", scopes=["read"], min_ttl_seconds=0)
    step(f"fetch: {mask(first.access_token)}; the API says: {ask_api(first)}")

    step("waiting for it to expire")
    for _ in range(100):
        second = client.fetch_token("crm", user_id="alice", scopes=["read"], min_ttl_seconds=0)
        if second.access_token != first.access_token:
            break
        time.sleep(0.2)
    check(second.access_token != first.access_token, "the token was not refreshed")
    step(f"fetch: refreshed, {mask(second.access_token)}; the API says: {ask_api(second)}")

    required = expect_connection_required(client, ["read", "write"])
    check(list(required.missing_scopes) == ["write"], "the wrong scopes are missing")
    step(f"fetch with write: {required.code}, reason {required.reason}, missing {' '.join(required.missing_scopes)}")

    client.store_api_key("weather", "sk-demo-python", user_id="alice")
    key = client.fetch_token("weather", user_id="alice")
    check(key.access_token == "sk-demo-python", "another key came back")
    step(f"store_api_key and fetch: {mask(key.access_token)}")

    connected = sorted(entry.app_id for entry in client.iter_tokens(user_id="alice"))
    check(connected == ["crm", "weather"], f"alice is connected to {connected}")
    step(f"list: alice is connected to {' and '.join(connected)}")

    deletion = client.delete_tokens(user_id="alice")
    deleted, revocations = deletion.deleted, deletion.revocations
    check(deleted == 2, f"{deleted} were deleted")
    check(revocations is not None and revocations.revoked == 1, "the provider did not revoke its token")
    required = expect_connection_required(client, ["read"])
    check(required.reason == "missing", "the token is not gone")
    step(f"delete: {deleted} tokens, 1 revoked by its provider; fetch: {required.code} again")
