"""Arguments, exit statuses and secrets in the wrong place."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import COMMAND, ROOT

if TYPE_CHECKING:
    from conftest import Cli


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["help", "connect"], 0),
        (["connections"], 0),
        (["nonsense"], 2),
        (["fetch"], 2),
        (["list", "--everyone"], 2),
        (["list", "weather", "--everyone", "--user", "bob"], 2),
        (["delete", "weather", "--token", "x"], 2),
        (["delete"], 2),
        (["connections", "create", "x"], 2),
        (["connections", "create", "x", "--from", "/no/such/file"], 5),
        (["connect", "x", "--port", "70000"], 2),
        (["connect", "x", "--timeout", "0"], 2),
        (["exec", "x", "--env", "A=B", "--", "true"], 2),
        (["list", "--cloud", "--vault", "x"], 2),
        (["list", "--cloud"], 2),
        (["list", "--cloud", "--user", "x"], 3),
        (["fetch", "nope"], 5),
        (["templates", "show", "nope"], 5),
        (["keys", "activate", "nope"], 5),
    ],
)
def test_each_way_to_fail_has_its_status(vault: Cli, arguments: list[str], status: int) -> None:
    ended = vault(*arguments, status=status)
    if status:
        assert ended.out == ""
        assert re.fullmatch(r"descope-conn: .+\.\n(.+\.\n)?", ended.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["store-api-key", "weather", "sk-live-1234567890"],
        ["store-api-key", "weather", "--api-key", "sk-live-1234567890"],
        ["store-api-key", "weather", "--api-key=sk-live-1234567890"],
        ["connections", "create", "x", "--api-key", "--client-secret", "sk-live-1234567890"],
        ["connections", "create", "x", "--api-key", "--client-secret=sk-live-1234567890"],
    ],
)
def test_a_secret_in_the_arguments_is_refused_and_not_repeated(vault: Cli, arguments: list[str]) -> None:
    ended = vault(*arguments, status=2)
    assert "sk-live" not in ended.out + ended.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_made(cli: Cli, shell: str) -> None:
    assert "store-api-key" in cli("--generate-completion-script", shell).out


COMPLETE = """
source <(descope-conn --generate-completion-script bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
_descope-conn descope-conn "${@: -1}" "${@: -2:1}"
echo "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["conn"], "connect connections"),
        (["fetch", ""], "weather"),
        (["templates", "show", "git"], "github github-app gitlab"),
    ],
)
def test_bash_completes(vault: Cli, words: list[str], completed: str) -> None:
    vault("connections", "create", "weather", "--api-key")
    environment = vault.environment
    environment["PATH"] = f"{Path(COMMAND).parent}:{environment['PATH']}"
    command = ["bash", "-c", COMPLETE, "bash", "descope-conn", *words]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split() == (
        completed.split()
    )


def test_a_full_disk_is_a_failure(vault: Cli) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [COMMAND, "templates", "list"],
            env=vault.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert "no space left" in ended.stderr


def test_every_error_code_has_an_exit_status() -> None:
    table = (ROOT / "service/Sources/Commands/ExitStatus.swift").read_text()
    codes = re.findall(
        r"static let `?(\w+)`? = ErrorCode", (ROOT / "bindings/swift/Sources/DescopeConn/Operations.swift").read_text()
    )
    assert len(codes) > 10
    for code in codes:
        assert f"        .{code}: ." in table
