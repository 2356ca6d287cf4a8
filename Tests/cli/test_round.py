"""From nothing to a connected user, and back."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from conftest import CLIENT_SECRET, MOST_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Cli
    from launch import launch


def browser_saw(home: Path) -> dict[str, object]:
    end = time.monotonic() + MOST_SECONDS
    while not (home / "browser.json").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    return json.loads((home / "browser.json").read_text())


def test_a_person_gets_a_token(crm: Cli, oauth: launch) -> None:
    crm("fetch", "crm", status=6)
    connected = crm("connect", "crm", "--port", "0")
    assert connected.out == "Connected crm for me, with read write.\n"
    assert browser_saw(crm.home)["status"] == 200

    token = crm("fetch", "crm").out.strip()
    header = crm("fetch", "crm", "--header").out
    assert header == f"Authorization: Bearer {token}\n"
    name, value = header.strip().split(": ")
    with urllib.request.urlopen(urllib.request.Request(f"{oauth.url}/api/me", headers={name: value})) as answer:
        assert json.loads(answer.read())["user"] == "alice"
    assert crm("fetch", "crm", "--json").json["scopes"] == ["read", "write"]

    (listed,) = crm("list", "--json").json
    assert (listed["appId"], listed["userId"], listed["status"]) == ("crm", "me", "active")
    assert crm("list").lines[0][:4] == ["crm", "me", "", "active"]

    crm("fetch", "crm", "--scope", "contacts.read", status=6)
    assert crm("fetch", "crm", "--refresh").out.strip() != token

    crm("delete", "crm", "--yes")
    assert oauth.control("GET", "grants")["alice"] == 0
    assert crm("list").out == ""
    assert crm("audit", "verify").out.startswith("The audit is whole")


def test_an_api_key_is_kept_from_each_source(vault: Cli) -> None:
    vault("connections", "create", "weather", "--api-key", "--name", "Weather")
    vault("store-api-key", "weather", stdin="key-of-input\n")
    assert vault("fetch", "weather").out == "key-of-input\n"
    vault.home.joinpath("key").write_text("key-of-file\r\n")
    vault("store-api-key", "weather", "--api-key-file", "key")
    assert vault("fetch", "weather").out == "key-of-file\n"
    vault("store-api-key", "weather", "--api-key-env", "WEATHER_KEY", WEATHER_KEY="key-of-env")
    assert vault("fetch", "weather", "--header").out == "Authorization: Bearer key-of-env\n"
    vault("store-api-key", "weather", "--user", "bob", "--tenant", "acme", stdin="key-of-bob")
    assert vault("fetch", "weather", "--user", "bob", "--tenant", "acme").out == "key-of-bob\n"
    everyone = vault("list", "weather", "--everyone", "--json").json
    assert {(token["userId"], token.get("tenantId")) for token in everyone} == {("me", None), ("bob", "acme")}
    assert vault("store-api-key", "weather", status=2).err == "descope-conn: standard input is empty.\n"
    assert vault("store-api-key", "weather", stdin="two\nlines", status=2).err


@pytest.fixture
def weather(vault: Cli) -> Cli:
    """A vault with an API key in it."""
    vault("connections", "create", "weather", "--api-key")
    vault("store-api-key", "weather", stdin="key-of-me")
    return vault


def test_a_command_runs_with_the_token(weather: Cli) -> None:
    assert weather("exec", "weather", "--", "sh", "-c", 'echo "$ACCESS_TOKEN"').out == "key-of-me\n"
    assert weather("fetch", "weather", "--env", "KEY", "--", "sh", "-c", 'echo "$KEY"').out == "key-of-me\n"
    assert weather("exec", "weather", "--", "cat", stdin="as it came").out == "as it came"
    weather("exec", "weather", "--", "sh", "-c", "exit 7", status=7)
    weather("exec", "weather", "--", "sh", "-c", "kill -TERM $$", status=-15)
    weather("exec", "weather", "--", "no-such-command", status=127)
    weather("exec", "weather", "--", "/etc/passwd", status=126)
    weather("exec", "weather", status=2)


def test_a_command_gets_signals_but_no_keys(weather: Cli) -> None:
    key = weather.key.read_text().strip()
    variables = {"DESCOPE_CONN_VAULT_KEY": key, "DESCOPE_MANAGEMENT_KEY": "management"}
    environment = weather("exec", "weather", "--", "env", **variables).out
    assert "ACCESS_TOKEN=key-of-me\n" in environment
    assert "DESCOPE_CONN_VAULT_KEY" not in environment
    assert "DESCOPE_MANAGEMENT_KEY" not in environment

    script = 'trap "echo got it; exit 5" INT; echo ready; while :; do sleep 0.05; done'
    process = weather.start("exec", "weather", "--", "sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    ended = weather.end(process)
    assert (ended.status, ended.out) == (5, "got it\n")


def test_connections_are_made_shown_and_deleted(crm: Cli) -> None:
    crm(
        "connections",
        "create",
        "hub",
        "--template",
        "hubspot",
        "--client-id",
        "abc",
        "--client-secret-env",
        "S",
        S="s3cret-of-hub",
    )
    crm("connections", "create", "hub", "--template", "hubspot", status=7)
    shown = crm("connections", "show", "hub", "--json").json
    assert (shown["templateId"], shown["clientId"]) == ("hubspot", "abc")
    assert "clientSecret" not in shown
    assert ["clientId", "abc"] in crm("connections", "show", "hub").lines
    assert [line[0] for line in crm("connections", "list").lines] == ["crm", "hub"]
    crm("connections", "delete", "hub", status=2)
    crm("connections", "delete", "hub", "--yes")
    crm("connections", "show", "hub", status=5)
    assert "s3cret-of-hub" not in "".join(crm.printed)


def test_a_connection_is_corrected(crm: Cli, oauth: launch) -> None:
    crm("connect", "crm", "--port", "0")
    crm("connections", "update", "crm", "--scope", "read", "--name", "The CRM")
    shown = crm("connections", "show", "crm", "--json").json
    assert (shown["name"], shown["defaultScopes"], shown["issuer"]) == ("The CRM", ["read"], oauth.url)
    assert crm("fetch", "crm", "--refresh").out  # the client secret has stayed, and so has the grant
    crm("connections", "update", "crm", "--client-secret-env", "S", S="wrong-wrong-secret")
    assert "wrong-wrong-secret" not in crm("fetch", "crm", "--refresh", status=3).err
    crm("connections", "update", "crm", status=2)
    crm("connections", "update", "nope", "--name", "x", status=5)
    moved = '{"tokenUrl": "https://other.example/token"}'
    crm("connections", "update", "crm", "--from", "-", stdin=moved)
    assert crm("list").lines[0][3] == "needs_reauthorization (moved)"


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "is not JSON"), ("[]", "of another type"), ('{"clientIdd": "x"}', "clientIdd is not a field")],
)
def test_a_file_that_is_wrong_is_not_taken(vault: Cli, content: str, says: str) -> None:
    refused = vault("connections", "create", "crm", "--from", "-", stdin=content, status=2)
    assert says in refused.err
    assert vault("connections", "list").out == ""


def test_templates_are_found(vault: Cli) -> None:
    everything = vault("templates", "list", "--json").json
    assert len(everything) > 40
    assert [line[0] for line in vault("templates", "search", "GOOGLE").lines] == ["google"]
    assert vault("templates", "search", "no-such-thing", status=5).out == ""
    assert vault("templates", "show", "github", "--json").json["name"] == "GitHub (OAuth app)"


def test_tokens_go_out_and_come_in(crm: Cli, tmp_path: Path) -> None:
    tokens = [
        {"appId": "crm", "userId": f"user-{number}", "refreshToken": f"refresh-{number}"} for number in range(250)
    ]
    tokens.append({"appId": "crm", "tenantId": "acme", "accessToken": "access-of-acme"})
    crm("connections", "create", "weather", "--api-key")
    keys = [{"appId": "weather", "userId": "bob", "apiKey": "key-of-bob"}]
    (tmp_path / "in.json").write_text(json.dumps({"tokens": tokens, "apiKeys": keys}))
    assert crm("import", "in.json", "--json").json == {"tokens": 251, "apiKeys": 1}
    crm("export", "out.json")
    assert (tmp_path / "out.json").stat().st_mode & 0o777 == 0o600
    out = json.loads((tmp_path / "out.json").read_text())
    assert {token.get("refreshToken") for token in out["tokens"]} >= {f"refresh-{number}" for number in range(250)}
    assert out["apiKeys"] == keys
    crm("export", "out.json", status=7)
    assert crm("export", "-", "--app", "crm", "--tenant", "acme").json["tokens"][0]["accessToken"] == "access-of-acme"
    crm.printed.pop(-2)

    refused = crm("import", "-", stdin=json.dumps([*tokens[:2], {**tokens[0], "appId": "nope"}]), status=5)
    assert "Imported 0 of 3" in refused.err
    assert "nope, user-0" in refused.err
    crm("import", "-", stdin='{"token": []}', status=2)
    crm("import", "-", stdin='[{"appId": "crm", "userId": "x", "refresh": "x"}]', status=2)
    assert CLIENT_SECRET not in (tmp_path / "out.json").read_text()
