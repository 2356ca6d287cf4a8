"""What a person at a terminal sees, and does not see."""

from __future__ import annotations

import json
import termios
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Cli

ESCAPE = "\x1b["


def with_weather(vault: Cli) -> Cli:
    vault("connections", "create", "weather", "--api-key", "--name", "The weather \u202etoday")
    vault("store-api-key", "weather", stdin="key-of-me")
    return vault


def test_a_list_is_a_table(vault: Cli) -> None:
    with_weather(vault)
    head, row = vault.terminal("connections", "list").end().splitlines()
    assert head.split() == [f"{ESCAPE}1mID{ESCAPE}0m", f"{ESCAPE}1mTYPE{ESCAPE}0m", f"{ESCAPE}1mNAME{ESCAPE}0m"]
    assert "The weather  today" in row
    assert vault("connections", "list").out == "weather\tapikey\tThe weather  today\t\t\n"


def test_no_color_is_respected(vault: Cli) -> None:
    with_weather(vault)
    for variables in [{"NO_COLOR": "1"}, {"TERM": "dumb"}]:
        assert ESCAPE not in vault.terminal("list", **variables).end()
        assert ESCAPE not in vault.terminal("fetch", "nope", **variables).end(5)
    assert ESCAPE in vault.terminal("list", NO_COLOR="").end()
    assert ESCAPE in vault.terminal("fetch", "nope").end(5)


def test_a_secret_is_typed_unseen(vault: Cli) -> None:
    vault("connections", "create", "weather", "--api-key")
    terminal = vault.terminal("store-api-key", "weather")
    terminal.until("API key of me at weather: ")
    terminal.type("key-that-is-typed\n")
    assert "key-that-is-typed" not in terminal.end()
    assert vault("fetch", "weather").out == "key-that-is-typed\n"

    terminal = vault.terminal("connections", "create", "hub", "--template", "hubspot", "--client-id", "abc")
    terminal.until("Client secret (empty if there is none): ")
    terminal.type("secret-that-is-typed\n")
    assert "secret-that-is-typed" not in terminal.end()


def test_everything_that_a_connection_wants_is_asked_for(vault: Cli) -> None:
    fields = [
        {"name": "account", "label": "Account name", "secret": False, "hint": "As on your invoices."},
        {"name": "apiKey", "label": "Key"},
        {"name": "region", "optional": True},
    ]
    settings = json.dumps({"appType": "apikey", "credentials": fields})
    vault("connections", "create", "billing", "--from", "-", stdin=settings)
    terminal = vault.terminal("store-api-key", "billing")
    terminal.until("As on your invoices.\r\nAccount name: ")
    terminal.type("acme\n")
    terminal.until("Key: ")
    terminal.type("key-of-acme\n")
    terminal.until("region (optional): ")
    terminal.type("\n")
    shown = terminal.end()
    assert "acme\r\n" in shown
    assert "key-of-acme" not in shown
    token = vault("fetch", "billing", "--json").json
    assert (token["accessToken"], token["credentials"]) == ("key-of-acme", {"account": "acme"})

    file = json.dumps({"account": "other", "apiKey": "key-of-other", "region": "eu"})
    vault("store-api-key", "billing", "--credentials-file", "-", stdin=file)
    assert vault("fetch", "billing", "--json").json["credentials"] == {"account": "other", "region": "eu"}
    vault("store-api-key", "billing", "--credentials-file", "-", stdin='{"account": "other"}', status=2)
    vault("store-api-key", "billing", stdin="key-alone", status=2)


def test_ctrl_c_at_a_hidden_prompt_shows_again_what_is_typed(vault: Cli) -> None:
    vault("connections", "create", "weather", "--api-key")
    terminal = vault.terminal("store-api-key", "weather")
    terminal.until("API key of me")
    assert not termios.tcgetattr(terminal.descriptor)[3] & termios.ECHO
    terminal.type("half a ke\x03")
    terminal.until("\r\n")
    assert termios.tcgetattr(terminal.descriptor)[3] & termios.ECHO
    terminal.end(130)


def test_deleting_is_confirmed(vault: Cli) -> None:
    with_weather(vault)
    for answer in ["n\n", "\n", "yess\n"]:
        terminal = vault.terminal("delete", "weather")
        terminal.until("Delete the tokens of me at weather? [y/N] ")
        terminal.type(answer)
        assert "nothing was changed" in terminal.end(1)
    assert vault("list").out
    terminal = vault.terminal("delete", "weather")
    terminal.until("[y/N] ")
    terminal.type("y\n")
    assert "Deleted 1 token" in terminal.end()
    assert vault("list").out == ""


def test_long_work_shows_its_progress(crm: Cli) -> None:
    tokens = [{"appId": "crm", "userId": f"u{number}", "refreshToken": "refresh-token"} for number in range(201)]
    (crm.home / "in.json").write_text(json.dumps(tokens))
    shown = crm.terminal("import", "in.json").end()
    assert "Importing [" in shown
    assert "201/201" in shown
    assert "\r\x1b[KImported 201 tokens" in shown
    assert "\x1b" not in crm("import", "in.json").err


def test_secrets_are_not_exported_to_a_terminal(vault: Cli) -> None:
    with_weather(vault)
    assert "key-of-me" not in vault.terminal("export", "-").end(2)


def test_ctrl_c_while_the_browser_is_away(crm: Cli) -> None:
    terminal = crm.terminal("connect", "crm", "--no-browser", "--port", "0")
    terminal.until("redirect_uri")
    terminal.type("\x03")
    terminal.end(130)


def test_a_command_has_the_terminal(vault: Cli) -> None:
    with_weather(vault)
    assert "yes" in vault.terminal("exec", "weather", "--", "sh", "-c", "test -t 0 && test -t 1 && echo yes").end()
