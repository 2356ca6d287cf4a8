"""Plays the providers of `habits.py`: each below a path with its name.

    GET  /<name>/authorize          grants at once all but the scope "unticked", and sends the browser on with a code
    POST /<name>/token, /refresh    tokens
    POST /<name>/introspect         says when a token expires, where nothing else does
    POST or DELETE /<name>/revoke   revokes tokens

Whatever the provider would not take is refused with 400 and an `error` of `emulator_refused`, and words that say why.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from common.serving import Answer, ControlError, Request, Service
from habits import PROVIDERS, Habits


class Refused(Exception):
    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.answer = (status, body)


def need(holds: bool, why: str) -> None:
    if not holds:
        raise Refused(400, {"error": "emulator_refused", "error_description": why})


@dataclass
class Grant:
    provider: str
    scopes: list[str]
    challenge: str | None = None
    redirect_uri: str = ""
    alive: bool = True


class Providers(Service):
    def __init__(self, client_id: str, client_secret: str) -> None:
        super().__init__()
        self._client = (client_id, client_secret)
        self._lock = threading.Lock()
        self._grants: dict[str, Grant] = {}  # by code or token

    def controls(self):
        return {
            **super().controls(),
            ("GET", "providers"): lambda _: {"providers": [self._told(name) for name in PROVIDERS]},
            ("POST", "kill"): self._kill,
        }

    def reset(self) -> None:
        super().reset()
        with self._lock:
            self._grants.clear()

    def answer(self, request: Request) -> Answer:
        name, _, endpoint = request.path.strip("/").partition("/")
        habits = PROVIDERS.get(name)
        if habits is None:
            return Answer.json(404, {"error": "no such provider"})
        try:
            with self._lock:
                return self._serve(name, habits, endpoint, request)
        except Refused as refusal:
            return self._send(habits, request, *refusal.answer)

    def _serve(self, name: str, habits: Habits, endpoint: str, request: Request) -> Answer:
        if endpoint == "authorize":
            return self._authorize(name, habits, request)
        if endpoint == "revoke" and habits.revocation:
            return self._revoke(habits, request)
        if endpoint == "introspect" and habits.introspected:
            return self._introspect(habits, request)
        need(endpoint in ("token", habits.refresh_path) and request.method == "POST", "no such endpoint")
        body = self._body(habits.body, request)
        self._authenticate(habits.client_auth, habits, body, request)
        if body.get("grant_type") == "authorization_code":
            need(endpoint == "token", "codes go to /token")
            grant = self._redeem(habits, body)
        else:
            need(endpoint == habits.refresh_path, f"refreshes go to /{habits.refresh_path}")
            grant = self._refresh(habits, body)
        for key, value in habits.token_needs.items():
            need(body.get(key) == value, f"{key} must be {value}")
        return self._send(habits, request, 200, self._reply(name, habits, grant, body))

    # Authorization

    def _authorize(self, name: str, habits: Habits, request: Request) -> Answer:
        query = {key: values[0] for key, values in request.query.items()}
        need(all(len(values) == 1 for values in request.query.values()), "a parameter stands twice")
        need(query.get(habits.client_id_name) == self._client[0], f"{habits.client_id_name} is wrong")
        if "response_type" not in habits.authorize_refuses:
            wanted = habits.authorize_needs.get("response_type", "code")
            need(query.get("response_type") == wanted, f"response_type must be {wanted}")
        for key in habits.authorize_refuses:
            need(key not in query, f"{key} is not taken")
        for key, value in habits.authorize_needs.items():
            need(query.get(key) == value, f"{key} must be {value}")
        need(("code_challenge" in query) == habits.pkce, "PKCE is " + ("needed" if habits.pkce else "not taken"))
        need(not habits.pkce or query.get("code_challenge_method") == "S256", "code_challenge_method must be S256")
        scopes = query.get(habits.scope_name, "").split(habits.scope_separator)
        scopes = [scope for scope in scopes if scope != "unticked"]
        code = secrets.token_urlsafe(24)
        self._grants[code] = Grant(name, scopes, query.get("code_challenge"), query["redirect_uri"])
        callback = {"code": code, "state": query["state"], **habits.callback}
        if habits.callback_scopes:
            callback[habits.callback_scopes] = ",".join(scopes)
        if habits.signature:
            signed = urlencode(sorted(callback.items())).encode()
            callback[habits.signature] = hmac.new(self._client[1].encode(), signed, hashlib.sha256).hexdigest()
        target = query["redirect_uri"] + "?" + urlencode(callback)
        return Answer(302, b"", (("Location", target),))

    # Tokens

    @staticmethod
    def _body(kind: str, request: Request) -> dict[str, str]:
        sent = request.headers.get("Content-Type", "")
        if kind == "json":
            need(sent.startswith("application/json"), "the body must be JSON")
            return request.json()
        need(sent == "application/x-www-form-urlencoded", "the body must be a form")
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
        need(len(dict(pairs)) == len(pairs), "a parameter stands twice")
        return dict(pairs)

    def _authenticate(self, how: str, habits: Habits, body: dict[str, str], request: Request) -> None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if how == "basic":
            need(scheme == "Basic" and "client_secret" not in body, "the secret belongs into a Basic header")
            pair = base64.b64decode(value).decode().partition(":")
            shown = (unquote_plus(pair[0]), unquote_plus(pair[2]))
        elif how == "bearer":
            need(scheme == "Bearer" and "client_secret" not in body, "the secret belongs into a Bearer header")
            shown = (self._client[0], value)
        else:
            need(not scheme, "the secret belongs into the body")
            shown = (body.get("client_id", ""), body.get("client_secret", ""))
        if shown != self._client:
            need(habits.wrong_client is not None, "nobody tells how a wrong client is refused")
            raise Refused(*habits.wrong_client)

    def _redeem(self, habits: Habits, body: dict[str, str]) -> Grant:
        grant = self._grants.pop(body.get(habits.code_name, ""), None)
        if grant is None:
            raise Refused(*habits.dead_grant)
        need(body.get("redirect_uri") == grant.redirect_uri, "redirect_uri is another one")
        if grant.challenge:
            digest = hashlib.sha256(body.get("code_verifier", "").encode()).digest()
            shown = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            need(shown == grant.challenge, "code_verifier is wrong")
        return grant

    def _refresh(self, habits: Habits, body: dict[str, str]) -> Grant:
        need(body.get("grant_type") == habits.grant_type, f"grant_type must be {habits.grant_type}")
        token = body.get(habits.refresh_name, "")
        kept = habits.refresh_tokens == "keep"
        grant = self._grants.get(token) if kept else self._grants.pop(token, None)
        if grant is None or not grant.alive:
            raise Refused(*habits.dead_grant)
        return grant

    def _reply(self, name: str, habits: Habits, grant: Grant, body: dict[str, str]) -> dict[str, Any]:
        first = body.get("grant_type") == "authorization_code"
        access = secrets.token_urlsafe(24)
        tokens: dict[str, Any] = {habits.token_name: access, "token_type": "bearer"}
        self._grants[access] = grant
        if habits.refresh_tokens == "rotate" or (habits.refresh_tokens == "keep" and first):
            tokens["refresh_token"] = secrets.token_urlsafe(24)
            self._grants[tokens["refresh_token"]] = grant
        if habits.expires_in is not None:
            tokens["expires_in"] = habits.expires_in
        if habits.reply_separator is not None:
            told = [habits.renames.get(scope, scope) for scope in grant.scopes]
            tokens[habits.reply_scope] = habits.reply_separator.join(filter(None, told))
        if habits.nest and (first or habits.nest_refreshed):
            return {**habits.extra, habits.nest: tokens}
        return {**tokens, **habits.extra}

    def _introspect(self, habits: Habits, request: Request) -> Answer:
        body = self._body("form", request)
        self._authenticate(habits.client_auth, habits, body, request)
        grant = self._grants.get(body.get("token", ""))
        if grant is None or not grant.alive:
            return Answer.json(200, {"active": False})
        return Answer.json(200, {"active": True, "exp": int(time.time()) + habits.introspected})

    # Revocation

    def _revoke(self, habits: Habits, request: Request) -> Answer:
        if habits.revocation == "bearer":
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            need(scheme == "Bearer" and not request.body, "the token belongs into a Bearer header, alone")
        elif habits.revocation == "github":
            need(request.method == "DELETE", "only DELETE is taken")
            body = self._body("json", request)
            self._authenticate("basic", habits, body, request)
            token = body.get("access_token", "")
        else:
            need(request.method == "POST", "only POST is taken")
            body = self._body(habits.body, request)
            self._authenticate(habits.client_auth, habits, body, request)
            token = body.get("token", "")
        grant = self._grants.pop(token, None)
        if grant:
            grant.alive = False
        if habits.revocation == "bearer":
            return Answer.json(200, {"ok": True, "revoked": grant is not None})
        return Answer(204 if habits.revocation == "github" else 200)

    # Answers

    @staticmethod
    def _send(habits: Habits, request: Request, status: int, body: dict[str, Any]) -> Answer:
        if habits.form_reply and "application/json" not in request.headers.get("Accept", ""):
            kind = (("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),)
            return Answer(status, urlencode(body).encode(), kind)
        return Answer(status, json.dumps(body).encode(), (("Content-Type", "application/json"),))

    # Controls

    @staticmethod
    def _told(name: str) -> dict[str, Any]:
        habits = PROVIDERS[name]
        return {
            "name": name,
            "expiresIn": int(habits.expires_in) if habits.expires_in else None,
            "introspected": habits.introspected,
            "callback": habits.callback,
            "refreshTokens": habits.refresh_tokens,
            "tellsScopes": habits.reply_separator is not None,
            "callbackTellsScopes": habits.callback_scopes is not None,
            "renamed": list(habits.renames),
            "revocation": habits.revocation,
            "tellsWrongClients": habits.wrong_client is not None,
        }

    def _kill(self, arguments: dict[str, Any]) -> None:
        """Ends all grants of the provider `name`."""
        name = arguments.get("name")
        if name not in PROVIDERS:
            raise ControlError("name must be a provider's")
        with self._lock:
            for grant in self._grants.values():
                if grant.provider == name:
                    grant.alive = False
