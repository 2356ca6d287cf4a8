"""TLS as the release library does it: its OpenSSL is built for what a client needs, and this holds it to that.

The Swift tests of TLS run with the system's libcurl. Needs DESCOPE_CONN_LIBRARY.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "Tests/servers"), str(ROOT / "bindings/python")]
import certs  # noqa: E402
from descope_conn import Client, ConnError  # noqa: E402

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
TOKEN = {"appId": "crm", "userId": "alice", "accessToken": "the-token", "accessTokenType": "Bearer"}

# What certificate authorities sign with, and servers have.
KEYS: dict[str, Callable[[], certs.CertificateIssuerPrivateKeyTypes]] = {
    "RSA-2048": lambda: rsa.generate_private_key(65537, 2048),
    "RSA-4096": lambda: rsa.generate_private_key(65537, 4096),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps({"token": TOKEN}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Does its part of the handshake in the thread of the connection; a client that refuses it is no error here."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


@contextmanager
def serving(context: ssl.SSLContext) -> Iterator[str]:
    with Server(context) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def fetch(url: str, authority: Path) -> str:
    config = {
        "backend": "cloud",
        "projectId": "P" + "2" * 27,
        "managementKey": "a-management-key",
        "baseUrl": url,
        "caFile": str(authority),
        "proxy": "",
        "retry": {"attempts": 1},
        "timeoutMs": 30_000,
    }
    with Client(config) as client:
        return client.fetch_token("crm", user_id="alice").access_token


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certs")
    certs.make(folder)
    for name, key in KEYS.items():
        authority = certs.Authority(f"CA with {name}", key())
        authority.write(folder / f"ca {name}.pem")
        end = datetime.now(UTC) + timedelta(days=1)
        certs.write_server(folder / name, authority, certs.LOCAL, end, key())
    return folder


@pytest.mark.parametrize("name", ["expired", "wrong-name", "untrusted"])
def test_a_certificate_that_is_not_good_enough_is_refused(folder: Path, name: str) -> None:
    with (
        serving(context(folder / f"{name}.pem")) as url,
        pytest.raises(ConnError, match="certificate") as raised,
    ):
        fetch(url, folder / "ca.pem")
    assert "a-management-key" not in str(raised.value)


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
@pytest.mark.parametrize("name", KEYS)
def test_the_keys_of_authorities_and_servers(folder: Path, name: str, version: ssl.TLSVersion) -> None:
    server = context(folder / f"{name}.pem")
    server.minimum_version = server.maximum_version = version
    with serving(server) as url:
        assert fetch(url, folder / f"ca {name}.pem") == "the-token"


@pytest.mark.parametrize(
    "cipher",
    [
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-RSA-AES256-SHA384",
        "ECDHE-RSA-AES128-SHA",
        "AES128-GCM-SHA256",
    ],
)
def test_ciphers_of_tls_1_2(folder: Path, cipher: str) -> None:
    server = context(folder / "RSA-2048.pem")
    server.maximum_version = TLS_1_2
    server.set_ciphers(cipher)
    with serving(server) as url:
        assert fetch(url, folder / "ca RSA-2048.pem") == "the-token"


@pytest.mark.parametrize("curve", ["prime256v1", "secp384r1", "secp521r1"])
@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_curves_of_the_key_exchange(folder: Path, version: ssl.TLSVersion, curve: str) -> None:
    server = context(folder / "RSA-2048.pem")
    server.maximum_version = version
    server.set_ecdh_curve(curve)
    with serving(server) as url:
        assert fetch(url, folder / "ca RSA-2048.pem") == "the-token"


def test_a_key_that_is_too_short_is_refused(folder: Path) -> None:
    """OpenSSL's security level 2, which Debian sets: 112 bits, so no RSA below 2048."""
    authority = certs.Authority("CA of a short key")
    authority.write(folder / "ca short.pem")
    end = datetime.now(UTC) + timedelta(days=1)
    certs.write_server(folder / "short", authority, certs.LOCAL, end, rsa.generate_private_key(65537, 1024))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers("DEFAULT:@SECLEVEL=0")
    server.load_cert_chain(folder / "short.pem", folder / "short.key")
    with serving(server) as url, pytest.raises(ConnError, match="certificate"):
        fetch(url, folder / "ca short.pem")


def test_a_server_without_tls_1_2_is_refused(folder: Path) -> None:
    server = context(folder / "RSA-2048.pem")
    with pytest.warns(DeprecationWarning):
        server.minimum_version = server.maximum_version = ssl.TLSVersion.TLSv1_1
    server.set_ciphers("ALL:@SECLEVEL=0")
    with serving(server) as url, pytest.raises(ConnError):
        fetch(url, folder / "ca RSA-2048.pem")


def test_the_configuration_of_another_openssl_is_not_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first use of OpenSSL in a process would read it, so a new one fetches."""
    file = tmp_path / "openssl.cnf"
    file.write_text(
        "openssl_conf = start\n"
        "[start]\nssl_conf = tls\n"
        "[tls]\nsystem_default = policy\n"
        "[policy]\nCipherString = ECDHE-RSA-AES256-GCM-SHA384\n"
    )
    monkeypatch.setenv("OPENSSL_CONF", str(file))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    server = context(folder / "RSA-2048.pem")
    server.maximum_version = TLS_1_2
    server.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    with serving(server) as url:
        program = "import pathlib, sys, test_tls; print(test_tls.fetch(sys.argv[1], pathlib.Path(sys.argv[2])))"
        child = [sys.executable, "-c", program, url, str(folder / "ca RSA-2048.pem")]
        done = subprocess.run(child, check=False, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("the-token\n", "")
