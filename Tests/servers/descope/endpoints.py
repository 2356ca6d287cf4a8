"""Every endpoint: who may call it, what it accepts, and what it does."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

import wire
from caller import Caller
from store import Store, not_found
from wire import TEXT, ApiError, invalid, missing

ROOT = "/v1/mgmt/outbound"

TEMPLATES = {  # of the real catalogue, a few
    "google": ("Google", "https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token"),
    "github": ("GitHub", "https://github.com/login/oauth/authorize", "https://github.com/login/oauth/access_token"),
    "slack": ("Slack", "https://slack.com/oauth/v2/authorize", "https://slack.com/api/oauth.v2.access"),
    "hubspot": ("HubSpot", "https://app.hubspot.com/oauth/authorize", "https://api.hubapi.com/oauth/v1/token"),
}


@dataclass(frozen=True)
class Call:
    caller: Caller
    query: dict[str, str]
    body: dict[str, Any]
    app_id: str  # from the path, where it has one
    base_url: str  # of this server, as the client reached it


@dataclass(frozen=True)
class Endpoint:
    allow: Callable[[Caller], None]
    run: Callable[[Store, Call], dict[str, Any]]
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None  # None: this endpoint takes no body


def find(method: str, path: str) -> tuple[Endpoint, str]:
    """The endpoint, and the connection's id where the path has one."""
    path = re.sub("^//+", "/", path)
    if (method, path) in ENDPOINTS:
        return ENDPOINTS[method, path], ""
    one_app = re.fullmatch(f"{ROOT}/app/([^/]+)", path)
    if method == "GET" and one_app and not any(path == known for _, known in ENDPOINTS):
        return LOAD_APP, unquote(one_app[1])
    raise ApiError(404, "E011006", f"no endpoint {method} {path}")


# Connections


def _shown(app: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in app.items() if name != "clientSecret"}


def license_tier(_store: Store, _call: Call) -> dict[str, Any]:
    return {"rateLimitTier": "tier1"}


def list_apps(store: Store, _call: Call) -> dict[str, Any]:
    return {"apps": [_shown(app) for app in store.apps.values()]}


def load_app(store: Store, call: Call) -> dict[str, Any]:
    return {"app": _shown(store.app(call.app_id))}


def create_app(store: Store, call: Call) -> dict[str, Any]:
    return {"app": _shown(store.add_app(call.body))}


def update_app(store: Store, call: Call) -> dict[str, Any]:
    return {"app": _shown(store.replace_app(call.body["app"]))}


def delete_app(store: Store, call: Call) -> dict[str, Any]:
    store.remove_app(call.body["id"])
    return {}


def create_by_template(store: Store, call: Call) -> dict[str, Any]:
    template = call.body["templateId"]
    if template not in TEMPLATES:
        raise invalid(f"no template {template}")
    name, authorization_url, token_url = TEMPLATES[template]
    given = dict(call.body)
    overrides = given.pop("overrides", {})
    settings = {"name": name, "authorizationUrl": authorization_url, "tokenUrl": token_url, "pkce": True}
    return {"app": _shown(store.add_app({**settings, **overrides, **given}))}


def create_by_dcr_preset(store: Store, call: Call) -> dict[str, Any]:
    preset = call.body["dcrPresetId"]
    settings = {"name": preset, "useDcr": True, "dcrUrl": f"https://{preset}.test/register"}
    return {"app": _shown(store.add_app({**settings, "tenantId": call.body.get("tenantId", "")}))}


# Fetch


def fetch_exact(store: Store, call: Call) -> dict[str, Any]:
    """Exactly these scopes, as a set. Without any, the connection's default scopes; without those, the latest."""
    call.caller.need_access_to(call.body.get("userId", ""), call.body.get("tenantId", ""))
    defaults = store.apps.get(call.body["appId"], {}).get("defaultScopes", [])
    return {"token": store.fetch(call.body, call.body.get("scopes") or defaults or None)}


def fetch_latest(store: Store, call: Call) -> dict[str, Any]:
    call.caller.need_access_to(call.body.get("userId", ""), call.body.get("tenantId", ""))
    return {"token": store.fetch(call.body, None)}


def apps_with_user_token(store: Store, call: Call) -> dict[str, Any]:
    wanted = (call.query["userId"], call.query.get("tenantId", ""))
    tokens = store.usable_tokens()
    return {"appIds": sorted({each["appId"] for each in tokens if (each["userId"], each["tenantId"]) == wanted})}


# Delete


def delete_token(store: Store, call: Call) -> dict[str, Any]:
    store.remove_tokens(lambda token: token["id"] == call.query["id"])
    return {}


def delete_user_tokens(store: Store, call: Call) -> dict[str, Any]:
    """Tokens of users that have the given values. Tenants' own tokens stay."""
    given = {name: call.query[name] for name in ("appId", "userId") if name in call.query}
    if not given:
        raise missing("appId or userId")
    store.remove_tokens(
        lambda token: token["userId"] != "" and all(token[name] == value for name, value in given.items())
    )
    return {}


# Store


def _app_of_type(store: Store, app_id: str, app_type: str) -> None:
    if store.app(app_id)["appType"] != app_type:
        raise invalid(f"connection {app_id} is not of the type {app_type}")


def upload_api_key(store: Store, call: Call) -> dict[str, Any]:
    """Sets the key: one that was there is replaced."""
    _app_of_type(store, call.body["appId"], "apikey")
    store.put_token({**call.body, "accessToken": call.body["apiKey"]})
    return {}


def _as_token(store: Store, item: dict[str, Any]) -> dict[str, Any]:
    """An uploaded OAuth token as it is stored; ApiError where it cannot be."""
    _app_of_type(store, item["appId"], "oauth")
    if not (item.get("refreshToken") or item.get("accessToken")):
        raise missing("refreshToken or accessToken")
    return {**item, "accessTokenExpiry": str(item.get("accessTokenExpiry", 0))}  # a number comes in, a string goes out


def upload_oauth_token(store: Store, call: Call) -> dict[str, Any]:
    store.put_token(_as_token(store, call.body))
    return {}


def upload_oauth_tokens(store: Store, call: Call) -> dict[str, Any]:
    """All or nothing: one bad item, and none is stored."""
    tokens, failures = [], []
    for item in call.body["tokens"]:
        try:
            tokens.append(_as_token(store, item))
        except ApiError as error:
            owner = "userId" if "userId" in item else "tenantId"
            failure = {"appId": item["appId"], owner: item[owner], "errorCode": "E152110", "reason": str(error)}
            failures.append(failure)
    if not failures:
        for token in tokens:
            store.put_token(token)
    return {"failures": failures}


# Adaptive Connect


def connect(store: Store, call: Call) -> dict[str, Any]:
    """A URL that the user opens. Here it leads nowhere: the browser's part is not played."""
    if call.body["appId"] not in store.apps:
        raise not_found(f"no connection {call.body['appId']}")
    query = urlencode({"appId": call.body["appId"], "state": secrets.token_urlsafe(16)})
    return {"url": f"{call.base_url}/v1/outbound/oauth/connect?{query}"}


KEY, ANY, TOKEN = Caller.need_key, Caller.need_key_or_token, Caller.need_token

LOAD_APP = Endpoint(KEY, load_app)
ENDPOINTS = {
    ("GET", "/v1/mgmt/license"): Endpoint(KEY, license_tier),
    ("GET", f"{ROOT}/apps"): Endpoint(KEY, list_apps),
    ("POST", f"{ROOT}/app/create"): Endpoint(KEY, create_app, body=wire.CREATE_APP),
    ("POST", f"{ROOT}/app/update"): Endpoint(KEY, update_app, body=wire.UPDATE_APP),
    ("POST", f"{ROOT}/app/delete"): Endpoint(KEY, delete_app, body={"id*": TEXT}),
    ("POST", f"{ROOT}/app/create/bytemplate"): Endpoint(KEY, create_by_template, body=wire.CREATE_BY_TEMPLATE),
    ("POST", f"{ROOT}/app/create/bydcrpreset"): Endpoint(KEY, create_by_dcr_preset, body=wire.CREATE_BY_DCR_PRESET),
    ("POST", f"{ROOT}/app/user/token"): Endpoint(ANY, fetch_exact, body=wire.USER_FETCH),
    ("POST", f"{ROOT}/app/user/token/latest"): Endpoint(ANY, fetch_latest, body=wire.USER_LATEST),
    ("POST", f"{ROOT}/app/tenant/token"): Endpoint(ANY, fetch_exact, body=wire.TENANT_FETCH),
    ("POST", f"{ROOT}/app/tenant/token/latest"): Endpoint(ANY, fetch_latest, body=wire.TENANT_LATEST),
    ("DELETE", f"{ROOT}/token"): Endpoint(KEY, delete_token, query={"id*": TEXT}),
    ("DELETE", f"{ROOT}/user/tokens"): Endpoint(KEY, delete_user_tokens, query={"appId": TEXT, "userId": TEXT}),
    ("GET", f"{ROOT}/apps-with-user-token"): Endpoint(
        KEY, apps_with_user_token, query={"userId*": TEXT, "tenantId": TEXT}
    ),
    ("POST", f"{ROOT}/app/user/apikey/upload"): Endpoint(KEY, upload_api_key, body=wire.USER_API_KEY),
    ("POST", f"{ROOT}/app/tenant/apikey/upload"): Endpoint(KEY, upload_api_key, body=wire.TENANT_API_KEY),
    ("POST", f"{ROOT}/app/user/oauthtoken/upload"): Endpoint(KEY, upload_oauth_token, body=wire.USER_OAUTH),
    ("POST", f"{ROOT}/app/tenant/oauthtoken/upload"): Endpoint(KEY, upload_oauth_token, body=wire.TENANT_OAUTH),
    ("POST", f"{ROOT}/app/user/oauthtoken/batch/upload"): Endpoint(
        KEY, upload_oauth_tokens, body=wire.USER_OAUTH_BATCH
    ),
    ("POST", f"{ROOT}/app/tenant/oauthtoken/batch/upload"): Endpoint(
        KEY, upload_oauth_tokens, body=wire.TENANT_OAUTH_BATCH
    ),
    ("POST", f"{ROOT}/app/connect"): Endpoint(TOKEN, connect, body=wire.CONNECT),
}
