"""The same commands against Descope's cloud."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from browser import visit
from launch import launch
from test_connect import url_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Cli

PROJECT = "P2testtesttesttesttesttest01"
KEY = "K2testmanagementkey"


@pytest.fixture(scope="module")
def server() -> Iterator[launch]:
    with launch("descope") as server:
        yield server


@pytest.fixture
def cloud(cli: Cli, server: launch) -> Iterator[Cli]:
    server.control("POST", "reset")
    cli.variables |= {"DESCOPE_BASE_URL": server.url, "DESCOPE_PROJECT_ID": PROJECT, "DESCOPE_MANAGEMENT_KEY": KEY}
    yield cli
    assert KEY not in "".join(cli.printed)


def test_tokens_of_the_cloud(cloud: Cli) -> None:
    cloud("connections", "create", "weather", "--api-key", "--cloud")
    assert cloud("connections", "list", "--cloud").lines[0][:2] == ["weather", "apikey"]
    cloud("store-api-key", "weather", "--cloud", "--user", "U1", stdin="key-of-u1")
    assert cloud("fetch", "weather", "--cloud", "--user", "U1").out == "key-of-u1\n"
    assert (
        cloud("exec", "weather", "--cloud", "--user", "U1", "--", "sh", "-c", 'echo "$ACCESS_TOKEN"').out
        == "key-of-u1\n"
    )
    assert cloud("list", "--cloud", "--user", "U1").lines[0][:2] == ["weather", "U1"]
    cloud("delete", "weather", "--cloud", "--user", "U1", "--yes")
    cloud("fetch", "weather", "--cloud", "--user", "U1", status=6)
    assert "has 1 connection" in cloud("doctor", "--cloud").out
    cloud("connections", "delete", "weather", "--cloud", "--yes")


def test_a_batch_goes_to_the_cloud(cloud: Cli) -> None:
    cloud("connections", "create", "crm", "--template", "google", "--client-id", "x", "--cloud")
    tokens = [
        {"appId": "crm", "userId": "U1", "refreshToken": "r1"},
        {"appId": "crm", "tenantId": "T1", "refreshToken": "r2"},
    ]
    assert cloud("import", "-", "--cloud", "--json", stdin=json.dumps(tokens)).json["tokens"] == 2


def test_the_key_comes_from_a_file(cloud: Cli) -> None:
    del cloud.variables["DESCOPE_MANAGEMENT_KEY"]
    cloud("connections", "list", "--cloud", status=4)
    (cloud.home / "key").write_text(KEY + "\n")
    assert cloud("connections", "list", "--project", PROJECT, "--management-key-file", "key").out == ""
    (cloud.home / "key").write_text("wrong")
    refused = cloud("connections", "list", "--project", PROJECT, "--management-key-file", "key", status=4)
    assert "wrong" not in refused.err.replace("missing, wrong", "")


def test_the_browser_comes_back_from_descope(cloud: Cli, server: launch) -> None:
    cloud("connections", "create", "crm", "--template", "google", "--client-id", "x", "--cloud")
    assert "access token" in cloud("connect", "crm", "--cloud", "--user", "U1", "--port", "0", status=2).err
    jwt = server.control("POST", "jwt", {"sub": "U1", "scope": "outbound.token.fetch"})["token"]
    (cloud.home / "jwt").write_text(jwt)
    arguments = [
        "connect",
        "crm",
        "--cloud",
        "--user",
        "U1",
        "--no-browser",
        "--port",
        "0",
        "--access-token-file",
        "jwt",
    ]

    def landing(arguments: list[str]) -> tuple[Any, str]:
        server.control("DELETE", "requests")
        process = cloud.start(*arguments)
        assert url_of(process).startswith(server.url)
        requests = server.control("GET", "requests")["requests"]
        (asked,) = [request for request in requests if request["path"].endswith("/app/connect")]
        return process, asked["body"]["options"]["redirectUrl"]

    process, url = landing(arguments)
    assert visit(url)[0] == 400
    assert cloud.end(process).status == 6

    process, url = landing(arguments)
    server.control("POST", "seed", {"apps": [], "tokens": [{"appId": "crm", "userId": "U1", "accessToken": "granted"}]})
    assert visit(url.rpartition("/")[0])[0] == 404
    assert visit(url)[0] == 200
    ended = cloud.end(process)
    assert (ended.status, ended.out) == (0, "Connected crm for U1.\n")
    assert jwt not in "".join(cloud.printed)
