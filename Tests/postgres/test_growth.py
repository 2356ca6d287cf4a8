"""What a store asks of its server as it grows, counted in blocks and not in time."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plugin import ABSENT, ANY, Store, get, put, scan
from server import PLUGIN, ROOT, Server, wait_until

FETCHES = 50


@pytest.fixture(scope="module")
def big_server() -> Iterator[Server]:
    server = Server(**{"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track_planning": "on"})
    server.sql("CREATE EXTENSION pg_stat_statements")
    yield server
    server.remove()


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("load") / "load"
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-pthread", f"-I{ROOT}/include"]
    subprocess.run(["cc", *flags, "-o", str(program), str(ROOT / "Tests/postgres/load.c")], check=True)
    return program


def statistic(server: Server, expression: str, view: str = "pg_stat_user_tables") -> int:
    return int(server.sql(f"SELECT {expression} FROM {view} WHERE relname = 'vault_rows'"))


def blocks(server: Server) -> int:
    hit = "heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read"
    return statistic(server, hit, "pg_statio_user_tables")


def blocks_of_a_fetch(server: Server, vault: str) -> float:
    """A row by its key, and those of a prefix."""
    before, scanned, wholly = blocks(server), statistic(server, "idx_scan"), statistic(server, "seq_scan")
    store = Store(str(PLUGIN), {"url": server.socket_url(), "vault": vault})
    for number in range(FETCHES):
        rows = store.read(get(b"a"), scan(b"t%08d" % (number * 17), 10))
        assert [len(part) for part in rows] == [1, 1]
    store.close()  # only then the server tells what it has counted
    wait_until(lambda: statistic(server, "idx_scan") >= scanned + 2 * FETCHES)
    assert statistic(server, "seq_scan") == wholly
    return (blocks(server) - before) / FETCHES


def test_a_fetch_of_a_large_vault_touches_as_much_as_one_of_a_small(big_server: Server) -> None:
    server, vault = big_server, uuid.uuid4().hex
    store = Store(str(PLUGIN), {"url": server.socket_url(), "vault": vault})
    store.commit(put(b"a", b"", ABSENT))
    store.close()

    def grow(first: int, last: int) -> None:
        server.sql(
            f"INSERT INTO descope_conn.vault_rows SELECT '{vault}', convert_to('t' || lpad(n::text, 8, '0'), 'UTF8'), "
            f"n + 1, decode(repeat('78', 600), 'hex') FROM generate_series({first}, {last}) n"
        )

    grow(0, 999)
    small = blocks_of_a_fetch(server, vault)
    grow(1000, 200_000)
    large = blocks_of_a_fetch(server, vault)
    assert large <= 1.5 * small
    server.sql("ANALYZE descope_conn.vault_rows")
    assert blocks_of_a_fetch(server, vault) <= 1.5 * small


def test_rows_that_change_often_stay_where_they_are(big_server: Server, load: Path) -> None:
    """A new version needs no change of the index, and takes the place of an old one."""
    server = big_server
    config = json.dumps({"url": server.socket_url(), "vault": uuid.uuid4().hex})
    before, hot = statistic(server, "n_tup_upd"), statistic(server, "n_tup_hot_upd")
    done = subprocess.run(
        [str(load), str(PLUGIN), config, "contend", "4", "4", "300"], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) > 0
    wait_until(lambda: statistic(server, "n_tup_upd") > before)
    updated, stayed = statistic(server, "n_tup_upd") - before, statistic(server, "n_tup_hot_upd") - hot
    assert stayed >= 0.8 * updated


def test_the_server_plans_a_statement_once_in_a_session(big_server: Server, open_store: Any) -> None:
    server = big_server
    store = open_store(server.socket_url())
    server.sql("SELECT pg_stat_statements_reset()")
    for number in range(FETCHES):
        store.read(get(b"a"), scan(b"b", 10))
        store.commit(put(b"c", b"", ANY), put(b"d%03d" % number, b"", ABSENT))
    told = server.sql(
        "SELECT calls, plans FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid "
        f"WHERE rolname = 'vault_service' AND query LIKE '%vault_rows%' AND calls = {FETCHES}"
    )
    assert told.splitlines() == [f"{FETCHES}|1"] * 2
