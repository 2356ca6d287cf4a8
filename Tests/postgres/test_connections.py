"""The connections of a store: how many, whose, and what becomes of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from conftest import HERE
from plugin import ABSENT, ANY, Store, StoreError, get, put, scan
from proxy import Proxy
from server import PLUGIN, Server, wait_until


def sessions(server: Server) -> set[str]:
    return set(server.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'vault_service'").split())


def test_as_many_as_are_used_at_a_time_up_to_the_limit(server: Server, open_store: Any) -> None:
    store = open_store(server.socket_url(), poolSize=3)
    assert len(sessions(server)) == 1
    for _ in range(5):
        store.get(b"a")
    assert len(sessions(server)) == 1
    most = 0

    def run() -> None:
        for _ in range(30):
            store.commit(put(b"%d" % threading.get_ident(), b"", ANY))

    threads = [threading.Thread(target=run) for _ in range(12)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most = max(most, len(sessions(server)))
    assert 1 < most <= 3


def test_whoever_waits_for_a_connection_waits_until_its_deadline(server: Server, open_store: Any) -> None:
    vault = uuid.uuid4().hex
    store = open_store(server.socket_url(), vault, poolSize=1)
    store.commit(put(b"a", b"", ABSENT))
    session = server.session()
    session.run("BEGIN")
    session.run(f"SELECT 1 FROM descope_conn.vault_rows WHERE vault = '{vault}' FOR UPDATE")
    thread = threading.Thread(target=lambda: store.commit(put(b"a", b"1", ANY)))
    thread.start()
    wait_until(lambda: server.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0")
    with pytest.raises(StoreError, match="timeout"):
        store.get(b"a", timeout=0.2)
    Store.cancel(1)
    with pytest.raises(StoreError, match="cancelled"):
        store.get(b"a", cancel=1)
    session.run("COMMIT")
    session.close()
    thread.join()
    assert store.get(b"a").value == b"1"


def test_sessions_that_are_ended_are_not_noticed(server: Server, open_store: Any) -> None:
    store = open_store(server.socket_url())
    store.commit(put(b"n", b"0", ABSENT))
    stop = threading.Event()
    failures: list[str] = []
    added = [0] * 4

    def run(number: int) -> None:
        while not stop.is_set():
            try:
                row = store.get(b"n")
                store.commit(put(b"n", str(int(row.value) + 1).encode(), row.version))
                added[number] += 1
            except StoreError as error:
                if error.code != "conflict":
                    failures.append(str(error))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(added))]
    for thread in threads:
        thread.start()
    for _ in range(25):
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vault_service'")
    stop.set()
    for thread in threads:
        thread.join()
    value = int(store.get(b"n").value)
    # What was not known may have been written or not; nothing that was told to be written is missing.
    assert sum(added) <= value <= sum(added) + len(failures)
    assert all("not known" in failure for failure in failures)


def test_a_server_that_is_killed_again_and_again(other_server: Server, open_store: Any) -> None:
    """No commit that was confirmed is lost, and none is half there."""
    server, vault = other_server, uuid.uuid4().hex
    store = open_store(server.socket_url(), vault)
    stop = threading.Event()
    told: list[int] = [0]
    failures: list[str] = []

    def run() -> None:
        number = 1
        while not stop.is_set():
            try:
                store.commit(*[put(b"p%d" % index, str(number).encode(), ANY) for index in range(5)], timeout=30)
                told.append(number)
            except StoreError as error:
                failures.append(str(error))
            number += 1

    thread = threading.Thread(target=run)
    thread.start()
    for _ in range(3):
        before = len(told)
        wait_until(lambda before=before: len(told) > before + 20)
        server.restart()
    stop.set()
    thread.join()
    (value,) = {int(row.value) for row in store.scan(b"p", 9)}
    assert value >= told[-1]
    assert failures == []


def test_a_database_that_is_away_is_waited_for_until_the_deadline(other_server: Server, open_store: Any) -> None:
    server = other_server
    store = open_store(server.socket_url())
    store.commit(put(b"a", b"1", ABSENT))
    server.stop("fast")
    for call in (lambda: store.get(b"a", timeout=0.5), lambda: store.commit(put(b"b", b"1", ABSENT), timeout=0.5)):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.code == "unavailable"
    thread = threading.Thread(target=server.start)
    thread.start()
    assert store.get(b"a").value == b"1"
    thread.join()
    assert store.get(b"b") is None


def test_a_network_that_goes_and_comes_back(server: Server, proxy: Proxy, open_store: Any) -> None:
    """Calls end at their deadlines, the rest of the world goes on, and nobody has to open anything anew."""
    vault = uuid.uuid4().hex
    store, other = open_store(server.network_url(port=proxy.port), vault), open_store(server.socket_url(), vault)
    store.commit(put(b"a", b"0", ABSENT), put(b"b", b"0", ABSENT))
    before = {row.key: row.version for row in store.scan(b"", 9)}
    proxy.passes.clear()
    calls = (
        lambda: store.get(b"a", timeout=0.3),
        lambda: store.commit(put(b"a", b"1", before[b"a"]), timeout=0.3),
        lambda: store.get(b"a", timeout=0.3),  # over a connection that cannot be made
    )
    for call in calls:
        with pytest.raises(StoreError, match="timeout"):
            call()
    other.commit(put(b"b", b"1", before[b"b"]))
    proxy.passes.set()
    row = store.get(b"a")
    assert (row.value == b"1") == (row.version != before[b"a"])
    store.commit(put(b"a", b"2", row.version))
    assert [row.value for row in other.scan(b"", 9)] == [b"2", b"1"]


def test_a_password_that_changes(server: Server, tmp_path: Path, open_store: Any) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    server.sql("CREATE ROLE changing LOGIN PASSWORD 'first' IN ROLE vault_service")
    url = server.network_url(user="changing", password="")
    store = open_store(url, password={"file": str(file)})
    store.commit(put(b"a", b"1", ABSENT))
    server.sql("ALTER ROLE changing PASSWORD 'second'")
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'changing'")
    with pytest.raises(StoreError) as caught:
        store.get(b"a")
    assert caught.value.code == "misconfigured"
    assert "password" in caught.value.message
    file.write_text("second\n")
    assert store.get(b"a").value == b"1"
    server.sql("ALTER ROLE changing VALID UNTIL '2001-01-01'")
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'changing'")
    with pytest.raises(StoreError) as caught:
        store.get(b"a")
    assert caught.value.code == "misconfigured"


# --- Other processes ---

CHILD = """
import json, os, sys
sys.path.append(sys.argv[1])
from plugin import *
store = Store(sys.argv[2], json.loads(sys.argv[3]))
store.commit(put(b"a", b"1", ABSENT))
child = os.fork()
if child == 0:
    sockets = [name for name in map(str, range(100))
               if os.path.islink("/proc/self/fd/" + name) and os.readlink("/proc/self/fd/" + name).startswith("socket")]
    try:
        store.get(b"a")
        told = "answered"
    except StoreError as error:
        told = error.code
    store.close()
    print(len(sockets), told, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(store.get(b"a").value.decode(), flush=True)
sys.stdin.readline()
"""


def child_of(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(HERE.parent / "stores"), str(PLUGIN), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_child_has_none_of_its_parents_sockets_and_cannot_use_its_store(server: Server) -> None:
    before = sessions(server)
    process = child_of(json.dumps({"url": server.socket_url(), "vault": uuid.uuid4().hex}))
    assert process.stdout is not None
    assert process.stdout.readline() == "0 status -3\n"  # DESCOPE_CONN_E_FORKED
    assert process.stdout.readline() == "1\n"
    (pid,) = sessions(server) - before
    process.communicate("\n")
    wait_until(lambda: pid not in sessions(server))


def test_a_process_that_is_stopped_holds_nobody_up(server: Server, open_store: Any) -> None:
    """Wherever in a commit it is: what locks rows arrives at the server together with what commits them."""
    config = {"url": server.socket_url(), "vault": uuid.uuid4().hex}
    store = open_store(config["url"], config["vault"])
    worker = subprocess.Popen(
        [sys.executable, str(HERE.parent / "stores/worker.py"), "fill", str(PLUGIN), json.dumps(config), "1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    worker.stdout.readline()
    try:
        for _ in range(15):
            for _ in range(3):
                worker.stdout.readline()
            os.kill(worker.pid, signal.SIGSTOP)
            store.commit(*[put(b"p%02d" % index, b"0", ANY) for index in range(20)], timeout=10)
            os.kill(worker.pid, signal.SIGCONT)
    finally:
        worker.kill()
        worker.communicate()


# --- How often the network is crossed ---


def test_a_read_and_a_commit_are_one_round_trip_each(server: Server, proxy: Proxy, open_store: Any) -> None:
    store = open_store(server.network_url(port=proxy.port))
    for _ in range(2):  # the first one prepares the statement
        before = len(proxy.trips)
        store.read(get(b"a"), get(b"b"), scan(b"c", 10), scan(b"d", 10, b"da"))
        assert len(proxy.trips) == before + 1
        row = store.get(b"a")
        store.commit(put(b"a", b"1", row.version if row else ABSENT), put(b"l%d" % before, b"2", ABSENT))
        assert len(proxy.trips) == before + 3
    before = len(proxy.trips)
    store.commit(*[put(b"m%04d" % index, bytes(1000), ABSENT) for index in range(1000)])
    assert len(proxy.trips) == before + 1


def test_a_store_that_is_closed_ends_its_sessions(server: Server) -> None:
    before = sessions(server)
    store = Store(str(PLUGIN), {"url": server.socket_url()})
    assert len(sessions(server) - before) == 1
    store.close()
    wait_until(lambda: sessions(server) - before == set())


def test_an_idle_connection_is_looked_at_before_it_is_used(server: Server, proxy: Proxy, open_store: Any) -> None:
    """Without asking the server: what has come in says that it is of no use."""
    store = open_store(server.network_url(port=proxy.port))
    store.commit(put(b"a", b"0", ABSENT))
    row = store.get(b"a")
    before = sessions(server)
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vault_service'")
    wait_until(lambda: sessions(server) & before == set())
    wait_until(lambda: proxy.ended == 1)
    trips = len(proxy.trips)
    store.commit(put(b"a", b"1", row.version))
    assert len(proxy.trips) == trips + 2  # the new connection's, and the commit; nothing was sent into the void
