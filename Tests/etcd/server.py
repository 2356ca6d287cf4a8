"""An etcd of our own in a temporary folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PLUGIN = Path(os.environ.get("DESCOPE_CONN_ETCD_STORE", ROOT / ".build-etcd/store_etcd.so"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="descope-conn-etcd-", dir="/tmp"))
        self.port, self.peer_port = free_port(), free_port()
        self.start()

    def start(self) -> None:
        clients, peers = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.peer_port}"
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [
                    *("etcd", "--data-dir", self.folder / "data", "--log-level", "error", "--logger", "zap"),
                    *("--listen-client-urls", clients, "--advertise-client-urls", clients),
                    *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
                    *("--initial-cluster", f"default={peers}"),
                    # As the example says.
                    *("--max-txn-ops", "4096", "--max-request-bytes", str(16 << 20)),
                ],
                stdout=log,
                stderr=log,
            )
        self.wait()

    def wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                    if b'"true"' in answer.read():
                        return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("etcd does not answer")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def config(self, vault: str, port: int | None = None) -> dict[str, Any]:
        return {"endpoints": [f"http://127.0.0.1:{port or self.port}"], "vault": vault}
