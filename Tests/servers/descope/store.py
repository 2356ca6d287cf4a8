"""Connections ("outbound apps") and tokens, in memory."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from wire import ApiError, invalid

REFRESHED_SECONDS = 3600  # life of an access token that this server "refreshed at the provider"

APP_DEFAULTS: dict[str, Any] = {
    "id": "",
    "name": "",
    "description": "",
    "logo": "",
    "clientId": "",
    "clientSecret": "",
    "discoveryUrl": "",
    "authorizationUrl": "",
    "authorizationUrlParams": [],
    "tokenUrl": "",
    "tokenUrlParams": [],
    "revocationUrl": "",
    "defaultScopes": [],
    "defaultRedirectUrl": "",
    "callbackDomain": "",
    "pkce": False,
    "accessType": "",
    "prompt": [],
    "appType": "oauth",
    "useDcr": False,
    "dcrUrl": "",
    "tenantId": "",
    "templateId": "",
}

TOKEN_DEFAULTS: dict[str, Any] = {
    "id": "",
    "appId": "",
    "userId": "",
    "tokenSub": "",
    "accessToken": "",
    "accessTokenType": "Bearer",
    "accessTokenExpiry": "0",  # decimal epoch seconds; "0" is unknown
    "hasRefreshToken": False,
    "refreshToken": "",
    "lastRefreshTime": "0",
    "lastRefreshError": "",
    "scopes": [],
    "tenantId": "",
    "grantedBy": "",
    "externalIdentifier": "",
}


def not_found(text: str) -> ApiError:
    return ApiError(404, "E111504", text)


class Store:
    """Not safe for several threads; the service holds its lock around each operation."""

    def __init__(self) -> None:
        self.apps: dict[str, dict[str, Any]] = {}
        self.tokens: list[dict[str, Any]] = []  # the most recently stored one last
        self._numbers = itertools.count(1)

    # Connections

    def add_app(self, settings: dict[str, Any]) -> dict[str, Any]:
        app = _made_app(settings)
        app["id"] = app["id"] or f"app-{next(self._numbers)}"
        if app["id"] in self.apps:
            raise ApiError(400, "E151001", f"connection {app['id']} exists")
        self.apps[app["id"]] = app
        return app

    def replace_app(self, settings: dict[str, Any]) -> dict[str, Any]:
        """A full override, but for the secret (absent keeps it), the type, and the two DCR settings, which get lost."""
        old = self.app(settings["id"])
        kept = {name: old[name] for name in ("clientSecret", "appType", "templateId")}
        settings = {name: value for name, value in settings.items() if name not in ("useDcr", "dcrUrl")}
        self.apps[old["id"]] = _made_app({**kept, **settings})
        return self.apps[old["id"]]

    def app(self, app_id: str) -> dict[str, Any]:
        # Which code the real service gives here is not known; clients go by the status.
        if app_id not in self.apps:
            raise ApiError(404, "E011004", f"no connection {app_id}")
        return self.apps[app_id]

    def remove_app(self, app_id: str) -> None:
        del self.apps[self.app(app_id)["id"]]
        self.remove_tokens(lambda token: token["appId"] == app_id)

    # Tokens

    def put_token(self, given: dict[str, Any]) -> dict[str, Any]:
        """Stores a token. It takes the place and the id of one with the same owner and the same scopes."""
        token = {name: given.get(name, default) for name, default in TOKEN_DEFAULTS.items()}
        token["hasRefreshToken"] = bool(token["refreshToken"])
        for old in self.tokens:
            if _owner(old) == _owner(token) and set(old["scopes"]) == set(token["scopes"]):
                token["id"] = token["id"] or old["id"]
                self.tokens.remove(old)
                break
        token["id"] = token["id"] or f"token-{next(self._numbers)}"
        self.tokens.append(token)
        return token

    def fetch(self, wanted: dict[str, Any], scopes: list[str] | None) -> dict[str, Any]:
        """The newest usable token of that owner; with `scopes`, one that has exactly these."""
        options = wanted.get("options", {})
        for token in reversed(self.tokens):
            if _owner(token) != _owner({**TOKEN_DEFAULTS, **wanted}):
                continue
            if scopes is not None and set(scopes) != set(token["scopes"]):
                continue
            if not _is_usable(token):
                continue
            if token["hasRefreshToken"] and (options.get("forceRefresh") or _has_expired(token)):
                self._refresh(token)
            return token if options.get("withRefreshToken") else {**token, "refreshToken": ""}
        raise not_found("token not found")

    def remove_tokens(self, doomed: Callable[[dict[str, Any]], bool]) -> None:
        self.tokens = [token for token in self.tokens if not doomed(token)]

    def usable_tokens(self) -> Iterator[dict[str, Any]]:
        return (token for token in self.tokens if _is_usable(token))

    def _refresh(self, token: dict[str, Any]) -> None:
        now = int(time.time())
        token["accessToken"] = f"refreshed-{secrets.token_urlsafe(24)}"
        token["accessTokenExpiry"] = str(now + REFRESHED_SECONDS)
        # Refreshed twice in one second, the two times still differ.
        token["lastRefreshTime"] = str(max(now, int(token["lastRefreshTime"]) + 1))


def _made_app(settings: dict[str, Any]) -> dict[str, Any]:
    app = {name: settings.get(name, default) for name, default in APP_DEFAULTS.items()}
    if app["appType"] not in ("oauth", "apikey"):
        raise invalid("appType must be oauth or apikey")
    for name in ("authorizationUrlParams", "tokenUrlParams"):
        # The official Python SDK writes "name" for "key"; that passes the checks in lenient mode only.
        pairs = [{"key": pair.get("key", pair.get("name", "")), "value": pair.get("value", "")} for pair in app[name]]
        app[name] = sorted(pairs, key=lambda pair: pair["key"])
    return app


def _owner(token: dict[str, Any]) -> tuple[str, ...]:
    return tuple(token[name] for name in ("appId", "userId", "tenantId", "externalIdentifier"))


def _has_expired(token: dict[str, Any]) -> bool:
    expiry = int(token["accessTokenExpiry"])
    return not token["accessToken"] or 0 < expiry <= time.time()


def _is_usable(token: dict[str, Any]) -> bool:
    return token["hasRefreshToken"] or not _has_expired(token)
