"""Any number of issuers, one below each path, that know only clients which registered themselves.

GET  /.well-known/oauth-authorization-server/<issuer>   the metadata (RFC 8414)
POST /<issuer>/register                                 makes a client (RFC 7591)
POST /<issuer>/par                                      takes an authorization request (RFC 9126)
GET  /<issuer>/authorize                                takes nothing but such a request, and grants at once
POST /<issuer>/device                                   begins a device's grant (RFC 8628)
POST /<issuer>/token                                    codes, refresh tokens that rotate, device codes
GET  /<issuer>/api?resource=URI                         takes tokens that are for this resource (RFC 8707)
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode

from common.serving import Answer, ControlError, Request, Service

METADATA = "/.well-known/oauth-authorization-server/"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class Refused(Exception):
    def __init__(self, status: int, error: str, why: str = "") -> None:
        super().__init__(error)
        self.answer = Answer.json(status, {"error": error, "error_description": why})


def need(holds: bool, why: str, error: str = "invalid_request") -> None:
    if not holds:
        raise Refused(400, error, why)


@dataclass
class Client:
    secret: str
    redirect_uris: list[str]
    grant_types: list[str]


@dataclass
class Grant:
    client: str
    scopes: str
    resources: list[str]
    redirect_uri: str = ""
    challenge: str = ""
    state: str = ""
    expires: float = 0


@dataclass
class Device:
    grant: Grant
    user_code: str
    expires: float
    interval: float
    polled: float = 0
    decision: str | None = None


@dataclass
class Issuer:
    clients: dict[str, Client] = field(default_factory=dict)
    pushed: dict[str, Grant] = field(default_factory=dict)
    codes: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, list[str]] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)


class Tenants(Service):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._issuers: dict[str, Issuer] = {}
        self._settings = {"secretSeconds": 0, "interval": 1, "deviceSeconds": 60}

    def reset(self) -> None:
        super().reset()
        with self._lock:
            self._forget()

    def controls(self):
        return {
            **super().controls(),
            ("POST", "settings"): self._set,
            ("POST", "decide"): self._decide,
            ("GET", "clients"): lambda _: {name: len(issuer.clients) for name, issuer in self._issuers.items()},
        }

    def answer(self, request: Request) -> Answer:
        try:
            with self._lock:
                if request.path.startswith(METADATA):
                    return self._metadata(request.path[len(METADATA) :])
                name, _, endpoint = request.path.strip("/").partition("/")
                serve = getattr(self, f"_{endpoint}", None) if endpoint in ENDPOINTS else None
                if serve is None or request.method != ENDPOINTS[endpoint]:
                    return Answer.json(404, {"error": "no such endpoint"})
                return serve(name, self._issuers.setdefault(name, Issuer()), request)
        except Refused as refusal:
            return refusal.answer

    def _metadata(self, name: str) -> Answer:
        issuer = f"{self._url}/{name}"
        return Answer.json(
            200,
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "registration_endpoint": f"{issuer}/register",
                "pushed_authorization_request_endpoint": f"{issuer}/par",
                "require_pushed_authorization_requests": True,
                "device_authorization_endpoint": f"{issuer}/device",
                "authorization_response_iss_parameter_supported": True,
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            },
        )

    def _register(self, name: str, issuer: Issuer, request: Request) -> Answer:
        wanted = request.json()
        need(wanted.get("token_endpoint_auth_method") == "client_secret_basic", "only client_secret_basic is taken")
        need(wanted.get("response_types") == ["code"], "response_types must be code")
        need("redirect_uris" in wanted and "client_name" in wanted, "redirect_uris and client_name are missing")
        need("authorization_code" in wanted.get("grant_types", []), "grant_types lacks authorization_code")
        client_id = secrets.token_urlsafe(12)
        client = Client(secrets.token_urlsafe(24), wanted["redirect_uris"], wanted["grant_types"])
        issuer.clients[client_id] = client
        seconds = self._settings["secretSeconds"]
        return Answer.json(
            201,
            {
                **wanted,
                "client_id": client_id,
                "client_secret": client.secret,
                "client_secret_expires_at": int(time.time()) + seconds if seconds else 0,
                "registration_access_token": secrets.token_urlsafe(24),
                "registration_client_uri": f"{self._url}/{name}/register/{client_id}",
            },
        )

    def _par(self, name: str, issuer: Issuer, request: Request) -> Answer:
        client_id, form = self._authenticated(issuer, request)
        need("request_uri" not in form, "request_uri may not be pushed")
        need(form.get("response_type") == ["code"], "response_type must be code")
        need(form.get("code_challenge_method") == ["S256"], "PKCE with S256 is needed")
        redirect_uri = form.get("redirect_uri", [""])[0]
        need(redirect_uri in issuer.clients[client_id].redirect_uris, "redirect_uri is not registered")
        uri = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(16)}"
        issuer.pushed[uri] = Grant(
            client_id,
            form.get("scope", [""])[0],
            form.get("resource", []),
            redirect_uri,
            form["code_challenge"][0],
            form.get("state", [""])[0],
            time.time() + 60,
        )
        return Answer.json(201, {"request_uri": uri, "expires_in": 60})

    def _authorize(self, name: str, issuer: Issuer, request: Request) -> Answer:
        need(sorted(request.query) == ["client_id", "request_uri"], "only a pushed request is taken, and nothing else")
        grant = issuer.pushed.pop(request.query["request_uri"][0], None)
        need(grant is not None and grant.expires > time.time(), "request_uri is not known, was used, or has expired")
        need(request.query["client_id"] == [grant.client], "client_id is another one")
        code = secrets.token_urlsafe(24)
        issuer.codes[code] = grant
        target = urlencode({"code": code, "state": grant.state, "iss": f"{self._url}/{name}"})
        return Answer(302, b"", (("Location", f"{grant.redirect_uri}?{target}"),))

    def _device(self, name: str, issuer: Issuer, request: Request) -> Answer:
        client_id, form = self._authenticated(issuer, request)
        need(DEVICE_CODE in issuer.clients[client_id].grant_types, "not for this client", "unauthorized_client")
        grant = Grant(client_id, form.get("scope", [""])[0], form.get("resource", []))
        code, user_code = secrets.token_urlsafe(24), secrets.token_hex(4).upper()
        seconds, interval = self._settings["deviceSeconds"], self._settings["interval"]
        # A poll right after the start is too early as well.
        issuer.devices[code] = Device(grant, user_code, time.time() + seconds, interval, time.time())
        page = f"{self._url}/{name}/activate"
        return Answer.json(
            200,
            {
                "device_code": code,
                "user_code": user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?user_code={user_code}",
                "expires_in": seconds,
                "interval": interval,
            },
        )

    def _token(self, name: str, issuer: Issuer, request: Request) -> Answer:
        client_id, form = self._authenticated(issuer, request)
        kind = form.get("grant_type", [""])[0]
        if kind == "authorization_code":
            grant = issuer.codes.pop(form.get("code", [""])[0], None)
            need(grant is not None, "the code is dead", "invalid_grant")
            digest = hashlib.sha256(form.get("code_verifier", [""])[0].encode()).digest()
            shown = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            need(shown == grant.challenge, "code_verifier is wrong", "invalid_grant")
            need(form.get("redirect_uri") == [grant.redirect_uri], "redirect_uri is another one", "invalid_grant")
        elif kind == "refresh_token":
            grant = issuer.refresh.pop(form.get("refresh_token", [""])[0], None)
            need(grant is not None, "the refresh token is dead", "invalid_grant")
        elif kind == DEVICE_CODE:
            grant = self._decided(issuer, form.get("device_code", [""])[0])
        else:
            raise Refused(400, "unsupported_grant_type")
        need(grant.client == client_id, "it belongs to another client", "invalid_grant")
        need(form.get("resource", []) == grant.resources, "resource is another one", "invalid_target")
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        issuer.access[access] = grant.resources
        issuer.refresh[refresh] = grant
        return Answer.json(
            200, {"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh}
        )

    @staticmethod
    def _decided(issuer: Issuer, code: str) -> Grant:
        device = issuer.devices.get(code)
        need(device is not None, "the device code is dead", "invalid_grant")
        need(time.time() < device.expires, "", "expired_token")
        early = time.time() - device.polled < device.interval - 0.05
        device.polled = time.time()
        if early:
            device.interval += 5
            raise Refused(400, "slow_down")
        need(device.decision is not None, "", "authorization_pending")
        del issuer.devices[code]
        need(device.decision == "grant", "", "access_denied")
        return device.grant

    @staticmethod
    def _api(name: str, issuer: Issuer, request: Request) -> Answer:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        resources = issuer.access.get(token, [])
        taken = request.query.get("resource", [""])[0] in resources
        return Answer.json(200 if taken else 401, {"taken": taken})

    @staticmethod
    def _authenticated(issuer: Issuer, request: Request) -> tuple[str, dict[str, list[str]]]:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        need(scheme == "Basic", "the client must show itself by a Basic header", "invalid_client")
        name, _, secret = base64.b64decode(value).decode().partition(":")
        client = issuer.clients.get(unquote_plus(name))
        if client is None or client.secret != unquote_plus(secret):
            raise Refused(401, "invalid_client")
        form = parse_qs(request.body.decode(), keep_blank_values=True, strict_parsing=True)
        need("client_secret" not in form, "the secret stands twice")
        return unquote_plus(name), form

    # Controls

    def _set(self, arguments: dict[str, Any]) -> None:
        """`secretSeconds` (0: secrets do not expire), `interval` and `deviceSeconds` of what comes next."""
        if not arguments.keys() <= self._settings.keys():
            raise ControlError(f"the settings are {', '.join(self._settings)}")
        with self._lock:
            self._settings.update(arguments)

    def _decide(self, arguments: dict[str, Any]) -> None:
        """The user of the device with `userCode` decides: `decision` is grant or deny."""
        with self._lock:
            devices = [device for issuer in self._issuers.values() for device in issuer.devices.values()]
            found = [device for device in devices if device.user_code == arguments.get("userCode")]
            if not found or arguments.get("decision") not in ("grant", "deny"):
                raise ControlError("userCode must be a waiting device's, and decision grant or deny")
            found[0].decision = arguments["decision"]


ENDPOINTS = {"register": "POST", "par": "POST", "authorize": "GET", "device": "POST", "token": "POST", "api": "GET"}
