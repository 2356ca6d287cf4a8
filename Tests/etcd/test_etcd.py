"""What a network and a server do to the store in etcd; Tests/stores has what any store is put through."""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server import PLUGIN, Server, free_port

sys.path.append(str(Path(__file__).resolve().parent.parent / "stores"))

from plugin import ABSENT, ANY, Store, StoreError, put, remove  # noqa: E402
from proxy import DELAY, LOSE_ANSWER, LOSE_REQUEST, PASS, Proxy  # noqa: E402


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    proxy = Proxy(server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def vault() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def open_store(server: Server, vault: str) -> Iterator[Callable[..., Store]]:
    opened: list[Store] = []

    def open_store(port: int | None = None) -> Store:
        opened.append(Store(str(PLUGIN), server.config(vault, port)))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


def code_of(call: Callable[[], object]) -> str:
    try:
        call()
    except StoreError as error:
        return error.code
    return "none"


@pytest.mark.parametrize("again", [PASS, LOSE_ANSWER, LOSE_REQUEST])
@pytest.mark.parametrize("lost", [LOSE_ANSWER, LOSE_REQUEST])
def test_a_lost_commit_is_written_once(proxy: Proxy, open_store: Callable[..., Store], lost: str, again: str) -> None:
    """Nor does it matter if the question about it is lost as well."""
    store = open_store(proxy.port)
    store.commit(put(b"changed", b"0", ABSENT), put(b"gone", b"0", ABSENT))
    rows = {row.key: row.version for row in store.scan(b"", 9)}
    proxy.plan = [lost, again]
    store.commit(
        put(b"changed", b"1", rows[b"changed"]),
        put(b"made", b"1", ABSENT),
        put(b"any", b"1", ANY),
        remove(b"gone", rows[b"gone"]),
    )
    assert proxy.plan == []
    assert {row.key: row.value for row in store.scan(b"", 9)} == {b"changed": b"1", b"made": b"1", b"any": b"1"}


@pytest.mark.parametrize("lost", [LOSE_ANSWER, LOSE_REQUEST, DELAY])
def test_what_others_do_meanwhile_hides_nothing(proxy: Proxy, open_store: Callable[..., Store], lost: str) -> None:
    store, other = open_store(proxy.port), open_store()
    store.commit(put(b"a", b"0", ABSENT))
    before = store.get(b"a").version
    proxy.plan = [lost]
    proxy.on_loss = lambda: other.commit(put(b"a", b"other", other.get(b"a").version))
    told = code_of(lambda: store.commit(put(b"a", b"1", before)))
    assert told == ("none" if lost == LOSE_ANSWER else "conflict")
    assert store.get(b"a").value == b"other"


def test_a_commit_that_was_told_to_have_failed_stays_so(proxy: Proxy, open_store: Callable[..., Store]) -> None:
    """It arrives when its row is as it wants it once more."""
    store, other = open_store(proxy.port), open_store()
    proxy.plan = [DELAY]
    proxy.on_loss = lambda: other.commit(put(b"a", b"other", ABSENT))
    assert code_of(lambda: store.commit(put(b"a", b"1", ABSENT))) == "conflict"
    other.commit(remove(b"a", other.get(b"a").version))
    proxy.release()
    assert store.get(b"a") is None


def test_a_server_that_is_killed_loses_nothing_that_was_confirmed(vault: str) -> None:
    server = Server()
    store = Store(str(PLUGIN), server.config(vault))
    try:
        confirmed: list[int] = []
        end = threading.Event()

        def write() -> None:
            while not end.is_set():
                number = len(confirmed)
                store.commit(put(b"%d" % number, b"x", ABSENT), timeout=60)
                confirmed.append(number)

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(3):
            before = len(confirmed)
            while len(confirmed) < before + 20:
                assert writer.is_alive()
            server.kill()
            server.start()
        end.set()
        writer.join()
        assert {row.key for row in store.scan(b"", 100_000)} == {b"%d" % number for number in confirmed}
    finally:
        store.close()
        server.remove()


def test_what_cannot_be_opened_is_told() -> None:
    for endpoints, code in [
        ([], "invalid_config"),
        (["https://127.0.0.1:1"], "invalid_config"),
        ([f"http://127.0.0.1:{free_port()}"], "unavailable"),
    ]:
        assert code_of(lambda endpoints=endpoints: Store(str(PLUGIN), {"endpoints": endpoints})) == code


def test_a_call_ends_at_its_deadline(server: Server, open_store: Callable[..., Store]) -> None:
    store = open_store()
    server.process.send_signal(19)  # SIGSTOP
    try:
        for call in (lambda: store.get(b"a", timeout=0.2), lambda: store.commit(put(b"a", b"", ANY), timeout=0.2)):
            assert code_of(call) in ("timeout", "unavailable")
    finally:
        server.process.send_signal(18)  # SIGCONT
