"""A threaded HTTP/1.1 server on loopback with keep-alive, and the life both test servers live.

A `Service` is one server's behaviour. This module reads a request, writes it to the service's log, lets a fault spoil
the answer if one is queued, and sends it. Paths under /control/ steer the server and are neither logged nor spoilt.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import http.server
import itertools
import json
import os
import signal
import socket
import socketserver
import ssl
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from common.faults import FaultQueue
from common.journal import Journal

CONTROL = "/control/"
LONGEST_BODY = 4 << 20  # bytes


def digest(text: str) -> str:
    """What a log shows in place of a secret: equal secrets show equal digests."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Request:
    connection: int  # which TCP connection it came on, counted from 1
    method: str
    target: str  # path and query, as sent
    headers: Message
    body: bytes

    @cached_property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    def json(self) -> Any:
        """The body as JSON; ValueError where it is none."""
        return json.loads(self.body.decode())


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)  # what the log adds about this exchange

    @staticmethod
    def json(status: int, value: Any) -> Answer:
        return Answer(status, json.dumps(value).encode(), (("Content-Type", "application/json"),))


class ControlError(Exception):
    """A control request that makes no sense. The text is the answer, so that a wrong test fails loudly."""


class Service:
    """One server's behaviour. Subclasses give `answer`, and more `controls` and `describe` where they have any."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.faults = FaultQueue()

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def describe(self, request: Request) -> dict[str, Any]:
        """The request as the log shows it. Credentials are digests."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        if "authorization" in headers:
            scheme, _, credentials = headers["authorization"].partition(" ")
            headers["authorization"] = f"{scheme} {digest(credentials)}"
        if "cookie" in headers:
            headers["cookie"] = digest(headers["cookie"])
        return {
            "connection": request.connection,
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": headers,
        }

    def controls(self) -> dict[tuple[str, str], Callable[[dict[str, Any]], Any]]:
        """(method, path below /control/) to a function of the JSON body. It may raise ControlError or ValueError."""
        return {
            ("GET", "requests"): lambda _: self.journal.report(),
            ("DELETE", "requests"): lambda _: self.journal.clear(),
            ("GET", "faults"): lambda _: self.faults.report(),
            ("POST", "faults"): self.faults.add,
            ("DELETE", "faults"): lambda _: self.faults.clear(),
            ("POST", "release"): lambda _: self.faults.release(),
            ("POST", "reset"): lambda _: self.reset(),
        }

    def reset(self) -> None:
        """Forgets the log and the faults."""
        self.journal.clear()
        self.faults.clear()

    def control(self, request: Request) -> Answer:
        action = self.controls().get((request.method, request.path[len(CONTROL) :]))
        if action is None:
            return Answer.json(404, {"error": f"no control {request.method} {request.path}"})
        try:
            arguments = request.json() if request.body else {}
            if not isinstance(arguments, dict):
                raise ControlError("the body must be one JSON object")
            return Answer.json(200, action(arguments) or {})
        except (ControlError, ValueError) as error:
            return Answer.json(400, {"error": str(error)})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.number = next(self.server.connection_numbers)

    def exchange(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > LONGEST_BODY:
            self.close_connection = True
            self.send_answer(Answer.json(411, {"error": "a body needs a Content-Length of at most 4 MiB"}))
            return
        request = Request(self.number, self.command, self.path, self.headers, self.rfile.read(int(length)))
        if request.path.startswith(CONTROL):
            self.send_answer(self.server.service.control(request))
        else:
            self.serve(request)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = exchange

    def serve(self, request: Request) -> None:
        service = self.server.service
        entry = service.journal.open(service.describe(request))
        fault = service.faults.take(request.path)
        if fault is None:
            answer = service.answer(request)
            service.journal.note(entry, answer.notes)
            service.journal.close(entry, answer.status)
            self.send_answer(answer)
            return
        truth = service.answer(request) if fault.process else Answer(0)
        service.journal.note(entry, truth.notes)
        answer = fault.spoil(truth)
        self.server.stopping.wait(fault.delay)
        if fault.held:
            service.faults.hold(self.server.stopping)
        service.journal.close(entry, answer.status, fault=True)
        if fault.close == "reset":
            self.reset_connection()
        elif fault.close == "fin":
            self.close_connection = True
        else:
            self.send_answer(answer, cut=fault.cut)

    def send_answer(self, answer: Answer, cut: bool = False) -> None:
        """Sends it in one write. `cut` announces the whole body, sends half of it and closes."""
        head = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, 'Unknown')}"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        head.append(f"Content-Length: {len(answer.body)}")
        if cut:
            self.close_connection = True
        elif self.close_connection:
            head.append("Connection: close")
        body = answer.body[: len(answer.body) // 2] if cut else answer.body
        self.wfile.write("\r\n".join([*head, "", ""]).encode("latin-1") + body)

    def reset_connection(self) -> None:
        """Closes with a TCP RST: zero linger time, and no orderly shutdown before it."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def log_message(self, format: str, *args: Any) -> None:
        """The log is kept by the service; the terminal stays quiet."""


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One thread for each connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, tls: tuple[str, str] | None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.service: Service
        self.stopping = threading.Event()
        self.connection_numbers = itertools.count(1)
        self.tls: ssl.SSLContext | None = None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*tls)

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the connection's own thread: a client that never finishes its handshake holds up nobody else.
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away or refuses our certificate is part of many tests; anything else is a bug here.
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)

    def run(self, service: Service) -> None:
        """Serves until stdin closes, or SIGTERM or SIGINT comes. Prints `READY <port>` once it listens."""
        self.service = service
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        print(f"READY {self.port}", flush=True)
        try:
            while os.read(sys.stdin.fileno(), 4096):
                pass
        finally:
            self.stopping.set()
            self.shutdown()
            self.server_close()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="0, the default, picks a free one")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="serve HTTPS with these PEM files")
