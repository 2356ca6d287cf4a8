"""OAuth providers with the habits of real ones, on loopback: `python Tests/servers/quirks`; see ../README.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

from common.serving import Server, add_arguments
from provider import Providers


def main() -> None:
    parser = argparse.ArgumentParser(prog="quirks", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--client-id", default="the client")
    parser.add_argument("--client-secret", default="s3cret: +%/=&")
    arguments = parser.parse_args()

    server = Server(arguments.port, arguments.tls)
    server.run(Providers(arguments.client_id, arguments.client_secret))


main()
