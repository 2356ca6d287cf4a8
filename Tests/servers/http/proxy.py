"""An HTTP proxy with CONNECT, which leads every name to 127.0.0.1: `python proxy.py [--deny]`.

It prints `READY <port>` and ends when its standard input does. `GET /count` of the proxy itself tells how many requests
and tunnels it was asked for. With --deny it refuses them all.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
from urllib.parse import urlsplit

count = 0


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other direction has ended


def serve(peer: socket.socket, deny: bool) -> None:
    global count
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = peer.recv(1)
        if not byte:
            return
        head += byte
    method, target, version = head.split(b"\r\n")[0].split(b" ")
    if target == b"/count":
        body = str(count).encode()
        peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        peer.close()
        return
    count += 1
    if deny:
        peer.sendall(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        peer.close()
        return
    if method == b"CONNECT":
        upstream = socket.create_connection(("127.0.0.1", int(target.rsplit(b":", 1)[1])))
        peer.sendall(b"HTTP/1.1 200 OK\r\nX-Proxy: only for the tunnel\r\n\r\n")
    else:
        url = urlsplit(target.decode())
        upstream = socket.create_connection(("127.0.0.1", url.port or 80))
        path = url.path + (f"?{url.query}" if url.query else "")
        upstream.sendall(b"%s %s %s\r\n" % (method, path.encode(), version) + head.split(b"\r\n", 1)[1])
    threading.Thread(target=pump, args=(upstream, peer), daemon=True).start()
    pump(peer, upstream)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deny", action="store_true")
    arguments = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def accept() -> None:
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=serve, args=(peer, arguments.deny), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print("READY", listener.getsockname()[1], flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
