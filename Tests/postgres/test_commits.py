"""Commits that something happens to: each is written or not, as its caller is told."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from plugin import ABSENT, ANY, Store, StoreError, keep, put, remove
from proxy import DELAY, LOSE_ANSWER, LOSE_REQUEST, PASS, Proxy
from server import Server, wait_until


def version(store: Store, key: bytes) -> int:
    row = store.get(key)
    assert row is not None
    return row.version


def code_of(call: Any) -> str:
    """How a call ends: with the code of its error, or with none."""
    try:
        call()
    except StoreError as error:
        return error.code
    return "none"


# --- The answer is lost ---


def prepared_rows(store: Store) -> dict[bytes, int]:
    store.commit(put(b"here", b"0", ABSENT), put(b"gone", b"0", ABSENT), put(b"kept", b"0", ABSENT))
    return {key: version(store, key) for key in (b"here", b"gone", b"kept")}


COMMITS: dict[str, Any] = {
    "changes": lambda at: [put(b"here", b"1", at[b"here"])],
    "makes": lambda at: [put(b"new", b"1", ABSENT)],
    "removes": lambda at: [remove(b"gone", at[b"gone"])],
    "overwrites": lambda at: [put(b"here", b"1", ANY)],
    "all": lambda at: [
        put(b"here", b"1", at[b"here"]),
        put(b"new", b"1", ABSENT),
        remove(b"gone", at[b"gone"]),
        keep(b"kept", at[b"kept"]),
    ],
}


def rows_after(store: Store, name: str) -> None:
    rows = {row.key: row.value for row in store.scan(b"", 9)}
    expected = {
        "changes": {b"here": b"1", b"gone": b"0", b"kept": b"0"},
        "makes": {b"here": b"0", b"gone": b"0", b"kept": b"0", b"new": b"1"},
        "removes": {b"here": b"0", b"kept": b"0"},
        "overwrites": {b"here": b"1", b"gone": b"0", b"kept": b"0"},
        "all": {b"here": b"1", b"kept": b"0", b"new": b"1"},
    }
    assert rows == expected[name]


@pytest.mark.parametrize("again", [PASS, LOSE_ANSWER, LOSE_REQUEST])
@pytest.mark.parametrize("lost", [LOSE_ANSWER, LOSE_REQUEST])
@pytest.mark.parametrize("name", COMMITS)
def test_a_lost_commit_is_written_once(
    server: Server, proxy: Proxy, open_store: Any, name: str, lost: str, again: str
) -> None:
    """Nor does it matter if the question about it is lost as well."""
    store = open_store(server.network_url(port=proxy.port))
    at = prepared_rows(store)
    proxy.plan = [lost, again]
    store.commit(*COMMITS[name](at))
    assert proxy.plan == []
    rows_after(store, name)


@pytest.mark.parametrize("name", COMMITS)
def test_a_commit_that_arrives_late_is_written_once(server: Server, proxy: Proxy, open_store: Any, name: str) -> None:
    """Its connection breaks, it is sent again, and then the first one comes through as well."""
    store = open_store(server.network_url(port=proxy.port))
    at = prepared_rows(store)
    proxy.plan = [DELAY]
    store.commit(*COMMITS[name](at))
    versions = {row.key: row.version for row in store.scan(b"", 9)}
    if name == "overwrites":
        store.commit(put(b"here", b"2", versions[b"here"]))
    syncs = len(proxy.trips)
    proxy.release()
    # The server has done with it when its session is over, and only the store's other one is left.
    wait_until(lambda: server.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'vault_service'") == "1")
    assert len(proxy.trips) == syncs
    if name == "overwrites":
        assert store.get(b"here").value == b"2"
        return
    rows_after(store, name)
    assert {row.key: row.version for row in store.scan(b"", 9)} == versions


@pytest.mark.parametrize("lost", [LOSE_ANSWER, LOSE_REQUEST, DELAY])
def test_what_others_do_meanwhile_hides_nothing(server: Server, proxy: Proxy, open_store: Any, lost: str) -> None:
    """Its row has a version by then that is neither the one before nor the commit's own."""
    vault = uuid.uuid4().hex
    store = open_store(server.network_url(port=proxy.port), vault)
    other = open_store(server.socket_url(), vault)
    store.commit(put(b"a", b"0", ABSENT))
    before = version(store, b"a")
    proxy.plan = [lost]
    proxy.on_loss = lambda: other.commit(put(b"a", b"other", version(other, b"a")))
    told = code_of(lambda: store.commit(put(b"a", b"1", before)))
    assert told == ("none" if lost == LOSE_ANSWER else "conflict")
    assert store.get(b"a").value == b"other"


def test_a_commit_that_was_told_to_have_failed_stays_so(server: Server, proxy: Proxy, open_store: Any) -> None:
    """It arrives when its row is as it wants it once more."""
    vault = uuid.uuid4().hex
    store = open_store(server.network_url(port=proxy.port), vault)
    other = open_store(server.socket_url(), vault)
    proxy.plan = [DELAY]
    proxy.on_loss = lambda: other.commit(put(b"a", b"other", ABSENT))
    assert code_of(lambda: store.commit(put(b"a", b"1", ABSENT))) == "conflict"
    other.commit(remove(b"a", version(other, b"a")))
    proxy.release()
    wait_until(lambda: server.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'vault_service'") == "2")
    assert store.get(b"a") is None


def test_a_conflict_is_told_at_once(server: Server, proxy: Proxy, open_store: Any) -> None:
    store = open_store(server.network_url(port=proxy.port))
    store.commit(put(b"a", b"0", ABSENT))
    before = len(proxy.trips)
    for writes in (
        [put(b"a", b"1", ABSENT)],
        [put(b"a", b"1", 5)],
        [remove(b"a", 5)],
        [keep(b"a", 5)],
        [remove(b"b", 5)],
    ):
        assert code_of(lambda writes=writes: store.commit(*writes)) == "conflict"
    assert len(proxy.trips) == before + 5


# --- Others have the rows ---


def in_thread(call: Any) -> tuple[threading.Thread, list[str]]:
    ended: list[str] = []
    thread = threading.Thread(target=lambda: ended.append(code_of(call)))
    thread.start()
    return thread, ended


def wait_for_lock(server: Server) -> None:
    wait_until(lambda: server.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0")


def row_of(vault: str, key: bytes) -> str:
    return f"vault = '{vault}' AND key = '\\x{key.hex()}'"


def test_a_commit_that_waits_too_long_is_not_written_later(server: Server, open_store: Any) -> None:
    vault = uuid.uuid4().hex
    store = open_store(server.socket_url(), vault)
    store.commit(put(b"a", b"0", ABSENT))
    before = version(store, b"a")
    session = server.session()
    session.run("BEGIN")
    session.run(f"SELECT 1 FROM descope_conn.vault_rows WHERE {row_of(vault, b'a')} FOR UPDATE")
    assert code_of(lambda: store.commit(put(b"a", b"1", before), timeout=0.3)) == "timeout"
    wait_until(lambda: server.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0")
    session.run("COMMIT")
    session.close()
    assert version(store, b"a") == before


def test_a_row_that_is_kept_cannot_be_changed_meanwhile(server: Server, open_store: Any) -> None:
    """FOR KEY SHARE would let the change through."""
    vault = uuid.uuid4().hex
    store = open_store(server.socket_url(), vault)
    store.commit(put(b"k", b"0", ABSENT), put(b"a", b"0", ABSENT))
    kept, changed = version(store, b"k"), version(store, b"a")
    session = server.session()
    session.run("BEGIN")
    session.run(f"SELECT 1 FROM descope_conn.vault_rows WHERE {row_of(vault, b'a')} FOR UPDATE")
    # It has the lock of the row that it keeps, and waits for the other one.
    first, first_end = in_thread(lambda: store.commit(keep(b"k", kept), put(b"a", b"1", changed)))
    wait_for_lock(server)
    second, second_end = in_thread(lambda: store.commit(put(b"k", b"1", kept)))
    wait_until(lambda: int(server.sql("SELECT count(*) FROM pg_locks WHERE NOT granted")) >= 2)
    assert server.sql(f"SELECT version FROM descope_conn.vault_rows WHERE {row_of(vault, b'k')}") == str(kept)
    session.run("ROLLBACK")
    session.close()
    first.join()
    second.join()
    assert first_end == second_end == ["none"]


def test_a_row_that_changes_while_a_commit_waits_for_it_is_a_conflict(server: Server, open_store: Any) -> None:
    vault = uuid.uuid4().hex
    store = open_store(server.socket_url(), vault)
    store.commit(put(b"a", b"0", ABSENT))
    before = version(store, b"a")
    for writes in ([put(b"a", b"1", before)], [keep(b"a", before), put(b"b", b"1", ABSENT)], [remove(b"a", before)]):
        session = server.session()
        session.run("BEGIN")
        session.run(f"UPDATE descope_conn.vault_rows SET version = {before + 1} WHERE {row_of(vault, b'a')}")
        thread, end = in_thread(lambda writes=writes: store.commit(*writes))
        wait_for_lock(server)
        session.run("COMMIT")
        thread.join()
        assert end == ["conflict"]
        session.run(f"UPDATE descope_conn.vault_rows SET version = {before} WHERE {row_of(vault, b'a')}")
        session.close()
    assert store.get(b"b") is None


def test_two_that_make_the_same_row(server: Server, open_store: Any) -> None:
    vault = uuid.uuid4().hex
    store = open_store(server.socket_url(), vault)
    for ending, expected in (("COMMIT", "conflict"), ("ROLLBACK", "none")):
        session = server.session()
        session.run("BEGIN")
        session.run(f"INSERT INTO descope_conn.vault_rows VALUES ('{vault}', '\\x62', 5, '')")
        thread, end = in_thread(lambda: store.commit(put(b"b", b"1", ABSENT), put(b"a", b"1", ANY)))
        wait_for_lock(server)
        session.run(ending)
        session.close()
        thread.join()
        assert end == [expected]
        assert (store.get(b"a") is None) == (expected == "conflict")
        store.commit(remove(b"b"), remove(b"a"))


def test_a_row_must_be_absent_until_the_commit_is_done(server: Server, open_store: Any) -> None:
    vault = uuid.uuid4().hex
    store = open_store(server.socket_url(), vault)
    store.commit(put(b"a", b"0", ABSENT))
    store.commit(keep(b"b", ABSENT), put(b"a", b"1", ANY))
    assert [row.key for row in store.scan(b"", 9)] == [b"a"]
    store.commit(put(b"b", b"0", ABSENT))
    assert code_of(lambda: store.commit(keep(b"b", ABSENT), put(b"a", b"2", ANY))) == "conflict"
    assert code_of(lambda: store.commit(remove(b"b", ABSENT), put(b"a", b"2", ANY))) == "conflict"
    assert [row.value for row in store.scan(b"", 9)] == [b"1", b"0"]


def test_deadlocks_are_tried_again(server: Server, open_store: Any) -> None:
    """Each keeps what the other one changes."""
    store = open_store(server.socket_url())
    store.commit(put(b"a", b"", ABSENT), put(b"b", b"", ABSENT))
    failures: list[str] = []
    before = server.log().count("deadlock detected")

    def run(kept: bytes, changed: bytes) -> None:
        while server.log().count("deadlock detected") < before + 3 and not failures:
            try:
                store.commit(keep(kept, version(store, kept)), put(changed, b"x", version(store, changed)))
            except StoreError as error:
                if error.code != "conflict":
                    failures.append(str(error))

    threads = [threading.Thread(target=run, args=pair) for pair in ((b"a", b"b"), (b"b", b"a")) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_commits_of_many_rows_do_not_lock_each_other_dead(server: Server, open_store: Any) -> None:
    """Whatever the order of their parts: rows are locked in the order of their keys."""
    vault = uuid.uuid4().hex
    store = open_store(server.socket_url(), vault)
    keys = [b"r%02d" % index for index in range(20)]
    store.commit(*[put(key, b"0", ABSENT) for key in keys])
    writes = [put(key, b"1", version(store, key)) for key in keys]
    before = server.log().count("deadlock detected")
    session = server.session()
    session.run("BEGIN")
    session.run(f"SELECT 1 FROM descope_conn.vault_rows WHERE {row_of(vault, keys[10])} FOR UPDATE")
    first, first_end = in_thread(lambda: store.commit(*writes))
    second, second_end = in_thread(lambda: store.commit(*writes[::-1]))
    wait_until(lambda: int(server.sql("SELECT count(*) FROM pg_locks WHERE NOT granted")) >= 2)
    session.run("ROLLBACK")
    session.close()
    first.join()
    second.join()
    assert sorted(first_end + second_end) == ["conflict", "none"]
    assert server.log().count("deadlock detected") == before


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_isolation_that_somebody_else_sets_changes_nothing(server: Server, open_store: Any, level: str) -> None:
    server.sql(f"ALTER ROLE vault_service SET default_transaction_isolation = '{level}'")
    try:
        store = open_store(server.socket_url())
        store.commit(put(b"n", b"0", ABSENT))
        failures: list[str] = []

        def run() -> None:
            added = 0
            while added < 10:
                row = store.get(b"n")
                try:
                    store.commit(put(b"n", str(int(row.value) + 1).encode(), row.version))
                    added += 1
                except StoreError as error:
                    if error.code != "conflict":
                        failures.append(str(error))
                        return

        threads = [threading.Thread(target=run) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert store.get(b"n").value == b"60"
        assert "could not serialize" not in server.log()
    finally:
        server.sql("ALTER ROLE vault_service RESET default_transaction_isolation")


def test_receipts_are_removed_after_an_hour(server: Server, open_store: Any) -> None:
    server.sql(
        "INSERT INTO descope_conn.vault_receipts (id, written)"
        " SELECT -n, now() - interval '61 minutes' FROM generate_series(1, 9) n"
    )
    store = open_store(server.socket_url())

    def are_there() -> bool:
        return server.sql("SELECT count(*) FROM descope_conn.vault_receipts WHERE id < 0") != "0"

    def run() -> None:
        while not gone.is_set():
            store.commit(put(b"%d" % threading.get_ident(), b"", ANY))

    gone = threading.Event()
    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: not are_there())
    finally:
        gone.set()
        for thread in threads:
            thread.join()
