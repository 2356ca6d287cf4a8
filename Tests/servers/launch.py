"""Starts one of the servers for a test, and steers it.

with launch("oauth", "--redirect-uri", "http://127.0.0.1/callback") as server:
    server.control("POST", "settings", {"accessSeconds": 1})
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).resolve().parent


class launch:
    """A context manager. Leaving it stops the server, and fails where the server did not end cleanly."""

    def __init__(self, name: str, *arguments: str, ca_file: str | None = None) -> None:
        self._command = [sys.executable, str(HERE / name), *arguments]
        self._context = ssl.create_default_context(cafile=ca_file) if ca_file else None

    def __enter__(self) -> launch:
        self.process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("READY "):
            raise RuntimeError(f"{self._command[1]} did not start: exit status {self.process.wait()}")
        self.port = int(line.split()[1])
        self.url = f"http{'s' if self._context else ''}://127.0.0.1:{self.port}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.stdin.close()
        status = self.process.wait(timeout=30)
        self.process.stdout.close()
        if status != 0 and error is None:
            raise RuntimeError(f"{self._command[1]} ended with status {status}")

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request below /control/. A refusal raises urllib's HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/control/{path}", data=data, method=method)
        handlers = [urllib.request.ProxyHandler({})]
        if self._context:
            handlers.append(urllib.request.HTTPSHandler(context=self._context))
        with urllib.request.build_opener(*handlers).open(request, timeout=30) as answer:
            return json.loads(answer.read())
