"""An authorization server for the soak: rotates every refresh token, and knows whom it gave each one.

Below any path there are `authorize`, `token`, `revoke` and `mint`, a connection's endpoints: a grant belongs to the
path that it was made at. At `/strict` a spent refresh token is refused and ends the grant; elsewhere it is answered
with its successor, however late. Each process has a loopback address of its own (meddle.c): it is known who asked.
"""

from __future__ import annotations

import json
import random
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

ACCESS_SECONDS = 5


@dataclass
class Grant:
    """A grant and the newest of its tokens."""

    path: str
    subject: str
    number: int = 0
    refresh_token: str = ""
    spent: set[str] = field(default_factory=set)
    # When each access token ends.
    access: dict[str, float] = field(default_factory=dict)
    answers: list[tuple[int, float]] = field(default_factory=list)  # by number: to which process, and when
    is_alive: bool = True
    is_revoked: bool = False


class Provider(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.lock = threading.Lock()
        self.chance = random.Random(seed)
        self.grants: dict[str, Grant] = {}
        self.codes: dict[str, str] = {}
        # Spent refresh tokens that came again: the grant, to whom and when the successor was given, from whom and when
        # the spent one came, and whether that ended the grant.
        self.reuses: list[tuple[str, tuple[int, float], tuple[int, float], bool]] = []
        self.strays: list[str] = []  # what was sent to another connection's endpoints
        self.refreshes = 0
        self.is_calm = False  # no longer away, nor slow
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Who asked has ended. Whatever else goes wrong here is missed where the answer is wanted."""

    def make(self, path: str, subject: str, process: int) -> str:
        """A new grant: its id."""
        grant = secrets.token_hex(8)
        self.grants[grant] = Grant(path, subject)
        self.give(grant, process)
        return grant

    def give(self, name: str, process: int) -> dict[str, object]:
        """The next tokens of the grant."""
        grant = self.grants[name]
        if grant.refresh_token:
            grant.spent = {grant.refresh_token}
            grant.number += 1
        grant.refresh_token = f"rt.{name}.{grant.number}.{secrets.token_hex(8)}"
        grant.answers.append((process, time.monotonic()))
        return self.reply(name)

    def reply(self, name: str) -> dict[str, object]:
        grant = self.grants[name]
        token = f"at.{name}.{grant.number}.{secrets.token_hex(8)}"
        now = time.monotonic()
        grant.access = {each: end for each, end in grant.access.items() if end > now}
        grant.access[token] = now + ACCESS_SECONDS
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "refresh_token": grant.refresh_token,
        }

    def refresh(self, path: str, token: str, process: int) -> tuple[int, dict[str, object]]:
        name = token.split(".")[1] if token.count(".") == 3 else ""
        grant = self.grants.get(name)
        if grant is None:
            return 400, {"error": "invalid_grant"}
        if grant.path != path:
            self.strays.append(f"a refresh token of {grant.path} came to {path}")
        if not grant.is_alive:
            return 400, {"error": "invalid_grant"}
        if token == grant.refresh_token:
            self.refreshes += 1
            return 200, self.give(name, process)
        is_strict = grant.path == "/strict" or token not in grant.spent
        successor = grant.answers[int(token.split(".")[2]) + 1]
        self.reuses.append((name, successor, (process, time.monotonic()), is_strict))
        if is_strict:
            grant.is_alive = False
            return 400, {"error": "invalid_grant"}
        return 200, self.reply(name)

    def revoke(self, path: str, token: str) -> None:
        grant = self.grants.get(token.split(".")[1]) if token.count(".") == 3 else None
        if grant is None:
            return
        if grant.path != path:
            self.strays.append(f"a token of {grant.path} was to be revoked at {path}")
        if token == grant.refresh_token:
            grant.is_alive, grant.is_revoked = False, True

    def is_newest(self, token: str) -> bool:
        _, name, number, _ = token.split(".")
        with self.lock:
            return self.grants[name].is_alive and self.grants[name].number == int(number)

    def accepts(self, token: str) -> bool:
        with self.lock:
            grant = self.grants[token.split(".")[1]]
            return grant.is_alive and grant.access.get(token, 0) > time.monotonic()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: dict[str, object]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def process(self) -> int:
        """The number that the process gave itself; 0 for those that gave none."""
        a, b, c = (int(part) for part in self.client_address[0].split(".")[1:])
        return (a << 16 | b << 8 | c) - 1

    def do_GET(self) -> None:  # noqa: N802
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        path, _, what = url.path.rpartition("/")
        if what == "me":
            return self.answer(200 if self.server.accepts(query["token"]) else 401, {})
        with self.server.lock:
            grant = self.server.make(path, query["subject"], self.process())
            if what == "mint":
                return self.answer(200, {**self.server.reply(grant), "grant": grant})
            code = secrets.token_hex(8)
            self.server.codes[code] = grant
        return self.answer(200, {"code": code, "grant": grant})

    def do_POST(self) -> None:  # noqa: N802
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        path, _, what = self.path.rpartition("/")
        with self.server.lock:
            fate, delay = self.server.chance.random(), self.server.chance.random()
        if self.server.is_calm:
            fate, delay = 1, 0
        if fate < 0.02:
            return self.answer(503, {})
        with self.server.lock:
            status, body = self.perform(path, what, form)
        # The work is done, and the reply is under way for a while.
        time.sleep(delay * (1.5 if fate < 0.1 else 0.1))
        return self.answer(status, body)

    def perform(self, path: str, what: str, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        if what == "revoke":
            self.server.revoke(path, form["token"])
            return 200, {}
        if form["grant_type"] == "refresh_token":
            return self.server.refresh(path, form["refresh_token"], self.process())
        grant = self.server.codes.pop(form["code"], None)
        if grant is None:
            return 400, {"error": "invalid_grant"}
        if self.server.grants[grant].path != path:
            self.server.strays.append(f"a code of {self.server.grants[grant].path} came to {path}")
        self.server.grants[grant].answers = [(self.process(), time.monotonic())]
        return 200, self.server.reply(grant)
