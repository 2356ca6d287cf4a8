"""The other third party, which knows its users by API keys: python weather.py 9001."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEYS = {"weather-key-of-alice", "weather-key-of-bob"}


class Weather(BaseHTTPRequestHandler):
    """Tomorrow's weather in the city that the path names."""

    def do_GET(self) -> None:
        is_known = self.headers.get("x-api-key") in KEYS
        body = (f"sunny in {self.path[1:]}" if is_known else "who is that?").encode()
        self.send_response(200 if is_known else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Weather) as server:
        print("READY", server.server_port, flush=True)
        server.serve_forever()
