"""The plugin under valgrind: no invalid access, and nothing lost, whatever fails."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest
from proxy import LOSE_ANSWER, LOSE_REQUEST, Proxy
from server import PLUGIN, ROOT, Server, free_port


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("visit") / "visit"
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g", f"-I{ROOT}/include"]
    subprocess.run(["cc", *flags, "-o", str(program), str(ROOT / "Tests/postgres/visit.c")], check=True)
    return program


def test_nothing_is_lost_or_touched_after_its_end(visit: Path, server: Server, proxy: Proxy, tmp_path: Path) -> None:
    if shutil.which("valgrind") is None:
        pytest.skip("there is no valgrind")
    password = tmp_path / "password"
    password.write_text("correct-horse-battery\n")
    proxy.plan = [LOSE_ANSWER, LOSE_REQUEST]
    by_file = {"url": server.network_url(password=""), "password": {"file": str(password)}}
    configs: list[object] = [
        {"url": server.socket_url(), "vault": uuid.uuid4().hex},
        {"url": server.network_url(port=proxy.port), "vault": uuid.uuid4().hex},
        {**by_file, "vault": uuid.uuid4().hex, "prepared": False},
        {"url": server.network_url(password="wrong")},
        {"url": server.network_url(dbname="nothing")},
        {"url": server.network_url(port=free_port()), "openTimeoutMs": 200},
        {"url": server.network_url(host="no-such-host.invalid"), "openTimeoutMs": 200},
        {"url": server.socket_url(), "schema": "nothing"},
        {"url": {"file": "/no/such"}},
        {"url": "host=a hunter2"},
        {"url": {"env": "HOME", "file": "/"}},
        {"colour": {"of": {"the": "sky"}}},
        [],
        "text",
    ]
    torn = [
        '{"url":"a',
        '{"url":"\\ud800"}',
        '{"url":{"file":"a"}',
        '{"url":tru}',
        "{}x",
        '{"a":1,}',
        '{"url" "a"}',
        "",
    ]
    done = subprocess.run(
        [
            "valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite,indirect",
            "--errors-for-leak-kinds=definite,indirect", "--fair-sched=yes",
            str(visit), str(PLUGIN), *map(json.dumps, configs), *torn,
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert [line for line in said if line.startswith("open 0")] == ["open 0 "] * 3
    assert said.count("commit 0 ") == 3
    assert sum(line.startswith('refused -6 {"code":"conflict"') for line in said) == 3
    assert proxy.plan == []
