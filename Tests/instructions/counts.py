"""Counts instructions under callgrind: of a fetch, of a client's opening, and of what Python's binding adds to a fetch.

    counts.py             prints them beside what recorded.json has
    counts.py --record    writes recorded.json anew, with the versions that the numbers depend on

Unlike time, the numbers do not depend on what else the machine does. They do depend on the compilers, the C library,
and what the processor has: they are compared only where these are the same.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / ".build-c/instructions"
RECORDED = HERE / "recorded.json"
LIBRARY = Path(os.environ.get("DESCOPE_CONN_LIBRARY", ROOT / "dist/lib/libdescope_conn.so.1"))
sys.path[:0] = [str(ROOT / "bindings/python")]
os.environ["DESCOPE_CONN_LIBRARY"] = str(LIBRARY)

from descope_conn import Client  # noqa: E402

TOLERANCE = 0.05
FETCHES, OPENINGS = 100, 20
# What valgrind shows programs of the processor, and the C library and the ciphers choose their code by.
FEATURES = {"aes", "avx", "avx2", "bmi1", "bmi2", "fma", "pclmulqdq", "rdrand", "sse4_2", "ssse3", "asimd", "sha2"}
# Not the path of whoever builds, and nothing of theirs that a program may read.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent", "PYTHONHASHSEED": "0"}


def build() -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    options = ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}"]
    shared = BUILD / "libcounted.so"
    subprocess.run([*options, "-shared", "-fPIC", "-o", shared, HERE / "counted.c"], check=True)
    sources = [HERE / "calls.c", HERE / "counted.c"]
    subprocess.run([*options, "-o", BUILD / "calls", *sources, LIBRARY, f"-Wl,-rpath,{LIBRARY.parent}"], check=True)


def count(command: list[str], calls: int, **environment: str) -> int:
    """The instructions of a call, of so many that the command makes between the two moments."""
    with tempfile.TemporaryDirectory() as folder:
        # One address space each time, and threads that take turns.
        valgrind = [
            "setarch",
            "-R",
            "valgrind",
            "--quiet",
            "--tool=callgrind",
            "--instr-atstart=no",
            "--fair-sched=yes",
        ]
        out = f"--callgrind-out-file={folder}/out"
        done = subprocess.run(
            [*valgrind, out, *command], env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=300
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with status {done.returncode}: {done.stderr[-2000:]}")
        return int(re.search(r"^(?:totals|summary): (\d+)", Path(f"{folder}/out.1").read_text(), re.M)[1]) // calls


def calls(what: str, config: dict[str, Any], number: int, extra: int = 0) -> int:
    return count([str(BUILD / "calls"), what, json.dumps(config), str(number), str(extra)], number)


def python_fetch(config: dict[str, Any]) -> int:
    script = [sys.executable, str(HERE / "python_calls.py"), str(BUILD / "libcounted.so")]
    found = {"DESCOPE_CONN_LIBRARY": str(LIBRARY), "PYTHONPATH": str(ROOT / "bindings/python")}
    return count([*script, json.dumps(config), str(FETCHES)], FETCHES, **found)


def measure() -> dict[str, int]:
    with vault() as vaults, cloud() as url:
        from_vault = calls("fetch", vaults, FETCHES)
        descope = {
            "backend": "cloud",
            "projectId": "P2testtesttesttesttesttest01",
            "managementKey": "K",
            "baseUrl": url,
        }
        return {
            "fetch from the vault, C": from_vault,
            "fetch from the cloud over http, C": calls("fetch", descope, FETCHES),
            "fetch from the cloud's cache, C": calls("fetch", {**descope, "cache": {"ttlSeconds": 3600}}, FETCHES),
            "open a vault, fetch, close, C": calls("open", vaults, OPENINGS),
            "what Python adds to a fetch": python_fetch(vaults) - from_vault,
        }


@contextmanager
def vault() -> Iterator[dict[str, Any]]:
    """The config of a vault with a hundred tokens."""
    with tempfile.TemporaryDirectory() as folder:
        config = {"backend": "vault", "path": f"{folder}/vault.db", "key": {"bytes": "5a" * 32}, "audit": "off"}
        with Client(config) as client:
            urls = {"authorizationUrl": "https://p.example/authorize", "tokenUrl": "https://p.example/token"}
            client.call("apps.create", {"id": "crm", "clientId": "c", "clientSecret": "s", **urls})
            token = {"appId": "crm", "accessToken": "a" * 64, "refreshToken": "r" * 64, "scopes": ["read", "write"]}
            tokens = [{**token, "userId": f"user {n}", "accessTokenExpiry": 2_000_000_000} for n in range(100)]
            client.call("store_tokens", {"tokens": tokens})
        yield config


@contextmanager
def cloud() -> Iterator[str]:
    """Descope, as far as one fetch goes: the same bytes each time, over a connection that stays."""
    token = {
        "id": "T1",
        "appId": "crm",
        "userId": "user 7",
        "accessToken": "a" * 64,
        "accessTokenExpiry": "2000000000",
        "hasRefreshToken": True,
        "scopes": ["read", "write"],
    }
    answer = json.dumps({"token": token}).encode()

    class Descope(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
            self.wfile.write(head.encode() + answer)  # in one piece

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Descope) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def versions() -> dict[str, str]:
    """What the numbers depend on besides what is written here."""
    library = ctypes.CDLL(str(LIBRARY))
    library.descope_conn_build_info.restype = ctypes.c_char_p
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next((line.split(":")[1].split() for line in lines if re.match(r"flags|Features", line)), [])
    return {
        "swift": json.loads(library.descope_conn_build_info())["swift"],
        "cc": _first_line("cc", "--version"),
        "libc": " ".join(platform.libc_ver()),
        "valgrind": _first_line("valgrind", "--version"),
        "python": f"{platform.python_version()}, {platform.python_compiler()}",
        "processor": " ".join([platform.machine(), *sorted(FEATURES & set(flags))]),
    }


def _first_line(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[0]


def off(counted: int, recorded: int) -> float:
    """By what share of the recorded number the counted one is off; 0 within the tolerance."""
    share = counted / recorded - 1
    return share if abs(share) > TOLERANCE else 0


def main() -> None:
    build()
    counts = measure()
    if "--record" in sys.argv:
        RECORDED.write_text(json.dumps({"versions": versions(), "instructions": counts}, indent=4) + "\n")
    recorded = json.loads(RECORDED.read_text())
    for name, counted in counts.items():
        before = recorded["instructions"].get(name)
        told = f"{counted / before - 1:+.1%} of {before:,}" if before else "not recorded"
        print(f"{name}: {counted:,} instructions, {told}")
    now = versions()
    for name, version in recorded["versions"].items():
        if now[name] != version:
            print(f"recorded with another {name}: {version}, and not {now[name]}")


if __name__ == "__main__":
    main()
