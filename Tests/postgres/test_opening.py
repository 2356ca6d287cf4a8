"""What a store says of a database that will not do, and what it does not say."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plugin import ABSENT, Store, StoreError, log_lines, put
from server import PASSWORD, PLUGIN, Server, give_away


def refusal(url: Any, **config: Any) -> StoreError:
    with pytest.raises(StoreError) as caught:
        Store(str(PLUGIN), {"url": url, "openTimeoutMs": 2000, **config}).close()
    for secret in (PASSWORD, "hunter2"):
        assert secret not in str(caught.value)
        assert not any(secret in line for line in log_lines())
    return caught.value


# --- The config ---


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "url is missing"),
        ({"url": "host=a", "colour": "red"}, "unknown field"),
        ({"url": "host=a", "password": "hunter2"}, "unknown field"),
        ({"url": {"env": "A", "file": "/b"}}, "url is missing"),
        ({"url": 5}, "are texts"),
        ({"url": "host=a", "prepared": "no"}, "true or false"),
        ({"url": "host=a", "poolSize": 0}, "poolSize"),
        ({"url": "host=a", "poolSize": 65}, "poolSize"),
        ({"url": "host=a", "poolSize": 1.5}, "poolSize"),
        ({"url": "host=a", "openTimeoutMs": 1}, "openTimeoutMs"),
        ({"url": "host=a", "schema": 'a"b'}, "schema"),
        ({"url": "host=a", "schema": ""}, "schema"),
        ({"url": "host=a", "vault": "a b"}, "vault"),
        ({"url": "host=a", "vault": "a" * 65}, "vault"),
        ({"url": "host=a", "vault": {"env": "HOME"}}, "unknown field"),
        ({"url": "host=a", "vault": ["a"]}, "no object"),
        ({"url": "host=a hunter2"}, "neither a URL"),
        ({"url": "postgresql://u:hunter2@h/%zz"}, "neither a URL"),
    ],
)
def test_configs_that_are_wrong(config: dict[str, Any], words: str) -> None:
    with pytest.raises(StoreError) as caught:
        Store(str(PLUGIN), config)
    assert caught.value.code == "invalid_config"
    assert words in caught.value.message
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("number", [0, 1, 2])
def test_sources_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.delenv("NO_SUCH", raising=False)
    open_to_all = tmp_path / "open"
    open_to_all.write_text("host=a\n")
    open_to_all.chmod(0o666)
    source = [{"file": "/no/such"}, {"env": "NO_SUCH"}, {"file": str(open_to_all)}][number]
    assert refusal(source).code == "misconfigured"


def test_sources(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_store: Any) -> None:
    file = tmp_path / "url"
    file.write_text(server.network_url() + "\n")
    open_store({"file": str(file)})
    monkeypatch.setenv("THE_URL", server.network_url(password=""))
    monkeypatch.setenv("THE_PASSWORD", PASSWORD)
    open_store({"env": "THE_URL"}, password={"env": "THE_PASSWORD"})
    url = f"postgresql://vault_service:{PASSWORD}@localhost:{server.port}/vault?sslmode=disable"
    open_store(url)  # a name, which is looked up
    with pytest.raises(StoreError):
        open_store({"env": "THE_URL"})


# --- The server ---


def test_who_may_not(server: Server) -> None:
    assert refusal(server.network_url(password="hunter2")).code == "misconfigured"
    assert refusal(server.network_url(user="nobody")).code == "misconfigured"
    assert refusal(server.socket_url(user="nobody")).code == "misconfigured"
    no_database = refusal(server.network_url(dbname="nothing"))
    assert (no_database.code, no_database.message) == ("misconfigured", "there is no such database")


def test_a_role_without_rights(server: Server) -> None:
    server.sql("CREATE ROLE stranger LOGIN")
    assert "rights" in refusal(server.socket_url(user="stranger")).message


def test_the_service_needs_no_right_to_change_the_schema(server: Server) -> None:
    for statement in (
        "CREATE TABLE descope_conn.mine ()",
        "ALTER TABLE descope_conn.vault_rows ADD COLUMN mine int",
        "DROP TABLE descope_conn.vault_rows",
        "TRUNCATE descope_conn.vault_rows",
        "UPDATE descope_conn.vault_schema SET version = 2",
    ):
        with pytest.raises(AssertionError, match=r"permission denied|must be owner"):
            server.sql(statement, user="vault_service")


def test_a_schema_that_is_missing_or_of_another_version(server: Server, open_store: Any) -> None:
    assert "run schema.sql" in refusal(server.socket_url(), schema="elsewhere").message
    server.migrate(schema="elsewhere")
    server.migrate(schema="elsewhere")  # changes nothing
    open_store(server.socket_url(), schema="elsewhere").commit(put(b"a", b"", ABSENT))
    server.sql("UPDATE elsewhere.vault_schema SET version = 2")
    assert "another version" in refusal(server.socket_url(), schema="elsewhere").message


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("synchronous_commit = off", "synchronous_commit"),
        ("default_transaction_read_only = on", "read-only"),
    ],
)
def test_a_database_that_would_lose_or_refuse_commits(server: Server, setting: str, words: str) -> None:
    server.sql(f"ALTER ROLE vault_service SET {setting}")
    try:
        assert words in refusal(server.socket_url()).message
    finally:
        server.sql(f"ALTER ROLE vault_service RESET {setting.split()[0]}")


def test_too_many_connections(server: Server, open_store: Any) -> None:
    server.sql("ALTER ROLE vault_service CONNECTION LIMIT 1")
    try:
        open_store(server.socket_url())
        refused = refusal(server.socket_url())
        assert refused.code == "unavailable"
        assert "too many connections" in refused.message
    finally:
        server.sql("ALTER ROLE vault_service CONNECTION LIMIT -1")


Answer = Callable[[socket.socket], None]


@pytest.fixture
def listener() -> Iterator[Callable[[Answer], int]]:
    """Something at a port that answers each connection as told."""
    listeners: list[socket.socket] = []

    def listen(answer: Answer) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        return listener.getsockname()[1]

    yield listen
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_nobody_there(server: Server, listener: Callable[[Answer], int]) -> None:
    refused = threading.Event()

    def hold(connection: socket.socket) -> None:
        refused.wait(60)
        connection.close()

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert refusal(server.network_url(port=closed.getsockname()[1])).code == "unavailable"
    assert refusal(server.network_url(port=listener(hold))).code == "unavailable"
    refused.set()
    assert refusal(server.network_url(host="no-such-host.invalid")).code == "unavailable"


NONSENSE = [
    b"",
    b"\x00" * 100,
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I",  # in, without a word about itself
    b"R\x00\x00\x00\x08\x00\x00\x00\x63",
    b'E\x00\x00\x00\x2aSFATAL\x00C"},"x\x00Mhunter2 {}\x00\x00' + b"\x00" * 16,
    b"E\xff\xff\xff\xff",
]


@pytest.mark.parametrize("words", NONSENSE)
def test_a_server_that_answers_nonsense(server: Server, listener: Callable[[Answer], int], words: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(words)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1000)
        connection.close()

    assert refusal(server.network_url(port=listener(answer)), openTimeoutMs=500).code in (
        "unavailable",
        "misconfigured",
    )


def test_the_first_of_several_hosts_that_is_a_primary(
    server: Server, listener: Callable[[Answer], int], open_store: Any
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = f"{closed.getsockname()[1]},{server.port}"
        open_store(server.network_url(host="127.0.0.1,localhost", port=ports)).commit(put(b"a", b"", ABSENT))
        open_store(server.network_url(host="no-such-host.invalid,localhost", port=ports))


# --- TLS ---


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)


def make_certificates(folder: Path) -> None:
    """An authority, and a server's certificate for localhost."""
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl(folder, *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=tests")
    signed = ("-subj", "/CN=localhost", "-CA", "ca.pem", "-CAkey", "ca.key")
    extensions = ("-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE")
    openssl(folder, *new, "-keyout", "server.key", "-out", "server.crt", *signed, *extensions)


@pytest.fixture(scope="module")
def tls_server() -> Iterator[Server]:
    server = Server()
    if "ssl" not in server.run("pg_config", "--configure"):
        pytest.skip("this PostgreSQL was built without TLS")
    make_certificates(server.data)
    (server.data / "server.key").chmod(0o600)
    give_away(server.data)
    (server.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
    server.settings["ssl"] = "on"
    server.restart()
    yield server
    server.remove()


def tls_url(server: Server, host: str = "localhost", **parameters: str) -> str:
    url = server.network_url(host=host, **parameters)
    return url if "sslmode" in parameters else url.replace("sslmode=disable", "")


def test_the_server_is_verified(server: Server, tls_server: Server, open_store: Any) -> None:
    authority = str(tls_server.data / "ca.pem")
    store = open_store(tls_url(tls_server, sslrootcert=authority))
    store.commit(put(b"a", b"", ABSENT))
    used = tls_server.sql("SELECT bool_and(ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) "
                          "WHERE a.usename = 'vault_service'")  # fmt: skip
    assert used == "t"
    assert "cannot be verified" in refusal(tls_url(tls_server)).message
    assert "another host" in refusal(tls_url(tls_server, host="127.0.0.1", sslrootcert=authority)).message
    assert "sslrootcert" in refusal(tls_url(tls_server, sslrootcert="/no/such")).message
    assert "does not support TLS" in refusal(tls_url(server, sslrootcert=authority)).message
    assert refusal(tls_url(tls_server, sslmode="disable")).code == "misconfigured"


def test_the_machines_authorities_are_trusted(
    tls_server: Server, monkeypatch: pytest.MonkeyPatch, open_store: Any
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_server.data / "ca.pem"))
    open_store(tls_url(tls_server))
