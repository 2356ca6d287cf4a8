"""A PostgreSQL of our own in a temporary folder, and what stands between it and its clients. An ordinary user runs it.

DESCOPE_CONN_POSTGRES names the folder of another PostgreSQL's programs than the newest of Debian's.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SCHEMA = ROOT / "stores/postgres/schema.sql"
PLUGIN = Path(os.environ.get("DESCOPE_CONN_POSTGRES_STORE", ROOT / ".build-postgres/libdescope_conn_store_postgres.so"))

PASSWORD = "correct-horse-battery"

SETTINGS = {
    "fsync": "off",  # the machine is not going to fail
    "max_connections": "600",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
    "deadlock_timeout": "100ms",
    "log_min_messages": "warning",
    "autovacuum_naptime": "5s",
}


def programs() -> Path:
    named = os.environ.get("DESCOPE_CONN_POSTGRES")
    if named:
        return Path(named)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    assert found, "there is no PostgreSQL; scripts/setup installs it"
    return found[-1].parent


def as_user(command: list[str]) -> list[str]:
    """The command, run by somebody who is not root, as PostgreSQL insists, and without a sanitizer that is preloaded
    for the store."""
    command = ["env", "--unset=LD_PRELOAD", *command]
    if os.getuid() != 0:
        return command
    user = pwd.getpwnam("nobody")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]


def give_away(path: Path) -> None:
    if os.getuid() == 0:
        user = pwd.getpwnam("nobody")
        for each in [path, *path.rglob("*")]:
            os.chown(each, user.pw_uid, user.pw_gid)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """Roles: `owner` owns the schema, `vault_service` is the vault's and has PASSWORD. Over the socket anybody is
    trusted, over the network everybody has to give a password."""

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="descope-conn-postgres-", dir="/tmp"))
        self.data = self.folder / "data"
        self.port = free_port()
        self.settings = {**SETTINGS, **settings}
        give_away(self.folder)
        self.run("initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8")
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        self.start()
        self.sql("CREATE ROLE owner LOGIN", database="postgres")
        self.sql(f"CREATE ROLE vault_service LOGIN PASSWORD '{PASSWORD}'", database="postgres")
        self.sql("CREATE DATABASE vault OWNER owner", database="postgres")
        self.migrate()

    def run(self, program: str, *arguments: str, given: str = "") -> str:
        done = subprocess.run(
            as_user([str(programs() / program), *arguments]),
            input=given,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in self.settings.items())
        self.run(
            "pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-w", "-t", "60",
            "-o", f"-p {self.port} -k {self.folder} {options}", "start",
        )  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        """`immediate`: as if it were killed."""
        self.run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        subprocess.run(
            as_user([str(programs() / "pg_ctl"), "-D", str(self.data), "-m", "immediate", "-w", "stop"]),
            capture_output=True,
            timeout=60,
        )
        shutil.rmtree(self.folder, ignore_errors=True)

    def migrate(self, **variables: str) -> None:
        given = [f"--set={name}={value}" for name, value in {"service": "vault_service", **variables}.items()]
        self.run(
            "psql",
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            *given,
            "-f",
            "-",
            self.socket_url(user="owner"),
            given=SCHEMA.read_text(),
        )

    def sql(self, statement: str, database: str = "vault", user: str = "postgres") -> str:
        """What the statement answers, as psql shows it, without the frame."""
        return self.run("psql", "-X", "-qAt", "-c", statement, self.socket_url(user, database)).strip()

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def session(self, user: str = "postgres") -> Session:
        return Session(self, user)

    # What a store is told.

    def socket_url(self, user: str = "vault_service", database: str = "vault") -> str:
        return f"host={self.folder} port={self.port} user={user} dbname={database}"

    def network_url(self, password: str = PASSWORD, **parameters: Any) -> str:
        given = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "vault_service",
            "dbname": "vault",
            "password": password,
            "sslmode": "disable",
            **parameters,
        }
        return " ".join(f"{name}={value}" for name, value in given.items() if value != "")


class Session:
    """A psql that stays connected, and that is told one statement at a time."""

    def __init__(self, server: Server, user: str) -> None:
        self._process = subprocess.Popen(
            as_user([str(programs() / "psql"), "-X", "-qAt", server.socket_url(user)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, statement: str) -> list[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(statement, ";\n\\echo done", file=self._process.stdin, flush=True)
        return list(iter(self._process.stdout.readline, "done\n"))

    def close(self) -> None:
        self._process.communicate()


class Pooler:
    """PgBouncer in transaction mode, over a server."""

    def __init__(self, server: Server, **settings: str) -> None:
        self.server = server
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="descope-conn-pooler-", dir="/tmp"))
        (self.folder / "users").write_text('"vault_service" ""\n')
        options = {
            "listen_addr": "",
            "unix_socket_dir": str(self.folder),
            "listen_port": self.port,
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": "4",
            "max_client_conn": "500",
            "logfile": str(self.folder / "log"),
            **settings,
        }
        lines = "\n".join(f"{name} = {value}" for name, value in options.items())
        (self.folder / "ini").write_text(
            f"[databases]\nvault = host={server.folder} port={server.port} user=vault_service\n[pgbouncer]\n{lines}\n"
        )
        give_away(self.folder)
        found = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
        assert found, "there is no PgBouncer; scripts/setup installs it"
        self._process = subprocess.Popen(as_user([found, "-q", str(self.folder / "ini")]), stderr=subprocess.DEVNULL)
        wait_until(lambda: (self.folder / f".s.PGSQL.{self.port}").exists())

    def url(self) -> str:
        return f"host={self.folder} port={self.port} user=vault_service dbname=vault"

    def remove(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_until(holds: Any, seconds: float = 30) -> None:
    """For something that another process is about to do."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
