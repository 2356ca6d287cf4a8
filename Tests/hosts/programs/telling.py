"""What the programs here have in common: whose client they open, and how they say what it answers."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from descope_conn import ConnError

if TYPE_CHECKING:
    from descope_conn import Client

CONFIG = json.loads(os.environ["CONFIG"])


def say(line: object) -> None:
    os.write(1, f"{line}\n".encode())


def outcome(client: Client) -> str:
    try:
        return client.fetch_token("crm", user_id="alice", timeout=2).access_token
    except ConnError as error:
        return error.code
