"""The command descope-conn, as a person and as a script use it, and the servers that it connects to."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/servers"))

from launch import launch  # isort: skip # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = os.environ.get("DESCOPE_CONN_COMMAND", str(ROOT / "service/.build/debug/descope-conn"))
LIBRARIES = os.environ.get("LD_LIBRARY_PATH", str(ROOT / "dist/lib"))
CLIENT_SECRET = "test-client-secret"
BROWSER = Path(__file__).with_name("browser.py")
MOST_SECONDS = 60  # for anything that is waited for; nothing takes this long

# A command leaves ignored what is ignored, as under nohup; so would these if the tests run in the background.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Ended:
    """A command that has ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[list[str]]:
        return [line.split("\t") for line in self.out.splitlines()]


@dataclass
class Cli:
    """Runs the command with a home of its own. What it prints is kept, to look for secrets in."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LD_LIBRARY_PATH": LIBRARIES,
            "TERM": "xterm",
            **self.variables,
        }

    @property
    def vault(self) -> Path:
        return self.home / ".local/share/descope-conn/vault.db"

    @property
    def key(self) -> Path:
        return self.vault.with_name("vault.db.key")

    def __call__(self, *arguments: str, status: int = 0, stdin: str = "", **variables: str) -> Ended:
        process = self.start(*arguments, **variables)
        ended = self.end(process, stdin)
        assert ended.status == status, ended
        return ended

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            env={**self.environment, **variables},
        )

    def end(self, process: subprocess.Popen[str], stdin: str = "") -> Ended:
        out, err = process.communicate(stdin, timeout=MOST_SECONDS)
        self.printed += [out, err]
        return Ended(process.returncode, out, err)

    def terminal(self, *arguments: str, **variables: str) -> Terminal:
        return Terminal(self, [COMMAND, *arguments], {**self.environment, **variables})


class Terminal:
    """A command on a terminal of its own, which is what it talks to and what its Ctrl-C comes from."""

    def __init__(self, cli: Cli, command: list[str], environment: dict[str, str]) -> None:
        self.cli = cli
        self.shown = ""
        self.process, self.descriptor = os.forkpty()
        if self.process == 0:
            os.chdir(cli.home)
            os.execve(command[0], command, environment)

    def until(self, text: str) -> None:
        """Reads until the text is shown."""
        end = time.monotonic() + MOST_SECONDS
        while text not in self.shown:
            assert self._read(end), f"{text!r} was not shown: {self.shown!r}"

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def end(self, status: int = 0) -> str:
        """Waits for the end, and answers everything that was shown."""
        end = time.monotonic() + MOST_SECONDS
        while self._read(end):
            pass
        _, ended = os.waitpid(self.process, 0)
        os.close(self.descriptor)
        self.cli.printed.append(self.shown)
        assert os.waitstatus_to_exitcode(ended) == status, self.shown
        return self.shown

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], max(0, end - time.monotonic()))
        if not ready:
            os.kill(self.process, signal.SIGKILL)
            pytest.fail(f"it goes on: {self.shown!r}")
        try:
            read = os.read(self.descriptor, 65536)
        except OSError:  # nobody has the other end any more
            return False
        self.shown += read.decode()
        return bool(read)


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    """No secret may be in anything that was printed but a fetch."""
    cli = Cli(tmp_path)
    yield cli
    printed = "".join(cli.printed)
    assert CLIENT_SECRET not in printed
    if cli.key.exists():
        assert cli.key.read_text().strip() not in printed


@pytest.fixture
def vault(cli: Cli) -> Cli:
    cli("init")
    return cli


@pytest.fixture(scope="session")
def provider() -> Iterator[launch]:
    with launch("oauth") as server:
        yield server


@pytest.fixture
def oauth(provider: launch) -> launch:
    provider.control("POST", "reset")
    return provider


def settings(oauth: launch, **more: Any) -> str:
    """A connection to the provider, as a file has it."""
    return json.dumps(
        {
            "clientId": "test-client",
            "authorizationUrl": f"{oauth.url}/authorize",
            "tokenUrl": f"{oauth.url}/token",
            "revocationUrl": f"{oauth.url}/revoke",
            "issuer": oauth.url,
            "defaultScopes": ["read", "write"],
            **more,
        }
    )


@pytest.fixture
def crm(vault: Cli, oauth: launch) -> Cli:
    """A vault with a connection to the provider, and the browser of somebody who agrees to everything."""
    vault.home.joinpath("crm.json").write_text(settings(oauth))
    vault("connections", "create", "crm", "--from", "crm.json", "--client-secret-file", "-", stdin=CLIENT_SECRET)
    vault.variables["BROWSER"] = str(BROWSER)
    return vault
