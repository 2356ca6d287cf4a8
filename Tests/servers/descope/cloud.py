"""The Descope server as a `Service`: one request through gate, checker and endpoint, and the controls for tests."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import endpoints
from caller import Gate, make_token
from common.serving import Answer, ControlError, Request, Service
from store import APP_DEFAULTS, TOKEN_DEFAULTS, Store
from wire import ApiError, Checker, unlisted


class Cloud(Service):
    def __init__(self, url: str, gate: Gate, lenient: bool) -> None:
        super().__init__()
        self._url = url
        self._gate = gate
        self._checker = Checker(lenient)
        self._lenient = lenient
        self._lock = threading.Lock()
        self._store = Store()

    def answer(self, request: Request) -> Answer:
        try:
            return Answer.json(200, self._run(request))
        except ApiError as error:
            return Answer.json(error.status, error.body)

    def _run(self, request: Request) -> dict[str, Any]:
        endpoint, app_id = endpoints.find(request.method, request.path)
        caller = self._gate.caller(request.headers)
        endpoint.allow(caller)
        query = self._checker.query(request.query, endpoint.query)
        body: dict[str, Any] = {}
        if endpoint.body is not None:
            body = self._checker.body(request.body, request.headers.get_content_type(), endpoint.body)
        elif request.body and not self._lenient:
            raise unlisted("a body")
        host = request.headers.get("Host", "")
        base_url = f"{self._url.partition('://')[0]}://{host}"
        with self._lock:
            # A copy: what is answered does not change while it is written out.
            return copy.deepcopy(endpoint.run(self._store, endpoints.Call(caller, query, body, app_id, base_url)))

    def describe(self, request: Request) -> dict[str, Any]:
        """Adds the exact body: as JSON where it is JSON, else as text, None where there is none."""
        shown = super().describe(request)
        shown["credentials"] = _kind_of_credentials(request)
        try:
            shown["body"] = request.json() if request.body else None
        except ValueError:
            shown["body"] = request.body.decode("utf-8", "replace")
        return shown

    def controls(self) -> dict[tuple[str, str], Callable[[dict[str, Any]], Any]]:
        return {
            **super().controls(),
            ("POST", "seed"): self._seed,
            ("GET", "state"): lambda _: self._state(),
            ("POST", "jwt"): lambda payload: {"token": make_token(payload)},
        }

    def reset(self) -> None:
        """Forgets the log, the faults, the connections and the tokens."""
        super().reset()
        with self._lock:
            self._store = Store()

    def _seed(self, given: dict[str, Any]) -> dict[str, Any]:
        """Stores connections and tokens as given, past the API's checks. Answers the tokens with their ids."""
        apps, tokens = given.get("apps", []), given.get("tokens", [])
        _refuse_unknown(given, {"apps", "tokens"})
        for app in apps:
            _refuse_unknown(app, APP_DEFAULTS)
        for token in tokens:
            _refuse_unknown(token, TOKEN_DEFAULTS)
        try:
            with self._lock:
                for app in apps:
                    self._store.add_app(app)
                for token in tokens:
                    self._store.app(token.get("appId", ""))
                return {"tokens": copy.deepcopy([self._store.put_token(token) for token in tokens])}
        except ApiError as error:
            raise ControlError(str(error)) from None

    def _state(self) -> dict[str, Any]:
        """Everything stored, with its secrets."""
        with self._lock:
            return copy.deepcopy({"apps": list(self._store.apps.values()), "tokens": self._store.tokens})


def _kind_of_credentials(request: Request) -> str:
    """`none`, `key`, `token` or `token+key`, whether or not they are good."""
    parts = request.headers.get("Authorization", "").partition(" ")[2].split(":")
    kinds = ["token" if part.count(".") == 2 else "key" for part in parts[1:]]
    if parts[0].count(".") == 2:
        kinds.insert(0, "token")
    return "+".join(kinds) or "none"


def _refuse_unknown(given: dict[str, Any], known: Any) -> None:
    unknown = given.keys() - set(known)
    if unknown:
        raise ControlError(f"unknown: {sorted(unknown)}")
