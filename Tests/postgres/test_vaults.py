"""Vaults over the store, in processes of their own: what Tests/chaos proves of a file holds here too."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import HERE
from proxy import Proxy
from server import PLUGIN, Server
from test_other_servers import copy_data, restore_data

sys.path += [str(HERE.parent / "chaos"), str(HERE.parent.parent / "bindings/python")]
os.environ.setdefault("DESCOPE_CONN_LIBRARY", str(HERE.parent.parent / "dist/lib/libdescope_conn.so.1"))

from chaos import APP, Process, Vault, launch  # noqa: E402
from descope_conn import Client  # noqa: E402


@pytest.fixture(scope="session")
def meddle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing meddles here, but workers are started with it."""
    library = tmp_path_factory.mktemp("meddle") / "meddle.so"
    flags = ["-std=gnu11", "-O1", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, "-o", str(library), str(HERE.parent / "chaos/meddle.c")], check=True)
    return library


@pytest.fixture(scope="session")
def provider() -> Iterator[launch]:
    with launch("oauth") as provider:
        yield provider


@pytest.fixture(scope="session")
def process(meddle: Path) -> Iterator[Process]:
    process = Process(meddle)
    yield process
    process.close()


def make_vault(folder: Path, url: str, provider: launch, process: Process) -> Vault:
    provider.control("POST", "reset")
    vault = Vault(folder, provider, process)
    del vault.config["path"]
    vault.config["store"] = {"plugin": str(PLUGIN), "config": {"url": url, "vault": uuid.uuid4().hex}}
    return vault


@pytest.fixture
def vault(tmp_path: Path, server: Server, provider: launch, process: Process) -> Vault:
    return make_vault(tmp_path, server.socket_url(), provider, process)


class Storm:
    """Four processes that fetch one token again and again from many threads, through several expiries."""

    def __init__(self, vault: Vault, meddle: Path, seconds: int, clocks: tuple[int, ...] = (0, 0, 0, 0)) -> None:
        self.vault = vault
        self.seconds = seconds
        vault.server.control("POST", "settings", {"accessSeconds": 3, "graceSeconds": 0})
        vault.make_app()
        vault.connect("u1")
        call = ("fetch", {"appId": APP, "userId": "u1", "minTtlSeconds": 1})
        self.processes = [Process(meddle) for _ in clocks]
        for process, clock in zip(self.processes, clocks, strict=True):
            order = {"threads": 8, "seconds": seconds, "call": call}
            process.start({"config": vault.config, "clock": clock, "storm": order})

    def end(self) -> None:
        tokens: set[str] = set()
        for process in self.processes:
            outcome = process.finish()
            process.close()
            assert outcome["status"] == 0
            assert outcome["results"]["errors"] == {}
            tokens |= outcome["results"]["tokens"].keys()
        refreshes = self.vault.refreshes()
        assert refreshes.keys() == {"ok"}, "a spent refresh token was sent again"
        assert refreshes["ok"] in (len(tokens), len(tokens) - 1)
        assert 2 <= refreshes["ok"] <= self.seconds / 2 + 2
        assert self.vault.grants() == 1


def test_each_expiry_takes_one_token_request(vault: Vault, meddle: Path) -> None:
    Storm(vault, meddle, 7, (0, 3600, -3600, 5)).end()


def test_sessions_that_end_cost_no_grant(server: Server, vault: Vault, meddle: Path) -> None:
    storm = Storm(vault, meddle, 8)
    end = time.monotonic() + 7
    while time.monotonic() < end:
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vault_service'")
        time.sleep(0.05)
    storm.end()


def test_a_server_that_is_killed_costs_no_grant(
    other_server: Server, tmp_path: Path, provider: launch, process: Process, meddle: Path
) -> None:
    vault = make_vault(tmp_path, other_server.socket_url(), provider, process)
    storm = Storm(vault, meddle, 10)
    for _ in range(3):
        time.sleep(1.5)
        other_server.restart()
    storm.end()


def test_a_server_that_went_back_in_time_costs_a_grant_and_hands_out_nothing_wrong(
    other_server: Server, tmp_path: Path, provider: launch, process: Process
) -> None:
    """What it has of the refresh token was spent in the time that it lost."""
    vault = make_vault(tmp_path, other_server.socket_url(), provider, process)
    vault.server.control("POST", "settings", {"accessSeconds": 3600, "graceSeconds": 0})
    vault.make_app()
    vault.connect("u1")
    copy_data(other_server, tmp_path / "saved")
    first = vault.token("u1")["accessToken"]
    second = vault.token("u1", options={"forceRefresh": True})["accessToken"]
    assert vault.accepts(second)
    restore_data(other_server, tmp_path / "saved")
    assert vault.token("u1")["accessToken"] == first
    error = vault.error("fetch", appId=APP, userId="u1", options={"forceRefresh": True})
    assert error["code"] in ("connection_required", "not_found")
    (listed,) = vault.listed("u1")
    assert listed["status"] == "needs_reauthorization"
    # The user connects again, and all is well.
    vault.connect("u1")
    assert vault.accepts(vault.token("u1")["accessToken"])


def test_round_trips_of_a_vault(
    server: Server, proxy: Proxy, tmp_path: Path, provider: launch, process: Process
) -> None:
    vault = make_vault(tmp_path, server.network_url(port=proxy.port), provider, process)
    vault.make_app()
    vault.connect("u1")
    client = Client(vault.config)
    try:
        before = len(proxy.trips)
        client.call("fetch", {"appId": APP, "userId": "u1"})
        assert len(proxy.trips) == before + 1
        client.call("fetch", {"appId": APP, "userId": "u1", "options": {"forceRefresh": True}})
        commits = sum(b"COMMIT\x00" in trip for trip in proxy.trips[before:])
        assert commits == 2  # the lease, and the new token
        assert len(proxy.trips) <= before + 1 + 8
    finally:
        client.close()
