"""The browser's way, and what may come instead of it."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from browser import visit
from conftest import CLIENT_SECRET, MOST_SECONDS, settings
from consent import consent
from test_round import browser_saw

if TYPE_CHECKING:
    import subprocess

    from conftest import Cli
    from launch import launch


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def callback_of(url: str) -> str:
    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["redirect_uri"][0]


def test_the_url_is_printed_and_followed_elsewhere(crm: Cli) -> None:
    process = crm.start("connect", "crm", "--no-browser", "--port", "0", "--scope", "read")
    url = url_of(process)
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["scope"] == ["read"]
    back = consent(url, "alice", "alice-password")
    assert back.startswith(callback_of(url))
    status, page = visit(back)
    assert (status, "crm is connected" in page) == (200, True)
    ended = crm.end(process)
    assert (ended.status, ended.out) == (0, "Connected crm for me, with read.\n")


def test_a_machine_is_told_the_url_and_the_grant(crm: Cli) -> None:
    process = crm.start("connect", "crm", "--no-browser", "--json", "--port", "0", "--user", "u1", "--tenant", "acme")
    url = json.loads(url_of(process))["url"]
    visit(consent(url, "alice", "alice-password"))
    granted = crm.end(process).json
    assert (granted["userId"], granted["tenantId"], granted["scopes"]) == ("u1", "acme", ["read", "write"])


def test_a_tenant_is_connected(crm: Cli) -> None:
    assert (
        crm("connect", "crm", "--port", "0", "--tenant", "acme").out
        == "Connected crm for tenant acme, with read write.\n"
    )
    assert crm("fetch", "crm", "--tenant", "acme").out


def test_the_user_grants_less(crm: Cli) -> None:
    connected = crm("connect", "crm", "--port", "0", BROWSER_GRANTS="read")
    assert connected.out == "Connected crm for me, with read.\n"
    assert "warning: these scopes were not granted: write.\n" in connected.err
    crm("fetch", "crm", "--scope", "write", status=6)


def test_the_browser_gets_no_secret(crm: Cli) -> None:
    key = crm.key.read_text().strip()
    crm("connect", "crm", "--port", "0", DESCOPE_CONN_VAULT_KEY=key, DESCOPE_MANAGEMENT_KEY="management")
    saw = browser_saw(crm.home)
    everything = json.dumps([saw["arguments"], saw["environment"]])
    assert key not in everything
    assert CLIENT_SECRET not in everything
    assert "management" not in everything
    assert "code_verifier" not in everything


def test_a_refresh_that_is_interrupted_is_not_lost(crm: Cli, oauth: launch) -> None:
    crm("connect", "crm", "--port", "0")
    oauth.control("POST", "expire", {"user": "alice"})
    oauth.control("POST", "faults", {"path": "/token", "held": True})
    process = crm.start("fetch", "crm", "--refresh")
    end = time.monotonic() + MOST_SECONDS
    while not any(request["path"] == "/token" and request["status"] is None for request in requests_of(oauth)):
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    oauth.control("POST", "release")
    ended = crm.end(process)
    assert (ended.status, ended.out) == (130, "")
    assert crm("fetch", "crm").out
    assert oauth.control("GET", "counts")["refresh_token"] == {"ok": 1}


def requests_of(oauth: launch) -> list[dict[str, Any]]:
    return oauth.control("GET", "requests")["requests"]


def test_the_user_refuses(crm: Cli) -> None:
    refused = crm("connect", "crm", "--port", "0", status=9, BROWSER_DENIES="1")
    assert "access_denied" in refused.err
    page = browser_saw(crm.home)
    assert page["status"] == 400
    assert "access_denied" in str(page["page"])
    crm("fetch", "crm", status=6)


def test_what_belongs_to_another_connect_changes_nothing(crm: Cli) -> None:
    process = crm.start("connect", "crm", "--no-browser", "--port", "0")
    url = url_of(process)
    callback = callback_of(url)
    for query in ["state=forged&code=forged", "error=access_denied&error_description=%3Cscript%3E%1B%5B31m", ""]:
        status, page = visit(f"{callback}?{query}")
        assert status == 400
        assert "<script>" not in page
    assert visit(callback.replace("/callback", "/favicon.ico"))[0] == 404
    assert visit(callback.replace("/callback", "/callback/"))[0] == 404
    visit(consent(url, "alice", "alice-password"))
    ended = crm.end(process)
    assert ended.status == 0
    assert ended.err.count("warning: a browser came back with something else") == 3
    assert "\x1b" not in ended.err


def test_silent_and_broken_connections_hold_up_nobody(crm: Cli) -> None:
    process = crm.start("connect", "crm", "--no-browser", "--port", "0")
    url = url_of(process)
    port = urllib.parse.urlsplit(callback_of(url)).port
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    silent[-1].sendall(b"GET /callback?code=x HTTP/1.1\r\nHost:")
    answers = []
    for request in [
        b"nonsense\r\n\r\n",
        b"POST /callback HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port,
        b"GET /callback?state=x HTTP/1.1\r\nHost: attacker.example\r\n\r\n",
        b"GET /callback HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 40000,
    ]:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request)
            answers.append(connection.recv(4096).split(b"\r\n")[0])
    assert answers == [b"HTTP/1.1 400 Bad Request", b"HTTP/1.1 404 Not Found", *[b"HTTP/1.1 400 Bad Request"] * 3]
    visit(consent(url, "alice", "alice-password"))
    ended = crm.end(process)
    assert (ended.status, ended.err) == (0, "")
    for connection in silent:
        connection.close()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_wait(crm: Cli, number: int, status: int) -> None:
    process = crm.start("connect", "crm", "--no-browser", "--port", "0")
    port = urllib.parse.urlsplit(callback_of(url_of(process))).port
    process.send_signal(number)
    ended = crm.end(process)
    assert (ended.status, ended.err) == (status, "")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_nobody_comes_back(crm: Cli) -> None:
    assert "did not come back" in crm("connect", "crm", "--no-browser", "--port", "0", "--timeout", "1", status=8).err


def test_the_port_is_taken(crm: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        refused = crm("connect", "crm", "--no-browser", "--port", port, status=8)
    assert f"cannot listen on port {port}" in refused.err
    assert "--port" in refused.err


def test_the_connections_own_redirect_uri_is_used(crm: Cli, oauth: launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    uri = f"http://127.0.0.1:{port}/callback"
    crm(
        "connections", "create", "own", "--from", "-", "--client-secret-env", "S",
        stdin=settings(oauth, defaultRedirectUrl=uri), S=CLIENT_SECRET,
    )  # fmt: skip
    process = crm.start("connect", "own", "--no-browser")
    assert callback_of(url_of(process)) == uri
    process.terminate()
    crm.end(process)


def test_the_redirect_uri_that_is_registered_is_always_the_same(crm: Cli) -> None:
    uri = "http://127.0.0.1:8914/callback"
    process = crm.start("connect", "crm", "--no-browser")
    url = url_of(process)
    process.terminate()
    ended = crm.end(process)
    assert callback_of(url) == uri if url else "cannot listen on port 8914" in ended.err
    assert uri in "".join(crm.printed)  # it was said when the connection was made


def test_an_api_key_is_not_granted_in_a_browser(vault: Cli) -> None:
    vault("connections", "create", "weather", "--api-key")
    assert "store-api-key weather" in vault("connect", "weather", status=2).err


def test_a_wrong_client_secret_is_said(crm: Cli, oauth: launch) -> None:
    crm("connections", "create", "wrong", "--from", "crm.json", "--client-secret-file", "-", stdin="wrong-wrong-secret")
    refused = crm("connect", "wrong", "--port", "0", status=3)
    assert "wrong-wrong-secret" not in refused.err
    assert browser_saw(crm.home)["status"] == 400


def test_without_a_browser_the_url_is_shown(crm: Cli) -> None:
    crm.variables["BROWSER"] = "/no/such/browser"
    process = crm.start("connect", "crm", "--port", "0")
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("Open this URL in a browser on this machine: http://")
    process.terminate()
    assert crm.end(process).status == 143
