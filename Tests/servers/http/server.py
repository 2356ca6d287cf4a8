"""An HTTP server that behaves, and misbehaves, as the request's path says: `python server.py [--tls CERT KEY]`.

It prints `READY <port>` and ends when its standard input does. Connections and the requests on each are counted: every
answer tells them in X-Connection and X-Request.
"""

from __future__ import annotations

import argparse
import collections
import os
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable

Headers = list[tuple[str, bytes]]


PLANTED = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nplanted"


class Exchange:
    """One request, and the connection to answer it on."""

    def __init__(self, peer: socket.socket, head: bytes, body: bytes, number: tuple[int, int]) -> None:
        self.peer, self.head, self.body = peer, head, body
        self.connection, self.request = number
        self.method, self.path = head.split(b" ", 2)[:2]

    def answer(self, body: bytes = b"", status: str = "200 OK", headers: Headers | None = None) -> None:
        self.peer.sendall(self.begin(len(body), status, headers) + body)

    def begin(self, length: int, status: str = "200 OK", headers: Headers | None = None) -> bytes:
        lines = [
            f"HTTP/1.1 {status}".encode(),
            f"Content-Length: {length}".encode(),
            f"X-Connection: {self.connection}".encode(),
            f"X-Request: {self.request}".encode(),
        ]
        lines += [name.encode() + b": " + value for name, value in headers or []]
        return b"\r\n".join(lines) + b"\r\n\r\n"


class Server:
    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._connections = 0
        self._plant = threading.Event()
        self._arrivals: collections.Counter[bytes] = collections.Counter()

    def serve(self, peer: socket.socket) -> None:
        with self._lock:
            self._connections += 1
            connection = self._connections
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                peer = self._context.wrap_socket(peer, server_side=True)
            with peer:
                self._requests(peer, connection)
        except OSError:
            pass  # the client went away, as many tests make it do

    def _requests(self, peer: socket.socket, connection: int) -> None:
        reader = peer.makefile("rb")
        request = 0
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = reader.readline()
                if not line:
                    return
                head += line
            length = 0
            for line in head.split(b"\r\n")[1:]:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            request += 1
            exchange = Exchange(peer, head, reader.read(length), (connection, request))
            name = exchange.path.split(b"?")[0]
            with self._lock:
                self._arrivals[name] += 1
            if not self.paths.get(name, Server.missing)(self, exchange):
                return

    # Each answers whether the connection is kept.

    def missing(self, exchange: Exchange) -> bool:
        exchange.answer(status="404 Not Found")
        return True

    def echo(self, exchange: Exchange) -> bool:
        """The request's body."""
        exchange.answer(exchange.body, headers=[("X-Method", exchange.method)])
        return True

    def head_of_request(self, exchange: Exchange) -> bool:
        """The request's first line and headers."""
        exchange.answer(exchange.head)
        return True

    def silent(self, exchange: Exchange) -> bool:
        """No answer, until the client goes away."""
        exchange.peer.recv(1)
        return False

    def half(self, exchange: Exchange) -> bool:
        exchange.peer.sendall(exchange.begin(100) + b"only this")
        return False

    def reset(self, exchange: Exchange) -> bool:
        exchange.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def goodbye(self, exchange: Exchange) -> bool:
        """A whole answer, and then the connection ends though it promised to stay."""
        exchange.answer(b"goodbye")
        return False

    def mute_when_reused(self, exchange: Exchange) -> bool:
        """An answer to a connection's first request; the end of the connection to any later one."""
        if exchange.request > 1:
            return False
        exchange.answer(b"first")
        return True

    def huge(self, exchange: Exchange) -> bool:
        size = int(exchange.path.split(b"?")[1])
        exchange.answer(b"x" * size)
        return True

    def huge_chunked(self, exchange: Exchange) -> bool:
        exchange.peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1024):
            exchange.peer.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        return False

    def huge_headers(self, exchange: Exchange) -> bool:
        line = b"X-Filler: " + b"x" * 1000 + b"\r\n"
        exchange.peer.sendall(b"HTTP/1.1 200 OK\r\n" + line * 2000 + b"Content-Length: 0\r\n\r\n")
        return False

    def endless(self, exchange: Exchange) -> bool:
        """A chunk whose extension has no end: never a byte of body."""
        exchange.peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
        while True:
            exchange.peer.sendall(b"x" * 0x10000)

    def redirect(self, exchange: Exchange) -> bool:
        exchange.answer(status="302 Found", headers=[("Location", b"/echo")])
        return True

    def every_byte(self, exchange: Exchange) -> bool:
        headers = [("X-Twice", b"one"), ("x-twice", b"  two\t "), ("X-Text", "ü".encode()), ("X-Empty", b"")]
        exchange.answer(bytes(range(256)) * 4, headers=headers)
        return True

    def trailer(self, exchange: Exchange) -> bool:
        exchange.peer.sendall(
            b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nRetry-After: 9\r\n\r\n"
        )
        return True

    def garbage(self, exchange: Exchange) -> bool:
        exchange.peer.sendall(b"I speak something else\r\n\r\n")
        return False

    def ahead(self, exchange: Exchange) -> bool:
        """An answer, and after a request to /plant another one that nobody has asked for."""
        exchange.answer(b"asked for")
        self._plant.wait()
        exchange.peer.sendall(PLANTED)
        return True

    def held(self, exchange: Exchange) -> bool:
        """As many bytes as the query says, after a request to /plant."""
        self._plant.wait()
        exchange.answer(b"x" * int(exchange.path.split(b"?")[1]))
        return True

    def plant(self, exchange: Exchange) -> bool:
        self._plant.set()
        exchange.answer()
        return True

    def glued(self, exchange: Exchange) -> bool:
        """An answer in the form that the query names, with another one behind it."""
        answers = {
            b"small": exchange.begin(9) + b"asked for",
            # more than a client reads at once: it meets the end of this answer in the middle of what it reads
            b"large": exchange.begin(20_000) + b"x" * 20_000,
            b"chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nasked for\r\n0\r\n\r\n",
            b"empty": b"HTTP/1.1 204 No Content\r\n\r\n",
        }
        exchange.peer.sendall(answers[exchange.path.split(b"?")[1]] + PLANTED)
        return True

    def arrivals(self, exchange: Exchange) -> bool:
        """How often the path in the query was asked for."""
        with self._lock:
            count = self._arrivals[exchange.path.split(b"?")[1]]
        exchange.answer(str(count).encode())
        return True

    paths: dict[bytes, Callable[[Server, Exchange], bool]] = {
        b"/echo": echo,
        b"/head": head_of_request,
        b"/silent": silent,
        b"/half": half,
        b"/reset": reset,
        b"/goodbye": goodbye,
        b"/mute-when-reused": mute_when_reused,
        b"/huge": huge,
        b"/huge-chunked": huge_chunked,
        b"/huge-headers": huge_headers,
        b"/endless": endless,
        b"/redirect": redirect,
        b"/every-byte": every_byte,
        b"/trailer": trailer,
        b"/garbage": garbage,
        b"/ahead": ahead,
        b"/held": held,
        b"/plant": plant,
        b"/glued": glued,
        b"/arrivals": arrivals,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    arguments = parser.parse_args()
    context = None
    if arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments.tls)
    server = Server(context)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)

    def accept() -> None:
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=server.serve, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print("READY", listener.getsockname()[1], flush=True)
    sys.stdin.read()
    os._exit(0)  # connections may be open


if __name__ == "__main__":
    main()
