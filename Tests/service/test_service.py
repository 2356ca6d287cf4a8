"""What the service does with requests: who asks, what it refuses, and what it tells of itself."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import signal
import socket
import ssl
import subprocess
import threading
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from conftest import COMMAND, KEY, LIBRARIES, MOST_SECONDS, PROJECT, Provider, Service, free_port, running, start
from descope import DescopeClient
from descope.descope_client_async import DescopeClientAsync

if TYPE_CHECKING:
    from pathlib import Path

# --- The API ---


@pytest.mark.parametrize("kind", [DescopeClient, DescopeClientAsync])
def test_the_official_sdk_works_with_another_base_url(kind: Any, service: Service) -> None:
    async def round_trip() -> list[Any]:
        sdk = kind(project_id=PROJECT, management_key=service.key, base_url=service.url)
        connections = sdk.mgmt.outbound_application
        found = []
        for call in [
            lambda: connections.upload_user_api_key("weather", "bob", "sk-of-bob"),
            lambda: connections.fetch_token("weather", "bob"),
            lambda: connections.delete_user_tokens("weather", "bob"),
        ]:
            answer = call()
            found.append(await answer if inspect.isawaitable(answer) else answer)
        return found

    assert asyncio.run(round_trip())[1]["token"]["accessToken"] == "sk-of-bob"


def test_a_user_has_their_own_tokens_by_their_session(service: Service, provider: Provider) -> None:
    mine = service.fetch(Authorization=f"Bearer {PROJECT}:{provider.token()}")
    assert mine.json["token"]["accessToken"] == "sk-of-alice"
    assert service.fetch(Authorization=f"Bearer {PROJECT}:{provider.token(sub='bob')}").status == 403


@pytest.mark.parametrize("credential", ["", "Bearer", f"Bearer {PROJECT}", f"Bearer {PROJECT}:K2no", "Basic YTpi"])
def test_nobody_gets_nothing(service: Service, credential: str) -> None:
    answer = service.fetch(**({"Authorization": credential} if credential else {}))
    assert (answer.status, answer.json["errorCode"]) == (401, "E011008")


def test_browsers_of_named_origins_may_ask_which_connections_there_are(service: Service, provider: Provider) -> None:
    path = "/v1/mgmt/outbound/apps"
    cookie = f"DS={provider.token()}"
    answer = service.ask(path, Origin="https://app.example.com", Cookie=cookie)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    assert answer.headers["access-control-allow-credentials"] == "true"
    for origin in ["https://other.example.com", "null"]:
        refused = service.ask(path, Origin=origin, Cookie=cookie)
        assert refused.status == 401
        assert "access-control-allow-origin" not in refused.headers
    preflight = service.ask(path, "OPTIONS", Origin="https://app.example.com", Access_Control_Request_Method="GET")
    assert (preflight.status, preflight.headers["access-control-allow-methods"]) == (204, "GET")


# --- The pages ---


def test_a_page_greets_whoever_has_a_descope_session(service: Service, provider: Provider) -> None:
    page = service.ask("/connections/", Cookie=f"DS={provider.token(name='Alice')}")
    assert page.status == 200
    assert "Alice" in page.body
    assert "Weather" in page.body
    assert "sk-of-alice" not in page.body


@pytest.mark.parametrize("cookie", ["DS=a.b.c", "DS=", "DS=x; DS=y", "descope-conn=forged", "=;=;;"])
def test_a_forged_cookie_is_nobodys(service: Service, cookie: str) -> None:
    assert service.ask("/connections/", Cookie=cookie).status == 401


def test_the_console_is_for_administrators(service: Service, provider: Provider) -> None:
    administrator = provider.token(roles=["Administrator"])
    assert service.ask("/connections/console", Cookie=f"DS={administrator}").status == 200
    assert service.ask("/connections/console", Cookie=f"DS={provider.token()}").status == 403


def test_a_tenant_is_for_those_who_have_the_role_in_it(service: Service, provider: Provider) -> None:
    tenants = {"acme": {"roles": ["Tenant Admin"]}, "other": {"roles": ["Reader"]}}
    cookie = f"DS={provider.token(tenants=tenants)}"
    assert service.ask("/connections/?tenant=acme", Cookie=cookie).status == 200
    assert service.ask("/connections/?tenant=other", Cookie=cookie).status == 403


def test_another_site_cannot_post_a_form(service: Service, provider: Provider) -> None:
    for origin in ["https://evil.example", "null"]:
        answer = service.ask(
            "/connections/key?app=weather",
            "POST",
            "apiKey=stolen",
            Cookie=f"DS={provider.token()}",
            Origin=origin,
            Content_Type="application/x-www-form-urlencoded",
        )
        assert answer.status == 403
    assert service.client.fetch_token("weather", user_id="alice").access_token == "sk-of-alice"


# --- Signing in ---


@pytest.fixture
def signing_in(tmp_path: Path, provider: Provider) -> Any:
    settings = {"signIn": {"connection": "idp"}, "administrators": {"users": ["user-7"]}}
    with running(tmp_path, trustedProxies=["127.0.0.1"], **settings) as service:
        service.client.apps.create(
            id="idp",
            name="IdP",
            client_id="client",
            client_secret="secret",
            authorization_url=f"{provider.url}/authorize",
            token_url=f"{provider.url}/token",
            default_scopes=["openid"],
        )
        yield service


def begin(service: Service, target: str = "/connections/?x=1") -> tuple[str, str]:
    """Begins a sign-in: the browser's cookie, and the state at the provider."""
    page = service.ask(target)
    assert page.status == 303
    started = service.ask(page.headers["location"].removeprefix(service.url))
    assert started.status == 303
    query = dict(urllib.parse.parse_qsl(started.headers["location"].split("?")[1]))
    assert "code_challenge" in query
    return started.cookies[0].split(";")[0], query["state"]


@pytest.mark.parametrize("callback", ["/connections/callback", "/v1/outbound/oauth/callback"])
def test_users_sign_in_at_an_openid_provider(signing_in: Service, callback: str) -> None:
    cookie, state = begin(signing_in)
    done = signing_in.ask(f"{callback}?code=c&state={state}", Cookie=cookie)
    assert (done.status, done.headers["location"]) == (303, f"{signing_in.url}/connections/?x=1")
    session = done.cookies[0]
    assert all(word in session for word in ["HttpOnly", "SameSite=Lax", "Path=/"])
    page = signing_in.ask("/connections/", Cookie=session.split(";")[0])
    assert page.status == 200
    assert "user-7" in page.body
    # What the provider has granted is not kept.
    assert signing_in.client.list_tokens(app_id="idp").tokens == ()
    # A callback is good for once.
    assert signing_in.ask(f"{callback}?code=c&state={state}", Cookie=cookie).cookies == []
    assert 'href="/sign-out"'.replace("/", f"{signing_in.url}/") in page.body
    elsewhere = signing_in.ask("/sign-out", "POST", Cookie=session.split(";")[0], Origin="https://evil.example")
    assert elsewhere.status == 403
    assert "<form" in signing_in.ask("/sign-out", Cookie=session.split(";")[0]).body
    assert signing_in.ask("/connections/", Cookie=session.split(";")[0]).status == 200
    out = signing_in.ask("/sign-out", "POST", Cookie=session.split(";")[0], Origin=signing_in.url)
    assert "You are signed out" in out.body
    assert signing_in.ask("/connections/", Cookie=session.split(";")[0]).status == 303


def test_a_sign_in_ends_in_the_browser_in_which_it_began(signing_in: Service) -> None:
    _, state = begin(signing_in)
    other, _ = begin(signing_in)
    for headers in [{}, {"Cookie": other}]:
        answer = signing_in.ask(f"/connections/callback?code=c&state={state}", **headers)
        assert (answer.status, answer.cookies) == (403, [])


def test_sign_ins_that_are_begun_again_and_again_are_slowed_down(signing_in: Service) -> None:
    answers = [signing_in.ask("/sign-in", X_Forwarded_For="192.0.2.1") for _ in range(70)]
    statuses = [answer.status for answer in answers]
    assert statuses[:60] == [303] * 60
    assert statuses[-1] == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert signing_in.ask("/sign-in", X_Forwarded_For="192.0.2.2").status == 303


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "/connections/\n"])
def test_a_sign_in_leads_to_pages_of_the_service_alone(signing_in: Service, target: str) -> None:
    started = signing_in.ask(f"/sign-in?next={urllib.parse.quote(target, safe='')}")
    state = dict(urllib.parse.parse_qsl(started.headers["location"].split("?")[1]))["state"]
    done = signing_in.ask(f"/connections/callback?code=c&state={state}", Cookie=started.cookies[0].split(";")[0])
    assert done.headers["location"] == f"{signing_in.url}/connections/"


def test_administrators_sign_in_with_a_management_key(service: Service) -> None:
    port = service.administration
    own = f"http://127.0.0.1:{port}"
    first = service.ask("/connections/console", port=port)
    assert (first.status, first.headers["location"].split("?")[0]) == (303, f"{own}/sign-in")
    form = {"Content_Type": "application/x-www-form-urlencoded", "Origin": own}
    path = "/sign-in?next=/connections/console"
    assert service.ask(path, "POST", "key=wrong", port=port, **form).status == 401
    elsewhere = {**form, "Origin": "https://evil.example"}
    assert service.ask(path, "POST", f"key={service.key}", port=port, **elsewhere).status == 403
    done = service.ask(path, "POST", f"key={service.key}", port=port, **form)
    assert (done.status, done.headers["location"]) == (303, f"{own}/connections/console")
    cookie = done.cookies[0].split(";")[0]
    assert service.ask("/connections/console", port=port, Cookie=cookie).status == 200
    # Nor is it good for longer than its key.
    other = service.client.management_keys.create(name="other")
    signed_in = service.ask(path, "POST", f"key={other.key}", port=port, **form).cookies[0].split(";")[0]
    assert service.ask("/connections/console", port=port, Cookie=signed_in).status == 200
    service.client.management_keys.delete(other.id)
    assert service.ask("/connections/console", port=port, Cookie=signed_in).status == 303
    # It is of the administrators' listener alone.
    assert service.ask("/connections/console", Cookie=cookie).status == 401


# --- What does not come as it should ---


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/nothing", "GET", None, 404),
        ("/metrics", "GET", None, 404),
        ("/v1/mgmt/outbound/nothing", "GET", None, 404),
        ("/v1/mgmt/outbound/app/user/token", "DELETE", None, 405),
        ("/v1/mgmt/outbound/app/user/token", "POST", "{", 400),
        ("/v1/mgmt/outbound/app/user/token", "POST", "[]", 400),
        ("/v1/mgmt/outbound/app/user/token", "POST", '{"appId": 7}', 400),
        ("/v1/mgmt/outbound/app/user/token", "POST", "x" * 2_000_000, 413),
        ("/v1/mgmt/outbound/app/%00", "GET", None, 404),
        ("/v1/mgmt/outbound/app/%zz", "GET", None, 404),
        ("/connections/" + "a" * 20_000, "GET", None, 404),
        ("/connections/key", "PUT", None, 405),
        ("/connections/key", "BREW", None, 400),
    ],
)
def test_what_makes_no_sense_is_told(
    service: Service, provider: Provider, path: str, method: str, body: str | None, status: int
) -> None:
    headers = {"Authorization": service.bearer, "Cookie": f"DS={provider.token()}"}
    assert service.ask(path, method, body, **headers).status == status
    assert service.ask("/healthz").status == 200


def test_another_host_name_is_refused(service: Service) -> None:
    for host in ["evil.example", f"localhost:{service.port}", f"127.0.0.1:{service.port + 1}"]:
        assert service.ask("/connections/", Host=host).status == 421


def test_a_request_names_one_host(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), MOST_SECONDS) as connection:
        own = f"Host: 127.0.0.1:{service.port}\r\n"
        connection.sendall(f"GET /connections/ HTTP/1.1\r\n{own}Host: evil.example\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_headers_beyond_their_bounds_end_the_connection(service: Service) -> None:
    answer = service.ask("/connections/", Accept="a" * 40_000)
    assert answer.status in {400, 431}
    assert service.ask("/healthz").status == 200


def test_a_body_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    with (
        running(tmp_path, limits={"requestSeconds": 1}) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=MOST_SECONDS) as slow,
    ):
        head = f"POST /v1/mgmt/outbound/app/user/token HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
        slow.sendall(f"{head}Authorization: {service.bearer}\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_guessing_is_slowed_down(tmp_path: Path) -> None:
    with running(tmp_path, trustedProxies=["127.0.0.1"]) as service:

        def guess(address: str, key: str = "dcmk_no") -> Any:
            forwarded = f"10.9.9.9, {address}"
            return service.fetch(Authorization=f"Bearer {PROJECT}:{key}", X_Forwarded_For=forwarded)

        statuses = [guess("192.0.2.1").status for _ in range(25)]
        assert statuses[:20] == [401] * 20
        assert statuses[-1] == 429
        refused = guess("192.0.2.1", service.key)
        assert (refused.status, refused.json["errorCode"]) == (429, "E130429")
        assert int(refused.headers["retry-after"]) > 0
        # Of no concern to others, nor to whoever opens a page.
        assert service.ask("/connections/", X_Forwarded_For="192.0.2.1").status == 401
        assert guess("192.0.2.2", service.key).status == 200


def test_each_address_may_ask_so_often(tmp_path: Path) -> None:
    with running(tmp_path, trustedProxies=["127.0.0.1"], limits={"requestsPerMinute": 10}) as service:

        def ask(path: str, address: str) -> Any:
            return service.ask(path, X_Forwarded_For=address)

        statuses = [ask("/connections/", f"2001:db8::{number}").status for number in range(1, 15)]
        assert statuses[:10] == [401] * 10
        assert 429 in statuses
        refused = ask("/v1/mgmt/license", "2001:db8::99")
        assert (refused.status, refused.json["errorCode"]) == (429, "E130429")
        assert int(refused.headers["retry-after"]) > 0
        assert ask("/healthz", "2001:db8::99").status == 200
        assert ask("/connections/", "2001:db8:0:1::1").status == 401


def test_ten_thousand_connections_end_when_their_owner_goes(tmp_path: Path) -> None:
    """The administrators have a listener of their own, and the public one is there again when there is room."""
    with running(tmp_path, limits={"connections": 200}) as service:
        connections = []
        for _ in range(10_000):
            connection = socket.socket()
            connections.append(connection)
            connection.setblocking(False)  # some never come about
            connection.connect_ex(("127.0.0.1", service.port))
        assert service.ask("/readyz", port=service.administration).status == 200
        for connection in connections:
            connection.close()
        assert service.fetch(Authorization=service.bearer).status == 200


def test_nobody_but_a_named_proxy_says_where_a_request_came_from(service: Service) -> None:
    key = service.client.management_keys.create(name="far", addresses=["192.0.2.0/24"]).key
    bearer = f"Bearer {PROJECT}:{key}"
    for name in ["X_Forwarded_For", "Forwarded"]:
        value = "192.0.2.7" if name == "X_Forwarded_For" else "for=192.0.2.7"
        assert service.fetch(Authorization=bearer, **{name: value}).status == 401


@pytest.mark.parametrize(
    "forwarded", [{"X_Forwarded_For": "192.0.2.7"}, {"Forwarded": 'for="[2001:db8::1]:80", for=192.0.2.7'}]
)
def test_a_named_proxy_says_where_a_request_came_from(tmp_path: Path, forwarded: dict[str, str]) -> None:
    with running(tmp_path, trustedProxies=["127.0.0.0/8"]) as service:
        key = service.client.management_keys.create(name="near", addresses=["192.0.2.0/24"]).key
        assert service.fetch(Authorization=f"Bearer {PROJECT}:{key}", **forwarded).status == 200
        assert service.fetch(Authorization=f"Bearer {PROJECT}:{key}").status == 401


# --- Operation ---


def test_it_tells_of_its_health_and_its_requests(service: Service) -> None:
    assert (service.ask("/healthz", Host="probe").body, service.ask("/readyz").body) == ("ok\n", "ok\n")
    service.fetch(Authorization=service.bearer)
    metrics = service.ask("/metrics", port=service.administration).body
    assert 'descope_conn_http_requests_total{route="api",method="POST",status="200"}' in metrics
    assert 'descope_conn_http_request_seconds_bucket{route="api",le="+Inf"}' in metrics
    # And what the library counts.
    assert 'descope_conn_fetches_total{outcome="ok"}' in metrics
    assert re.search(r'descope_conn_fetch_duration_seconds_bucket\{le="0\.00\d+"\} \d', metrics)
    for line in metrics.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \w+ .+|\w+(\{[^{}]+\})? [\d.]+(e-\d+)?", line), line


def test_the_log_has_requests_and_no_secrets(tmp_path: Path, provider: Provider) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with running(tmp_path, signIn={"connection": "idp"}) as service:
        service.fetch(Authorization=service.bearer, traceparent=f"00-{trace}-00f067aa0ba902b7-01")
        service.ask("/connections/callback?code=secret-code&state=secret-state", Cookie="DS=secret-cookie")
        service.fetch(Authorization=f"Bearer {PROJECT}:dcmk_secret")
    text = "".join(service.lines)
    requests = [json.loads(line) for line in service.lines if line.startswith("{") and '"request"' in line]
    assert requests[0].items() >= {"method": "POST", "route": "api", "status": 200, "trace": trace}.items()
    assert requests[0]["address"] == "127.0.0.1"
    assert len(requests) == 3
    for secret in [service.key, "secret-", "dcmk_secret", "sk-of-alice", KEY["bytes"]]:
        assert secret not in text


def test_it_finishes_what_has_begun_before_it_stops(tmp_path: Path) -> None:
    with running(tmp_path) as service, socket.create_connection(("127.0.0.1", service.port), MOST_SECONDS) as begun:
        body = json.dumps({"appId": "weather", "userId": "alice"})
        head = f"POST /v1/mgmt/outbound/app/user/token/latest HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
        head += f"Authorization: {service.bearer}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        begun.sendall(head.encode() + body[:1].encode())
        while "in_flight 1" not in service.ask("/metrics", port=service.administration).body:
            pass
        service.process.send_signal(signal.SIGTERM)
        while not any('"stopping"' in line for line in service.lines):
            assert service.process.poll() is None
        begun.sendall(body[1:].encode())
        answer = b"".join(iter(lambda: begun.recv(4096), b""))
        assert b"sk-of-alice" in answer
        assert service.process.wait(MOST_SECONDS) == 0


def test_tls_by_files(tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
        + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    with running(tmp_path, tls={"certificate": str(certificate), "key": str(key)}) as service:
        context = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(f"https://127.0.0.1:{service.port}/healthz", context=context) as answer:
            assert answer.read() == b"ok\n"
        with socket.create_connection(("127.0.0.1", service.port), MOST_SECONDS) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"ok" not in plain.recv(100)


def test_dev_needs_nothing_but_one_command(tmp_path: Path) -> None:
    port = free_port()
    folder = tmp_path / "dev"
    process = start("serve", "--dev", "--listen", f"127.0.0.1:{port}", "--folder", str(folder))
    shown = [process.stderr.readline() for _ in range(4)]
    try:
        assert shown[0] == f"Pages:    http://127.0.0.1:{port}/connections/\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/connections/console") as page:
            assert "For development" in page.read().decode()
        environment = {"PATH": "/usr/bin", "LD_LIBRARY_PATH": LIBRARIES}
        made = subprocess.run(
            [COMMAND, "management-keys", "create", "mine", "--vault", str(folder / "vault.db")],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/mgmt/outbound/apps")
        request.add_header("Authorization", f"Bearer {PROJECT}:{made.stdout.strip()}")
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer) == {"apps": []}
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(MOST_SECONDS) == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"listn": "127.0.0.1:1"}, "listn is not a setting"),
        ({"listen": "8080"}, "listen must be HOST:PORT"),
        ({"publicUrl": "https://a.example/path"}, "publicUrl must be a URL without a path"),
        ({"pages": {"produkt": "x"}}, "pages.produkt is not a setting"),
        ({"limits": {"requests": 0}}, "limits.requests must be a number from 1"),
        ({"trustedProxies": ["10.0.0.0/40"]}, "trustedProxies must be"),
        ({"tls": {"certificate": "x"}}, "tls must have certificate and key"),
        ({"vault": {"api": {"issuers": [{"issuer": "x"}]}}}, "jwksUrl"),
        ({"logLevel": "loud"}, "logLevel must be"),
        ([], "must hold a JSON object"),
    ],
)
def test_settings_that_are_wrong_are_named(tmp_path: Path, settings: Any, words: str) -> None:
    if isinstance(settings, dict):
        vault = {"path": str(tmp_path / "v.db"), "key": KEY, "create": True, **settings.pop("vault", {})}
        settings = {"publicUrl": "http://127.0.0.1:1", "vault": vault, **settings}
    file = tmp_path / "service.json"
    file.write_text(json.dumps(settings))
    process = start("serve", "--check", "--config", str(file))
    _, err = process.communicate(timeout=MOST_SECONDS)
    assert process.returncode == 3, err
    assert words in err
    assert KEY["bytes"] not in err


def test_dev_is_for_this_machine_alone(tmp_path: Path) -> None:
    process = start("serve", "--dev", "--listen", "0.0.0.0:8080", "--folder", str(tmp_path / "dev"))
    _, err = process.communicate(timeout=MOST_SECONDS)
    assert process.returncode == 3
    assert "loopback" in err
    assert not (tmp_path / "dev").exists()


def test_many_at_once(service: Service) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(service.fetch(Authorization=service.bearer).status))
        for _ in range(64)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 64
