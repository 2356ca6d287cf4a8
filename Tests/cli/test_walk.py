"""The walk at the beginning of docs/cli.md, as it is written there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from conftest import BROWSER, CLIENT_SECRET, COMMAND, ROOT, Terminal

if TYPE_CHECKING:
    from conftest import Cli
    from launch import launch


def test_from_nothing_to_a_connected_user(cli: Cli, oauth: launch) -> None:
    page = (ROOT / "docs/cli.md").read_text()
    section = page.split("## From nothing to a connected user")[1].split("\n## ")[0]
    builds, *blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    assert "Tests/servers/oauth --port 9000" in builds
    script = "set -e\n" + "".join(blocks)
    script = script.replace("$PWD/dist/bin", str(Path(COMMAND).parent)).replace(":9000", f":{oauth.port}")
    script = script.replace("connect accounts", "connect accounts --port 0")  # somebody else may have the port
    (cli.home / "walk").write_text(script)

    terminal = Terminal(cli, ["/bin/bash", "walk"], {**cli.environment, "BROWSER": str(BROWSER)})
    terminal.until("Client secret")
    terminal.type(f"{CLIENT_SECRET}\n")
    terminal.until("Connected accounts for me, with read.")
    terminal.until("[y/N] ")
    assert '{"user": "alice", "scopes": ["read"]}' in terminal.shown
    terminal.type("y\n")
    assert "The audit is whole" in terminal.end()
    assert oauth.control("GET", "grants")["alice"] == 0
