"""Holds the test servers themselves to what they promise: `pytest Tests/servers`."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
import signal
import ssl
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import certs
import pytest
from consent import ConsentError, consent
from descope import AuthException, DescopeClient, RateLimitException
from descope.management.common import AccessType, PromptType, URLParam
from launch import launch

CLIENT = ("the client", "s3cret: +%/=&")  # needs the encoding that RFC 6749, 2.3.1 asks for
REDIRECT_URI = "http://127.0.0.1:9/callback"
PASSWORDS = {"alice": "alice-password", "bob": "bob-password"}
PROJECT = "P2testtesttesttesttesttest01"
KEY = "K2testmanagementkey"


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(server: launch, method: str, path: str, body: str | None = None, **headers: str) -> Reply:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


# The OAuth server


@pytest.fixture(scope="module")
def running_oauth():
    arguments = ["--client-id", CLIENT[0], "--client-secret", CLIENT[1], "--redirect-uri", REDIRECT_URI]
    with launch("oauth", *arguments) as server:
        yield server


@pytest.fixture
def oauth(running_oauth):
    running_oauth.control("POST", "reset")
    return running_oauth


def authorize_url(server: launch, verifier: str | None, **more: str) -> str:
    query = {
        "response_type": "code",
        "client_id": CLIENT[0],
        "redirect_uri": REDIRECT_URI,
        "scope": "read contacts.read",
        "state": "the state",
        **more,
    }
    if verifier:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    return f"{server.url}/authorize?{urlencode(query)}"


def redirected(server: launch, verifier: str | None, user: str = "alice", approve: bool = True, **more: Any) -> dict:
    grant = more.pop("grant", None)
    url = consent(authorize_url(server, verifier, **more), user, PASSWORDS[user], approve=approve, grant=grant)
    assert url.startswith(REDIRECT_URI + "?")
    return {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}


def post_form(server: launch, path: str, **form: str) -> Reply:
    pair = ":".join(urlencode({"": part})[1:] for part in CLIENT)
    authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    kind = "application/x-www-form-urlencoded"
    return ask(server, "POST", path, urlencode(form), Content_Type=kind, Authorization=authorization)


def exchange(server: launch, code: str, verifier: str) -> Reply:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI, "code_verifier": verifier}
    return post_form(server, "/token", **form)


def refresh(server: launch, token: str) -> Reply:
    return post_form(server, "/token", grant_type="refresh_token", refresh_token=token)


def granted(server: launch, user: str = "alice", **more: Any) -> dict:
    """The token reply of a whole flow."""
    verifier = secrets.token_urlsafe(48)
    reply = exchange(server, redirected(server, verifier, user, **more)["code"], verifier)
    assert reply.status == 200, reply.body
    return reply.json()


def me(server: launch, access_token: str) -> Reply:
    return ask(server, "GET", "/api/me", Authorization=f"Bearer {access_token}")


@pytest.mark.parametrize("place", ["oauth-authorization-server", "openid-configuration"])
def test_metadata(oauth, place):
    found = ask(oauth, "GET", f"/.well-known/{place}").json()
    assert found["issuer"] == oauth.url
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert found["scopes_supported"] == ["contacts.read", "read", "write"]
    for name in ("authorization", "token", "revocation", "introspection"):
        assert found[f"{name}_endpoint"].startswith(oauth.url)


def test_code_flow_gives_a_token_that_works(oauth):
    verifier = secrets.token_urlsafe(48)
    back = redirected(oauth, verifier, prompt="consent", login_hint="alice", access_type="offline")
    assert (back["state"], back["iss"]) == ("the state", oauth.url)
    reply = exchange(oauth, back["code"], verifier)
    tokens = reply.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    assert me(oauth, tokens["access_token"]).json() == {"user": "alice", "scopes": ["contacts.read", "read"]}
    assert exchange(oauth, back["code"], verifier).json()["error"] == "invalid_grant"
    assert oauth.control("GET", "counts") == {"authorization_code": {"ok": 1, "invalid_grant": 1}}


def test_the_login_page_knows_the_hint(oauth):
    page = ask(oauth, "GET", "/login?" + urlencode({"next": "/authorize?login_hint=bob"}))
    assert b'value="bob"' in page.body


def test_a_wrong_password_is_refused(oauth):
    with pytest.raises(ConsentError, match="password"):
        consent(authorize_url(oauth, "v" * 43), "alice", "bob-password")


def test_denial_comes_back_with_iss(oauth):
    back = redirected(oauth, "v" * 43, approve=False)
    assert back == {"error": "access_denied", "state": "the state", "iss": oauth.url}


def test_less_may_be_granted_than_was_asked(oauth):
    assert granted(oauth, grant=["read"])["scope"] == "read"


def test_pkce_is_required_and_checked(oauth):
    assert redirected(oauth, None)["error"] == "invalid_request"
    code = redirected(oauth, secrets.token_urlsafe(48))["code"]
    assert exchange(oauth, code, secrets.token_urlsafe(48)).json()["error"] == "invalid_grant"


def test_a_loopback_redirect_may_have_any_port(oauth):
    """RFC 8252, 7.3: a test can register the path and pick the port later."""
    here = "http://127.0.0.1:51999/callback"
    assert consent(authorize_url(oauth, "v" * 43, redirect_uri=here), "bob", PASSWORDS["bob"]).startswith(here)


def test_a_foreign_redirect_uri_is_not_followed(oauth):
    with pytest.raises(ConsentError, match="400"):
        redirected(oauth, "v" * 43, redirect_uri="http://127.0.0.1:9/elsewhere")


@pytest.mark.parametrize(("sent", "seen"), [("none", None), ("https://evil.test", "https://evil.test")])
def test_iss_can_be_spoilt(oauth, sent, seen):
    oauth.control("POST", "settings", {"iss": sent})
    assert redirected(oauth, "v" * 43).get("iss") == seen


def test_rotation_and_reuse(oauth):
    first = granted(oauth)
    second = refresh(oauth, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert me(oauth, first["access_token"]).status == 401
    assert me(oauth, second["access_token"]).status == 200
    assert oauth.control("GET", "grants") == {"alice": 1, "bob": 0}

    assert refresh(oauth, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(oauth, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert me(oauth, second["access_token"]).status == 401
    assert oauth.control("GET", "grants") == {"alice": 0, "bob": 0}
    # The second token was never spent: its family was killed.
    assert oauth.control("GET", "counts")["refresh_token"] == {"ok": 1, "reuse": 1, "invalid_grant": 1}


def test_grace_answers_a_spent_token_with_its_successor(oauth):
    oauth.control("POST", "settings", {"graceSeconds": 60})
    first = granted(oauth)
    second = refresh(oauth, first["refresh_token"]).json()
    again = refresh(oauth, first["refresh_token"]).json()
    assert again["refresh_token"] == second["refresh_token"]
    assert oauth.control("GET", "counts")["refresh_token"] == {"ok": 1, "grace": 1}


def test_rotation_can_be_switched_off(oauth):
    oauth.control("POST", "settings", {"rotate": False})
    first = granted(oauth)
    for _ in range(2):
        assert refresh(oauth, first["refresh_token"]).json()["refresh_token"] == first["refresh_token"]


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_revocation(oauth, kind):
    tokens = granted(oauth)
    assert post_form(oauth, "/revoke", token=tokens[kind]).status == 200
    assert me(oauth, tokens["access_token"]).status == 401
    assert refresh(oauth, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert post_form(oauth, "/revoke", token="never seen").status == 200


def test_introspection(oauth):
    token = granted(oauth)["access_token"]
    assert post_form(oauth, "/introspect", token=token).json()["username"] == "alice"
    assert post_form(oauth, "/introspect", token="never seen").json() == {"active": False}


def test_a_wrong_client_secret_is_invalid_client(oauth):
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": CLIENT[0], "client_secret": "wrong"}
    kind = "application/x-www-form-urlencoded"
    assert ask(oauth, "POST", "/token", urlencode(form), Content_Type=kind).json()["error"] == "invalid_client"


def test_expire_and_revoke_touch_one_user(oauth):
    alice, bob = granted(oauth, "alice"), granted(oauth, "bob")
    assert oauth.control("POST", "expire", {"user": "alice"}) == {"expired": 1}
    assert me(oauth, alice["access_token"]).headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    alice = refresh(oauth, alice["refresh_token"]).json()
    assert me(oauth, alice["access_token"]).status == 200

    assert oauth.control("POST", "revoke", {"user": "alice"}) == {"revoked": 1}
    assert me(oauth, alice["access_token"]).status == 401
    assert refresh(oauth, alice["refresh_token"]).json()["error"] == "invalid_grant"
    assert "reuse" not in oauth.control("GET", "counts")["refresh_token"]
    assert me(oauth, bob["access_token"]).json()["user"] == "bob"


def test_access_life_is_a_setting(oauth):
    oauth.control("POST", "settings", {"accessSeconds": 7})
    assert granted(oauth)["expires_in"] == 7


def test_a_misspelt_control_fails_loudly(oauth):
    for path, body in (("settings", {"acessSeconds": 7}), ("faults", {"statsu": 503}), ("expire", {"user": "eve"})):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            oauth.control("POST", path, body)


FAULTS = [
    ({"status": 503}, 503, b""),
    ({"status": 503, "headers": {"Retry-After": "1"}, "body": "<h1>Later</h1>"}, 503, b"<h1>Later</h1>"),
    ({"body": "<html>"}, 200, b"<html>"),
    ({"body": {"error": "bad_verification_code"}}, 200, b'{"error": "bad_verification_code"}'),
    ({"status": 400, "body": {"error": "invalid_grant"}}, 400, b'{"error": "invalid_grant"}'),
    ({"status": 400, "body": ""}, 400, b""),
]


@pytest.mark.parametrize(("fault", "status", "body"), FAULTS)
def test_answers_on_order_leave_the_refresh_token_unspent(oauth, fault, status, body):
    tokens = granted(oauth)
    oauth.control("POST", "faults", {"path": "/token", "times": 2, **fault})
    for _ in range(2):
        spoilt = refresh(oauth, tokens["refresh_token"])
        assert (spoilt.status, spoilt.body) == (status, body)
    assert refresh(oauth, tokens["refresh_token"]).status == 200
    assert oauth.control("GET", "counts")["refresh_token"] == {"fault": 2, "ok": 1}


@pytest.mark.parametrize("name", ["refresh_token", "expires_in"])
def test_a_member_can_be_left_out_of_the_reply(oauth, name):
    tokens = granted(oauth)
    oauth.control("POST", "faults", {"path": "/token", "remove": [name]})
    reply = refresh(oauth, tokens["refresh_token"]).json()
    assert name not in reply and me(oauth, reply["access_token"]).status == 200


LOST = [
    ({"cut": True}, http.client.IncompleteRead),
    ({"close": "fin", "process": True}, http.client.RemoteDisconnected),
    ({"close": "reset", "process": True}, ConnectionResetError),
]


@pytest.mark.parametrize(("fault", "error"), LOST)
def test_an_answer_can_be_lost_after_the_token_was_spent(oauth, fault, error):
    tokens = granted(oauth)
    oauth.control("POST", "faults", {"path": "/token", **fault})
    with pytest.raises(error):
        refresh(oauth, tokens["refresh_token"])
    assert refresh(oauth, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert oauth.control("GET", "counts")["refresh_token"] == {"ok": 1, "reuse": 1}


def test_a_slow_answer_outlasts_its_client(oauth):
    oauth.control("POST", "faults", {"path": "/api/me", "delay": 60})
    connection = http.client.HTTPConnection("127.0.0.1", oauth.port, timeout=0.2)
    connection.request("GET", "/api/me")
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()


def test_sixty_four_users_at_once(oauth):
    """No reply is lost to a locked database."""

    def whole_life(number: int) -> int:
        tokens = granted(oauth, ("alice", "bob")[number % 2])
        return me(oauth, refresh(oauth, tokens["refresh_token"]).json()["access_token"]).status

    with ThreadPoolExecutor(64) as pool:
        assert set(pool.map(whole_life, range(64))) == {200}


def test_one_refresh_token_sixty_four_times_is_one_refresh(oauth):
    token = granted(oauth)["refresh_token"]
    with ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(lambda _: refresh(oauth, token).status, range(64)))
    assert sorted(statuses) == [200] + [400] * 63
    assert oauth.control("GET", "counts")["refresh_token"] == {"ok": 1, "reuse": 63}


def test_the_log_shows_no_secret(oauth):
    tokens = granted(oauth)
    refresh(oauth, tokens["refresh_token"])
    log = json.dumps(oauth.control("GET", "requests"))
    assert '"grant_type": "refresh_token"' in log
    for secret in (tokens["refresh_token"], tokens["access_token"], PASSWORDS["alice"]):
        assert secret not in log


# The Descope server


@pytest.fixture(scope="module")
def running_descope():
    with launch("descope") as server:
        yield server


@pytest.fixture
def descope(running_descope):
    running_descope.control("POST", "reset")
    running_descope.control("POST", "seed", {"apps": [{"id": "mail", "name": "Mail"}, KEYS_APP]})
    return running_descope


KEYS_APP = {"id": "keys", "name": "Keys", "appType": "apikey"}
GRANT = {
    "appId": "mail",
    "userId": "u1",
    "accessToken": "at",
    "accessTokenExpiry": "4102444800",
    "refreshToken": "rt",
    "scopes": ["a", "b"],
}


def call(server: launch, method: str, path: str, body: Any = None, credentials: str = f"{PROJECT}:{KEY}") -> Reply:
    text = None if body is None else json.dumps(body)
    headers = {"Authorization": f"Bearer {credentials}", "Content_Type": "application/json"}
    return ask(server, method, f"/v1/mgmt/{path}", text, **headers)


def fetch(server: launch, path: str, **body: Any) -> Reply:
    return call(server, "POST", f"outbound/app/{path}", body)


def refusal(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json()["errorCode"]


def bearer(server: launch, **payload: Any) -> str:
    return f"{PROJECT}:{server.control('POST', 'jwt', payload)['token']}"


@pytest.fixture
def sdk(descope):
    return DescopeClient(project_id=PROJECT, management_key=KEY, base_url=descope.url).mgmt.outbound_application


def test_official_sdk_fetches_all_four(descope, sdk):
    tenant = {**GRANT, "userId": "", "tenantId": "t1", "accessToken": "tenant's"}
    [user_token, _] = descope.control("POST", "seed", {"tokens": [GRANT, tenant]})["tokens"]
    token = sdk.fetch_token("mail", "u1")["token"]
    assert token == {**user_token, "refreshToken": "", "hasRefreshToken": True}
    assert sdk.fetch_token_by_scopes("mail", "u1", ["b", "a"])["token"] == token
    assert sdk.fetch_tenant_token("mail", "t1")["token"]["accessToken"] == "tenant's"
    assert sdk.fetch_tenant_token_by_scopes("mail", "t1", ["a", "b"])["token"]["accessToken"] == "tenant's"
    assert sdk.fetch_token("mail", "u1", options={"withRefreshToken": True})["token"]["refreshToken"] == "rt"

    with pytest.raises(AuthException) as caught:
        sdk.fetch_token_by_scopes("mail", "u1", ["a"])
    assert (caught.value.status_code, "E111504" in caught.value.error_message) == (404, True)


def test_official_sdk_fetches_by_token(descope):
    descope.control("POST", "seed", {"tokens": [GRANT]})
    by_token = DescopeClient(project_id=PROJECT, base_url=descope.url).mgmt.outbound_application_by_token
    token = bearer(descope, sub="u1", scope="outbound.token.fetch").partition(":")[2]
    assert by_token.fetch_token(token, "mail", "u1")["token"]["accessToken"] == "at"
    [entry] = descope.control("GET", "requests")["requests"]
    assert entry["credentials"] == "token"


def test_official_sdk_manages_connections(sdk):
    created = sdk.create_application("Cal", id="cal", client_secret="hidden", pkce=True, access_type=AccessType.OFFLINE)
    assert (created["app"]["id"], created["app"]["accessType"]) == ("cal", "offline")
    updated = sdk.update_application("cal", "Calendar", prompt=[PromptType.CONSENT])
    assert (updated["app"]["name"], updated["app"]["pkce"]) == ("Calendar", False)
    assert sdk.load_application("cal") == updated
    assert "clientSecret" not in updated["app"]
    assert [app["id"] for app in sdk.load_all_applications()["apps"]] == ["mail", "keys", "cal"]
    sdk.delete_application("cal")
    with pytest.raises(AuthException, match="404"):
        sdk.load_application("cal")


def test_official_sdk_stores_and_deletes(descope, sdk):
    sdk.upload_user_api_key("keys", "u1", "first")
    sdk.upload_user_api_key("keys", "u1", "second")
    sdk.upload_tenant_api_key("keys", "t1", "theirs")
    assert sdk.fetch_token("keys", "u1")["token"]["accessToken"] == "second"
    assert sdk.fetch_token("keys", "u1")["token"]["accessTokenExpiry"] == "0"
    sdk.upload_user_token("mail", "u1", access_token="at", access_token_expiry=2_000_000_000, scopes=["a"])
    sdk.upload_tenant_token("mail", "t1", refresh_token="rt", verify_refresh=True)
    assert sdk.fetch_token("mail", "u1")["token"]["accessTokenExpiry"] == "2000000000"
    assert sdk.list_apps_with_user_token("u1") == {"appIds": ["keys", "mail"]}

    sdk.delete_token(sdk.fetch_token("keys", "u1")["token"]["id"])
    sdk.delete_user_tokens(app_id="mail", user_id="u1")
    assert sdk.list_apps_with_user_token("u1") == {"appIds": []}
    assert [token["tenantId"] for token in descope.control("GET", "state")["tokens"]] == ["t1", "t1"]
    with pytest.raises(AuthException, match="400"):
        sdk.delete_user_tokens()


def test_official_sdk_uploads_all_or_nothing(descope, sdk):
    good = {"appId": "mail", "userId": "u1", "accessToken": "at"}
    bad = {"appId": "none", "userId": "u2", "accessToken": "at"}
    [failure] = sdk.batch_upload_user_tokens([good, bad])["failures"]
    assert (failure["appId"], failure["userId"], failure["errorCode"]) == ("none", "u2", "E152110")
    assert "tenantId" not in failure
    assert descope.control("GET", "state")["tokens"] == []
    assert sdk.batch_upload_user_tokens([good]) == {"failures": []}
    assert sdk.batch_upload_tenant_tokens([{"appId": "mail", "tenantId": "t", "refreshToken": "rt"}])["failures"] == []
    assert len(descope.control("GET", "state")["tokens"]) == 2


def test_official_sdk_needs_lenience_for_url_parameters(descope, sdk):
    """It writes `name` where the API has `key`."""
    with pytest.raises(AuthException, match=r"authorizationUrlParams\[0\].name"):
        sdk.create_application("n", authorization_url_params=[URLParam("audience", "x")])
    with launch("descope", "--lenient") as server:
        client = DescopeClient(project_id=PROJECT, management_key=KEY, base_url=server.url)
        create = client.mgmt.outbound_application.create_application
        app = create("n", authorization_url_params=[URLParam("audience", "x")])["app"]
    assert app["authorizationUrlParams"] == [{"key": "audience", "value": "x"}]


def test_official_sdk_sees_the_rate_limit(descope, sdk):
    body = {"errorCode": "E130429", "errorDescription": "slow down"}
    descope.control("POST", "faults", {"status": 429, "headers": {"Retry-After": "3"}, "body": body})
    with pytest.raises(RateLimitException) as caught:
        sdk.fetch_token("mail", "u1")
    assert caught.value.rate_limit_parameters == {"Retry-After": 3}


UNLISTED = [
    ("outbound/app/user/token", {"appId": "mail", "userId": "u1", "loginId": "u1"}, "loginId"),
    ("outbound/app/user/token/latest", {"appId": "mail", "userId": "u1", "scopes": ["a"]}, "scopes"),
    ("outbound/app/tenant/token", {"appId": "mail", "tenantId": "t1", "userId": "u1"}, "userId"),
    (
        "outbound/app/user/token",
        {"appId": "mail", "userId": "u1", "options": {"refreshToken": True}},
        "options.refreshToken",
    ),
    ("outbound/app/create", {"name": "n", "templateId": "google"}, "templateId"),
    ("outbound/app/user/oauthtoken/batch/upload", {"tokens": [{"verifyRefresh": True}]}, "tokens[0].verifyRefresh"),
]


@pytest.mark.parametrize(("path", "body", "name"), UNLISTED)
def test_unlisted_fields_are_refused_by_name(descope, path, body, name):
    reply = call(descope, "POST", path, body)
    assert refusal(reply) == (400, "E011003")
    assert reply.json()["errorDescription"].endswith(f": {name}")


REFUSALS = [
    ("POST", "outbound/app/user/token", {"appId": "mail"}, 400, "E011002"),
    ("POST", "outbound/app/user/token", {"appId": "mail", "userId": ""}, 400, "E011002"),
    ("POST", "outbound/app/user/token", {"appId": "mail", "userId": 7}, 400, "E011004"),
    ("POST", "outbound/app/user/token", {"appId": "mail", "userId": "u1"}, 404, "E111504"),
    ("POST", "outbound/app/user/apikey/upload", {"appId": "mail", "userId": "u", "apiKey": "k"}, 400, "E011004"),
    ("POST", "outbound/app/user/oauthtoken/upload", {"appId": "mail", "userId": "u"}, 400, "E011002"),
    ("POST", "outbound/app/create", {"id": "mail", "name": "again"}, 400, "E151001"),
    ("GET", "outbound/apps?all=true", None, 400, "E011003"),
    ("GET", "outbound/app/user/token", None, 404, "E011006"),
    ("DELETE", "outbound/tenant/tokens?tenantId=t1", None, 404, "E011006"),
    ("DELETE", "outbound/user/tokens", None, 400, "E011002"),
    ("DELETE", "outbound/user/tokens?userId=undefined", None, 400, "E011002"),
    ("DELETE", "outbound/token?id=", None, 400, "E011002"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSALS)
def test_refusals(descope, method, path, body, status, code):
    assert refusal(call(descope, method, path, body)) == (status, code)


def test_credentials(descope):
    descope.control("POST", "seed", {"tokens": [GRANT, {**GRANT, "userId": "", "tenantId": "t1"}]})
    fetch_u1 = ("POST", "outbound/app/user/token/latest", {"appId": "mail", "userId": "u1"})
    fetch_t1 = ("POST", "outbound/app/tenant/token/latest", {"appId": "mail", "tenantId": "t1"})
    connect = ("POST", "outbound/app/connect", {"appId": "mail", "options": {"redirectUrl": "https://x.test"}})
    apps = ("GET", "outbound/apps", None)
    alice = bearer(descope, sub="u1", scope="openid outbound.token.fetch", tenant="t1")
    for credentials, request, status in (
        (PROJECT, apps, 401),
        (f"{PROJECT}:wrong", apps, 401),
        (f"P2other:{KEY}", apps, 401),
        (alice, apps, 403),
        (f"{alice}:{KEY}", apps, 200),
        (alice, fetch_u1, 200),
        (alice.partition(":")[2], fetch_u1, 200),
        (alice, fetch_t1, 200),
        (bearer(descope, sub="u1"), fetch_u1, 403),
        (bearer(descope, sub="u2", scope="outbound.token.fetch"), fetch_u1, 403),
        (bearer(descope, sub="u1", scope="outbound.token.fetch"), fetch_t1, 403),
        (bearer(descope, sub="u1", scope="outbound.token.fetch", exp=1), fetch_u1, 401),
        (f"{PROJECT}:a.b.c", fetch_u1, 401),
        (alice, connect, 200),
        (f"{PROJECT}:{KEY}", connect, 403),
    ):
        method, path, body = request
        assert call(descope, method, path, body, credentials).status == status, (credentials, path)


def test_connect_answers_a_url_here(descope):
    token = bearer(descope, sub="u1")
    body = {
        "appId": "mail",
        "options": {"redirectUrl": "https://app.test/done", "scopes": ["a"], "prompt": ["consent"]},
    }
    url = call(descope, "POST", "outbound/app/connect", body, token).json()["url"]
    assert url.startswith(f"{descope.url}/v1/outbound/oauth/connect?appId=mail&")


def test_forced_refresh_changes_the_token(descope):
    descope.control("POST", "seed", {"tokens": [GRANT]})
    ask_again = {"appId": "mail", "userId": "u1", "options": {"forceRefresh": True}}
    first, second = (fetch(descope, "user/token", **ask_again).json()["token"] for _ in range(2))
    assert len({"at", first["accessToken"], second["accessToken"]}) == 3
    assert int(second["lastRefreshTime"]) > int(first["lastRefreshTime"])


def test_an_expired_token_is_refreshed_or_gone(descope):
    expired = {**GRANT, "accessTokenExpiry": "1"}
    descope.control("POST", "seed", {"tokens": [expired, {**expired, "userId": "u2", "refreshToken": ""}]})
    assert fetch(descope, "user/token", appId="mail", userId="u1").json()["token"]["accessToken"] != "at"
    assert fetch(descope, "user/token", appId="mail", userId="u2").status == 404


def test_owners_are_kept_apart(descope):
    for more in ({}, {"tenantId": "t1"}, {"externalIdentifier": "work"}):
        descope.control("POST", "seed", {"tokens": [{**GRANT, **more, "accessToken": str(more)}]})
    for more in ({}, {"tenantId": "t1"}, {"externalIdentifier": "work"}):
        token = fetch(descope, "user/token/latest", appId="mail", userId="u1", **more).json()["token"]
        assert token["accessToken"] == str(more)


def test_templates_and_presets(descope):
    made = fetch(descope, "create/bytemplate", templateId="google", id="g", overrides={"name": "Our Google"}).json()
    assert (made["app"]["id"], made["app"]["name"]) == ("g", "Our Google")
    assert made["app"]["tokenUrl"] == "https://oauth2.googleapis.com/token"
    assert fetch(descope, "create/bydcrpreset", dcrPresetId="linear").json()["app"]["useDcr"] is True


def test_update_keeps_the_secret_until_it_is_emptied(descope):
    mail = {"id": "mail", "name": "Mail"}
    steps = [({"clientSecret": "s"}, "s"), ({}, "s"), ({"clientSecret": None}, "s"), ({"clientSecret": ""}, "")]
    for given, kept in steps:
        assert fetch(descope, "update", app={**mail, **given}).status == 200
        assert descope.control("GET", "state")["apps"][0]["clientSecret"] == kept


@pytest.mark.parametrize("expiry", [1741107113, "2025-03-04T16:51:53Z", "", "0"])
def test_expiry_can_take_any_form(descope, expiry):
    descope.control("POST", "seed", {"tokens": [GRANT]})
    descope.control("POST", "faults", {"set": {"token.accessTokenExpiry": expiry}})
    token = fetch(descope, "user/token", appId="mail", userId="u1").json()["token"]
    assert token["accessTokenExpiry"] == expiry


def test_a_redirect_on_order(descope):
    descope.control("POST", "faults", {"status": 302, "headers": {"Location": "http://elsewhere.test/"}})
    reply = call(descope, "GET", "outbound/apps")
    assert (reply.status, reply.headers["Location"]) == (302, "http://elsewhere.test/")


def test_the_log_shows_what_was_sent_and_on_which_connection(descope):
    connection = http.client.HTTPConnection("127.0.0.1", descope.port)
    body = {"appId": "mail", "userId": "u1", "options": None}
    headers = {"Authorization": f"Bearer {PROJECT}:{KEY}", "Content-Type": "application/json"}
    for _ in range(2):
        connection.request("POST", "//v1/mgmt/outbound/app/user/token?", json.dumps(body), headers)
        assert connection.getresponse().read()
    connection.close()
    call(descope, "DELETE", "outbound/token?id=a+b%2Fc")
    report = descope.control("GET", "requests")
    first, second, third = report["requests"]
    assert report["connections"] == 2 and first["connection"] == second["connection"] != third["connection"]
    assert (first["body"], first["status"], first["credentials"]) == (body, 404, "key")
    assert third["query"] == {"id": ["a b/c"]} and third["body"] is None
    expected = "Bearer sha256:" + hashlib.sha256(f"{PROJECT}:{KEY}".encode()).hexdigest()
    assert first["headers"]["authorization"] == expected
    assert KEY not in json.dumps(report)


# Both


@pytest.mark.parametrize("name", ["oauth", "descope"])
def test_a_server_ends_on_sigterm(name):
    with launch(name) as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == 0


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certs")
    certs.make(folder)
    return folder


@pytest.mark.parametrize("name", ["oauth", "descope"])
def test_tls(name, pems):
    ca_file = str(pems / "ca.pem")
    with launch(name, "--tls", str(pems / "server.pem"), str(pems / "server.key"), ca_file=ca_file) as server:
        assert server.control("GET", "requests") == {"requests": [], "connections": 0}


def test_oauth_flow_over_tls(pems):
    ca_file = str(pems / "ca.pem")
    arguments = ["--redirect-uri", REDIRECT_URI, "--client-id", CLIENT[0]]
    tls = ["--tls", str(pems / "server.pem"), str(pems / "server.key")]
    with launch("oauth", *arguments, *tls, ca_file=ca_file) as server:
        url = consent(authorize_url(server, "v" * 43), "bob", PASSWORDS["bob"], ca_file=ca_file)
        assert parse_qs(urlsplit(url).query)["iss"] == [f"https://127.0.0.1:{server.port}"]


def test_official_sdk_over_tls(pems, monkeypatch):
    ca_file = str(pems / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    with launch("descope", "--tls", str(pems / "server.pem"), str(pems / "server.key"), ca_file=ca_file) as server:
        client = DescopeClient(project_id=PROJECT, management_key=KEY, base_url=server.url)
        assert client.mgmt.outbound_application.load_all_applications() == {"apps": []}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("expired", "certificate has expired"),
        ("wrong-name", "not valid for '127.0.0.1'"),
        ("untrusted", "unable to get local issuer certificate"),
    ],
)
def test_bad_certificates_are_refused(pems, name, reason):
    good = ssl.create_default_context(cafile=str(pems / "ca.pem"))
    with launch("descope", "--tls", str(pems / f"{name}.pem"), str(pems / f"{name}.key")) as server:
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=good)
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            connection.request("GET", "/control/requests")
