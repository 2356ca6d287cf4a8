"""Descope's API for connections, on loopback. Run it as `python Tests/servers/descope`; see ../README.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

from caller import Gate
from cloud import Cloud
from common.serving import Server, add_arguments


def main() -> None:
    parser = argparse.ArgumentParser(prog="descope", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--project-id", default="P2testtesttesttesttesttest01", help="28 characters, as the SDKs want")
    parser.add_argument("--management-key", default="K2testmanagementkey")
    parser.add_argument("--lenient", action="store_true", help="ignore unlisted fields instead of refusing them")
    arguments = parser.parse_args()

    server = Server(arguments.port, arguments.tls)
    gate = Gate(arguments.project_id, arguments.management_key)
    server.run(Cloud(server.url, gate, arguments.lenient))


main()
