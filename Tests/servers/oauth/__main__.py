"""An OAuth 2.0 authorization server on loopback. Run it as `python Tests/servers/oauth`; see ../README.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

from common.serving import Server, add_arguments
from site_settings import configure

USERS = {"alice": "alice-password", "bob": "bob-password"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="oauth", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--client-id", default="test-client")
    parser.add_argument("--client-secret", default="test-client-secret")
    parser.add_argument("--redirect-uri", action="append", help="may be given several times")
    parser.add_argument("--scopes", default="read write contacts.read", help="the first one is the default scope")
    parser.add_argument("--access-seconds", type=int, default=3600, help="life of an access token")
    parser.add_argument("--grace-seconds", type=int, default=0, help="how long a spent refresh token stays usable")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="oauth-server-") as folder:
        server = Server(arguments.port, arguments.tls)
        configure(folder, server.url, arguments.scopes.split())
        # These import Django models, which exist only after `configure`.
        from knobs import Knobs
        from provider import Provider, prepare_database

        redirect_uris = arguments.redirect_uri or ["http://127.0.0.1/callback"]
        prepare_database(arguments.client_id, arguments.client_secret, redirect_uris, USERS)
        starting = Knobs(accessSeconds=arguments.access_seconds, graceSeconds=arguments.grace_seconds)
        server.run(Provider(server.url, starting))


main()
