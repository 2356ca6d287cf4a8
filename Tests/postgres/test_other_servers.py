"""Poolers, standbys, and a server that has lost its last moments."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import HERE
from plugin import ABSENT, ANY, Store, StoreError, put
from server import PLUGIN, Pooler, Server, as_user, free_port, give_away, programs, wait_until


def check_conformance(config: dict[str, Any]) -> None:
    """The suite that all plugins have to pass."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE.parent / "stores")],
        env={
            **os.environ,
            "DESCOPE_CONN_TEST_STORE": str(PLUGIN),
            "DESCOPE_CONN_TEST_STORE_CONFIG": json.dumps(config),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


def test_it_is_a_store(server: Server) -> None:
    check_conformance({"url": server.socket_url(), "vault": "$FRESH"})


# --- PgBouncer ---


@pytest.fixture(scope="module")
def pooler(server: Server) -> Iterator[Pooler]:
    pooler = Pooler(server)
    yield pooler
    pooler.remove()


def test_it_is_a_store_behind_a_pooler(pooler: Pooler) -> None:
    check_conformance({"url": pooler.url(), "vault": "$FRESH", "prepared": False})


def test_many_connections_share_the_poolers(server: Server, pooler: Pooler, open_store: Any) -> None:
    vault = uuid.uuid4().hex
    stores = [open_store(pooler.url(), vault, prepared=False) for _ in range(10)]
    failures: list[str] = []

    def run(store: Store, number: int) -> None:
        try:
            for index in range(20):
                store.commit(put(b"%d-%d" % (number, index), b"", ABSENT))
                assert len(store.scan(b"%d-" % number, 100)) == index + 1
        except (StoreError, AssertionError) as error:
            failures.append(str(error))

    threads = [threading.Thread(target=run, args=each) for each in zip(stores, range(10), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_prepared_statements_behind_a_pooler_are_told_what_to_do(pooler: Pooler, open_store: Any) -> None:
    """PgBouncer before 1.21 gives each transaction any of its connections."""
    vault = uuid.uuid4().hex
    stores = [open_store(pooler.url(), vault) for _ in range(8)]
    told: set[str] = set()

    def run(store: Store) -> None:
        for _ in range(50):
            try:
                store.get(b"a")
            except StoreError as error:
                told.add(f"{error.code} {error.message}")

    threads = [threading.Thread(target=run, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told
    assert all(each.startswith("misconfigured") and "set prepared to false" in each for each in told)


# --- A standby ---


class Standby:
    """Streams from a server. It has the interface of one as far as a store wants it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.port = free_port()
        self.folder = server.folder
        self.data = server.folder / f"standby-{self.port}"
        server.run(
            "pg_basebackup", "-D", str(self.data), "-R", "-X", "stream", "-c", "fast", "-d",
            server.socket_url(user="postgres").replace("dbname=vault", ""),
        )  # fmt: skip
        options = " ".join(f"-c {name}={value}" for name, value in server.settings.items())
        server.run(
            "pg_ctl", "-D", str(self.data), "-l", str(self.folder / "standby-log"), "-w", "-o",
            f"-p {self.port} -k {self.folder} {options}", "start",
        )  # fmt: skip

    def promote(self) -> None:
        self.server.run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def remove(self) -> None:
        subprocess.run(
            as_user([str(programs() / "pg_ctl"), "-D", str(self.data), "-m", "immediate", "stop"]), capture_output=True
        )


def test_a_standby_is_refused_and_its_promotion_is_followed() -> None:
    server = Server()
    standby = Standby(server)
    url = f"host={server.folder},{server.folder} port={server.port},{standby.port} user=vault_service dbname=vault"
    store = None
    try:
        alone = f"host={server.folder} port={standby.port} user=vault_service dbname=vault"
        for more in ("", " target_session_attrs=any"):
            with pytest.raises(StoreError) as caught:
                Store(str(PLUGIN), {"url": alone + more, "openTimeoutMs": 500})
            assert "a primary is needed" in caught.value.message
        # A commit is confirmed when the standby has it.
        server.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        server.sql("SELECT pg_reload_conf()")
        wait_until(lambda: server.sql("SELECT sync_state FROM pg_stat_replication") == "sync")
        store = Store(str(PLUGIN), {"url": url})
        stop = threading.Event()
        told = [0]
        failures: list[str] = []

        def run() -> None:
            while not stop.is_set():
                try:
                    store.commit(put(b"n", str(told[-1] + 1).encode(), ANY), timeout=30)
                    told.append(told[-1] + 1)
                except StoreError as error:
                    failures.append(str(error))

        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: len(told) > 20)
        server.stop()
        standby.promote()
        before = len(told)
        wait_until(lambda: len(told) > before + 20)
        stop.set()
        thread.join()
        assert failures == []
        assert int(store.get(b"n").value) == told[-1]
    finally:
        if store is not None:
            store.close()
        standby.remove()
        server.remove()


# --- A server that has gone back in time ---


def copy_data(server: Server, to: Path) -> None:
    server.stop("fast")
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(server.data, to)
    server.start()


def restore_data(server: Server, saved: Path) -> None:
    server.stop()
    shutil.rmtree(server.data)
    shutil.copytree(saved, server.data)
    give_away(server.data)
    server.data.chmod(0o700)
    server.start()


def test_what_was_lost_never_passes_for_what_is_there(other_server: Server, open_store: Any, tmp_path: Path) -> None:
    """A server that was restored counts on from where it was; a version of ours is nobody else's all the same."""
    server, vault = other_server, uuid.uuid4().hex
    store, other = open_store(server.socket_url(), vault), open_store(server.socket_url(), vault)
    store.commit(put(b"a", b"0", ABSENT), put(b"c", b"0", ABSENT))
    kept = store.get(b"a").version
    copy_data(server, tmp_path / "saved")
    store.commit(put(b"a", b"lost", kept), put(b"b", b"lost", ABSENT))
    lost, made = store.get(b"a").version, store.get(b"b").version
    restore_data(server, tmp_path / "saved")
    assert store.get(b"a").version == kept
    assert store.get(b"b") is None
    other.commit(put(b"a", b"new", kept), put(b"b", b"new", ABSENT))
    for writes in ([put(b"a", b"old", lost)], [put(b"b", b"old", made)], [put(b"c", b"old", lost)]):
        with pytest.raises(StoreError) as caught:
            store.commit(*writes)
        assert caught.value.code == "conflict"
    assert store.get(b"a").value == store.get(b"b").value == b"new"
