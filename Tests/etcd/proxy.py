"""Stands between a store and its etcd, and loses what it is told to lose."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

PASS = "pass"
LOSE_REQUEST = "lose request"  # the server never sees it
LOSE_ANSWER = "lose answer"  # the server does it, and nobody hears of that
DELAY = "delay"  # the client hears that the connection is gone; the server does it when `release` is called


class Proxy:
    """Transactions that write are dealt with as `plan` says, one after another; when it has run out, they pass."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.plan: list[str] = []
        self.on_loss: Callable[[], object] = lambda: None  # before the client hears of it
        self._released = threading.Event()
        self._late: list[threading.Thread] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def release(self) -> None:
        """Returns when the server has done it."""
        self._released.set()
        for thread in self._late:
            thread.join()

    def close(self) -> None:
        self.release()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            while request := message(client):
                is_write = b"request_put" in request or b"request_delete" in request
                action = self.plan.pop(0) if is_write and self.plan else PASS
                if action == DELAY:
                    late = threading.Thread(target=self._later, args=[request])
                    late.start()
                    self._late.append(late)
                elif action != LOSE_REQUEST:
                    answer = self._ask(request)
                if action != PASS:
                    self.on_loss()
                    return
                client.sendall(answer)

    def _later(self, request: bytes) -> None:
        self._released.wait(30)
        self._ask(request)

    def _ask(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self._server_port)) as server:
            # So that its answer ends with the connection.
            server.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            answer = b"".join(iter(lambda: server.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


def message(client: socket.socket) -> bytes:
    """A request; empty when there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            more = client.recv(65536)
        except OSError:
            return b""
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(
        next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")).split(b":")[1]
    )
    while len(body) < length:
        more = client.recv(65536)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body
