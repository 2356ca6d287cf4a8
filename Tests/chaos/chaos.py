"""A vault, the authorization server it gets its tokens from, and processes that share it and may come to harm."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIBRARY = os.environ.get("DESCOPE_CONN_LIBRARY", str(ROOT / "dist/lib/libdescope_conn.so.1"))

sys.path.append(str(ROOT / "Tests" / "servers"))
from consent import consent  # noqa: E402
from launch import launch  # noqa: E402

REDIRECT_URL = "http://127.0.0.1/callback"
APP = "crm"

Call = tuple[str, dict[str, Any]]


class Process:
    """Does jobs of worker.py, each in a process of its own, one at a time."""

    def __init__(self, meddle: Path) -> None:
        environment = {
            **os.environ,
            "LD_PRELOAD": str(meddle),
            "DESCOPE_CONN_LIBRARY": LIBRARY,
            "PYTHONPATH": str(ROOT / "bindings" / "python"),
        }
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, job: dict[str, Any]) -> None:
        print(json.dumps(job), file=self._process.stdin, flush=True)

    def finish(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        assert line, "the worker is gone"
        return json.loads(line)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


class Vault:
    """A vault's file and what opens it, over one authorization server."""

    def __init__(self, folder: Path, server: launch, process: Process) -> None:
        self.server = server
        self.process = process
        self.file = folder / "vault.db"
        self.config = {
            "backend": "vault",
            "path": str(self.file),
            "key": {"bytes": secrets.token_hex(32)},
            "redirectUrl": REDIRECT_URL,
            "timeoutMs": 2000,
        }

    def run(self, *calls: Call, **job: Any) -> dict[str, Any]:
        """Makes the calls in a process of their own, which opens the vault for them. `job` as in worker.py."""
        self.process.start({"config": self.config, "calls": calls, **job})
        return self.process.finish()

    def call(self, operation: str, **fields: Any) -> dict[str, Any]:
        """One call that must succeed."""
        outcome = self.run((operation, fields))
        assert outcome["status"] == 0, outcome
        assert "results" in outcome, outcome
        answer = outcome["results"][0]
        assert "error" not in answer, answer
        return answer

    def error(self, operation: str, **fields: Any) -> dict[str, Any]:
        """One call that must fail."""
        return self.run((operation, fields))["results"][0]["error"]

    def make_app(self, app: str = APP) -> None:
        self.call("apps.create", **app_settings(self.server, app))

    def authorize(self, subject: str, user: str = "alice", app: str = APP) -> dict[str, Any]:
        """Sends `user` of the server through the connect URL; gives what the callback brings to `complete`."""
        url = self.call(
            "connect",
            appId=app,
            userId=subject,
            options={"redirectUrl": "https://host.example/done", "scopes": ["read"]},
        )["url"]
        query = dict(parse_qsl(urlsplit(consent(url, user, f"{user}-password")).query))
        return {**query, "openedBy": {"userId": subject}}

    def connect(self, subject: str, user: str = "alice", app: str = APP) -> str:
        """The subject connects, as `user` of the server. Gives the token's id."""
        return self.call("complete", **self.authorize(subject, user, app))["tokenId"]

    def token(self, subject: str, app: str = APP, **more: Any) -> dict[str, Any]:
        return self.call("fetch", appId=app, userId=subject, **more)["token"]

    def listed(self, subject: str) -> list[dict[str, Any]]:
        return self.call("list", userId=subject)["tokens"]

    # What the server knows.

    def accepts(self, token: str) -> str | None:
        """Whom the server's API takes the access token for; None if it refuses it."""
        request = urllib.request.Request(f"{self.server.url}/api/me", headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                return json.load(answer)["user"]
        except urllib.error.HTTPError:
            return None

    def refreshes(self) -> dict[str, int]:
        """Refresh requests by outcome, as Tests/servers/README.md has them."""
        return self.server.control("GET", "counts").get("refresh_token", {})

    def grants(self, user: str = "alice") -> int:
        """How many of the user's grants are alive."""
        return self.server.control("GET", "grants")[user]


def app_settings(server: launch, app: str) -> dict[str, Any]:
    return {
        "id": app,
        "clientId": "test-client",
        "clientSecret": "test-client-secret",
        "authorizationUrl": f"{server.url}/authorize",
        "tokenUrl": f"{server.url}/token",
    }
