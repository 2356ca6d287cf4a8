"""The shapes of requests: what each endpoint accepts, and how a request is held against that.

A shape is a dict of field names to kinds; a name with `*` is required. Kinds are the strings below, a dict for an
object, and a list of one dict for an array of objects. `null` and "" count as absent, as on the real service.
"""

from __future__ import annotations

import json
from typing import Any


class ApiError(Exception):
    """A refusal, in Descope's form."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"errorCode": code, "errorDescription": description, "errorMessage": description}


def bad_request(text: str) -> ApiError:
    return ApiError(400, "E011001", text)


def missing(name: str) -> ApiError:
    return ApiError(400, "E011002", f"missing: {name}")


def unlisted(name: str) -> ApiError:
    return ApiError(400, "E011003", f"unknown field: {name}")


def invalid(text: str) -> ApiError:
    return ApiError(400, "E011004", text)


TEXT = "a string"
SECRET = "a string that may be empty"  # "" clears the secret, absent keeps it
FLAG = "true or false"
INT32 = "a whole number below 2^31"
TEXTS = "an array of strings"

PARAM = {"key": TEXT, "value": TEXT}

SETTINGS = {  # of a connection, without what names it
    "name": TEXT,
    "description": TEXT,
    "logo": TEXT,
    "discoveryUrl": TEXT,
    "authorizationUrl": TEXT,
    "authorizationUrlParams": [PARAM],
    "tokenUrl": TEXT,
    "tokenUrlParams": [PARAM],
    "revocationUrl": TEXT,
    "defaultScopes": TEXTS,
    "defaultRedirectUrl": TEXT,
    "callbackDomain": TEXT,
    "pkce": FLAG,
    "accessType": TEXT,
    "prompt": TEXTS,
    "useDcr": FLAG,
    "dcrUrl": TEXT,
}
APP = {**SETTINGS, "id": TEXT, "clientId": TEXT, "clientSecret": SECRET, "appType": TEXT, "tenantId": TEXT}


def required(shape: dict[str, Any], *names: str) -> dict[str, Any]:
    return {f"{name}*" if name in names else name: kind for name, kind in shape.items()}


CREATE_APP = required(APP, "name")
UPDATE_APP = {"app*": required(APP, "id", "name")}
CREATE_BY_TEMPLATE = {
    "templateId*": TEXT,
    "id": TEXT,
    "clientId": TEXT,
    "clientSecret": SECRET,
    "tenantId": TEXT,
    "overrides": SETTINGS,
}
CREATE_BY_DCR_PRESET = {"dcrPresetId*": TEXT, "tenantId": TEXT}

FETCH_OPTIONS = {"withRefreshToken": FLAG, "forceRefresh": FLAG}
USER_LATEST = {
    "appId*": TEXT,
    "userId*": TEXT,
    "tenantId": TEXT,
    "options": FETCH_OPTIONS,
    "externalIdentifier": TEXT,
}
TENANT_LATEST = {"appId*": TEXT, "tenantId*": TEXT, "options": FETCH_OPTIONS, "externalIdentifier": TEXT}
USER_FETCH = {**USER_LATEST, "scopes": TEXTS}
TENANT_FETCH = {**TENANT_LATEST, "scopes": TEXTS}

USER_API_KEY = {"appId*": TEXT, "userId*": TEXT, "apiKey*": TEXT, "tenantId": TEXT}
TENANT_API_KEY = {"appId*": TEXT, "tenantId*": TEXT, "apiKey*": TEXT}

_OAUTH_TOKEN = {
    "refreshToken": TEXT,
    "accessToken": TEXT,
    "accessTokenExpiry": INT32,
    "accessTokenType": TEXT,
    "scopes": TEXTS,
    "externalIdentifier": TEXT,
    "idToken": TEXT,
    "grantedBy": TEXT,
}
USER_OAUTH_ITEM = {"appId*": TEXT, "userId*": TEXT, "tenantId": TEXT, **_OAUTH_TOKEN}
TENANT_OAUTH_ITEM = {"appId*": TEXT, "tenantId*": TEXT, **_OAUTH_TOKEN}
USER_OAUTH = {**USER_OAUTH_ITEM, "verifyRefresh": FLAG}
TENANT_OAUTH = {**TENANT_OAUTH_ITEM, "verifyRefresh": FLAG}
USER_OAUTH_BATCH = {"tokens*": [USER_OAUTH_ITEM]}
TENANT_OAUTH_BATCH = {"tokens*": [TENANT_OAUTH_ITEM]}

CONNECT = {
    "appId*": TEXT,
    "options*": {
        "redirectUrl*": TEXT,
        "scopes": TEXTS,
        "prompt": TEXTS,
        "loginHint": TEXT,
        "resources": TEXTS,
        "externalIdentifier": TEXT,
    },
}


class Checker:
    """`lenient` keeps unlisted fields instead of refusing them, as the real service does in places."""

    def __init__(self, lenient: bool) -> None:
        self._lenient = lenient

    def body(self, content: bytes, content_type: str, shape: dict[str, Any]) -> dict[str, Any]:
        if content_type != "application/json":
            raise bad_request(f"the body is {content_type}, not application/json")
        try:
            value = json.loads(content, object_pairs_hook=_no_duplicates)
        except ValueError as error:
            raise bad_request(f"the body is not JSON: {error}") from None
        return self._object(value, shape, "")

    def query(self, query: dict[str, list[str]], shape: dict[str, Any]) -> dict[str, str]:
        for name, values in query.items():
            if len(values) > 1:
                raise bad_request(f"{name} is given {len(values)} times")
        # The official Node SDK writes an absent parameter as the text "undefined".
        flat = {name: "" if values[0] == "undefined" else values[0] for name, values in query.items()}
        return self._object(flat, shape, "")

    def _object(self, value: Any, shape: dict[str, Any], at: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid(f"{at or 'the body'} must be an object")
        kinds = {name.rstrip("*"): kind for name, kind in shape.items()}
        prefix = f"{at}." if at else ""
        for name in value:
            if name not in kinds and not self._lenient:
                raise unlisted(prefix + name)
        present = {
            name: given
            for name, given in value.items()
            if given is not None and (given != "" or kinds.get(name) is SECRET)
        }
        for name in shape:
            if name.endswith("*") and name[:-1] not in present:
                raise missing(prefix + name[:-1])
        return {
            name: self._value(given, kinds[name], prefix + name) if name in kinds else given
            for name, given in present.items()
        }

    def _value(self, value: Any, kind: Any, at: str) -> Any:
        if isinstance(kind, dict):
            return self._object(value, kind, at)
        if isinstance(kind, list):
            if not isinstance(value, list):
                raise invalid(f"{at} must be an array")
            return [self._object(item, kind[0], f"{at}[{index}]") for index, item in enumerate(value)]
        if not _FITS[kind](value):
            raise invalid(f"{at} must be {kind}")
        return value


_FITS = {
    TEXT: lambda value: isinstance(value, str),
    SECRET: lambda value: isinstance(value, str),
    FLAG: lambda value: isinstance(value, bool),
    INT32: lambda value: type(value) is int and -(2**31) <= value < 2**31,
    TEXTS: lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
}


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError("a name comes twice in one object")
    return dict(pairs)
