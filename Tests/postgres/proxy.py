"""Stands between a store and its server, counts round trips, and loses what it is told to lose."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

PASS = "pass"
LOSE_REQUEST = "lose request"  # the server never sees it
LOSE_ANSWER = "lose answer"  # the server does it, and nobody hears of that
DELAY = "delay"  # the client hears that the connection is gone; the server does it when `release` is called


class Proxy:
    """A round trip is everything that a client sends up to a Sync, with the answer. Those that commit are dealt with as
    `plan` says, one after another; when it has run out, they pass."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.plan: list[str] = []
        self.on_loss: Callable[[], None] = lambda: None  # before the client hears of it
        self.trips: list[bytes] = []
        self.ended = 0  # connections that the server has ended, and the client has been told of
        self._released = threading.Event()
        self.passes = threading.Event()  # cleared: the network has gone, and nobody is told
        self.passes.set()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def release(self) -> None:
        self._released.set()

    def close(self) -> None:
        self._released.set()
        self.passes.set()
        self._listener.close()
        for each in self._open:
            end(each)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open += [client, server]
            link = _Link(self, client, server)
            threading.Thread(target=link.forward, daemon=True).start()
            threading.Thread(target=link.back, daemon=True).start()

    def action_for(self, trip: bytes) -> str:
        self.trips.append(trip)
        return self.plan.pop(0) if b"COMMIT\x00" in trip and self.plan else PASS

    def wait_for_release(self) -> None:
        self._released.wait(30)


def end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended


class _Link:
    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._is_mute = False
        self._answered = threading.Event()

    def forward(self) -> None:
        try:
            self._server.sendall(self._take_startup())
            while True:
                trip = self._take_trip()
                if trip is None or not self._send(trip):
                    break
        except (OSError, EOFError):
            pass
        self._end()

    def _send(self, trip: bytes) -> bool:
        """Whether the link goes on."""
        self._proxy.passes.wait(60)
        action = self._proxy.action_for(trip) if trip.endswith(b"S\x00\x00\x00\x04") else PASS
        if action == LOSE_REQUEST:
            self._proxy.on_loss()
            return False
        if action == DELAY:
            self._is_mute = True
            self._proxy.on_loss()
            self._client.shutdown(socket.SHUT_RDWR)
            self._proxy.wait_for_release()
        self._is_mute = self._is_mute or action == LOSE_ANSWER
        self._server.sendall(trip)
        if self._is_mute:
            self._answered.wait(30)
        if action == LOSE_ANSWER:
            self._proxy.on_loss()
        return not self._is_mute

    def back(self) -> None:
        try:
            while data := self._server.recv(65536):
                self._proxy.passes.wait(60)
                if self._is_mute:
                    if data[-6:-1] == b"Z\x00\x00\x00\x05":
                        self._answered.set()
                else:
                    self._client.sendall(data)
        except OSError:
            pass
        self._answered.set()
        self._end()
        self._proxy.ended += 1

    def _end(self) -> None:
        end(self._client)
        end(self._server)

    def _take(self, count: int) -> bytes:
        taken = b""
        while len(taken) < count:
            more = self._client.recv(count - len(taken))
            if not more:
                raise EOFError
            taken += more
        return taken

    def _take_startup(self) -> bytes:
        length = self._take(4)
        return length + self._take(struct.unpack("!I", length)[0] - 4)

    def _take_trip(self) -> bytes | None:
        """Messages up to one that is answered at once."""
        trip = b""
        while True:
            head = self._take(5)
            trip += head + self._take(struct.unpack("!I", head[1:])[0] - 4)
            if head[:1] in b"SQXp":
                return trip
