"""An authorization server that takes what the newer RFCs add: `python Tests/servers/standards`; see ../README.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

from common.serving import Server, add_arguments
from provider import Tenants


def main() -> None:
    parser = argparse.ArgumentParser(prog="standards", description=__doc__)
    add_arguments(parser)
    arguments = parser.parse_args()

    server = Server(arguments.port, arguments.tls)
    server.run(Tenants(server.url))


main()
