"""Who calls: `Authorization: Bearer <projectId>[:<token>][:<managementKey>]`, or a bare token as the Java SDK sends it.

A token is a JWT, here one without a signature: base64url(header).base64url(payload).anything. The payload's `sub`
(user), `tenant`, `scope` (space-separated) and `exp` (epoch seconds, optional) count.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from wire import ApiError

FETCH_SCOPE = "outbound.token.fetch"


def unauthorized(text: str) -> ApiError:
    return ApiError(401, "E011008", text)


def forbidden(text: str) -> ApiError:
    # Descope does not say which code a refused policy carries; clients go by the status.
    return ApiError(403, "E011008", text)


@dataclass(frozen=True)
class Token:
    sub: str
    tenant: str
    scopes: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Caller:
    """Has a key, a token, or both: the gate lets nobody else in."""

    has_key: bool
    token: Token | None

    def need_key(self) -> None:
        if not self.has_key:
            raise forbidden("this needs a management key")

    def need_key_or_token(self) -> None:
        """Any caller that got this far has one of them."""

    def need_token(self) -> None:
        if self.token is None:
            raise forbidden("this needs a user's token; a management key names no user")

    def need_access_to(self, user: str, tenant: str) -> None:
        """A key may read everything; a token reads its own user's and its own tenant's tokens, with the fetch scope."""
        if self.has_key or self.token is None:
            return
        if FETCH_SCOPE not in self.token.scopes:
            raise forbidden(f"the token lacks the scope {FETCH_SCOPE}")
        if user and user != self.token.sub:
            raise forbidden("the token belongs to another user")
        if tenant and tenant != self.token.tenant:
            raise forbidden("the token belongs to another tenant")


class Gate:
    def __init__(self, project_id: str, management_key: str) -> None:
        self._project_id = project_id
        self._management_key = management_key

    def caller(self, headers: Message) -> Caller:
        scheme, _, credentials = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized("no bearer credentials")
        parts = credentials.strip().split(":")
        if not _is_jwt(parts[0]) and parts.pop(0) != self._project_id:
            raise unauthorized("unknown project")
        if headers.get("x-descope-project-id", self._project_id) != self._project_id:
            raise unauthorized("x-descope-project-id names another project")
        token = _read_token(parts.pop(0)) if parts and _is_jwt(parts[0]) else None
        if len(parts) > 1:
            raise unauthorized("too many parts in the credentials")
        if parts and not hmac.compare_digest(parts[0].encode(), self._management_key.encode()):
            raise unauthorized("wrong management key")
        if not parts and token is None:
            raise unauthorized("neither a management key nor a token")
        return Caller(bool(parts), token)


def make_token(payload: dict[str, Any]) -> str:
    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    return ".".join(part(each) for each in (b'{"alg":"none"}', json.dumps(payload).encode(), b"unsigned"))


def _is_jwt(text: str) -> bool:
    return text.count(".") == 2


def _read_token(text: str) -> Token:
    middle = text.split(".")[1]
    try:
        payload = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        expiry = payload.get("exp", time.time() + 1)
        token = Token(payload.get("sub", ""), payload.get("tenant", ""), frozenset(payload.get("scope", "").split()))
    except (ValueError, AttributeError):
        raise unauthorized("the token cannot be read") from None
    if expiry <= time.time():
        raise unauthorized("the token has expired")
    return token
