"""The packages of the command descope-conn: what is inside, and that it works from where they put it.

DESCOPE_CONN_COMMAND names another build than the debug build of service/. Only one that has Swift's runtime inside, as
make cli makes it, can be tried in an empty Debian.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT
from test_debian import sources

COMMAND = Path(os.environ.get("DESCOPE_CONN_COMMAND", ROOT / "service/.build/debug/descope-conn"))
CHECK = Path(__file__).parent / "debian/check-command.sh"
COMPLETIONS = {
    "share/bash-completion/completions/descope-conn",
    "share/zsh/site-functions/_descope-conn",
    "share/fish/vendor_completions.d/descope-conn.fish",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all of them."""
    folder = tmp_path_factory.mktemp("command")
    dist = folder / "dist"
    for name in ("bin", "lib"):
        (dist / name).mkdir(parents=True)
    command = dist / "bin/descope-conn"
    subprocess.run(["strip", "-o", command, COMMAND], check=True)
    shutil.copy(os.environ["DESCOPE_CONN_LIBRARY"], dist / "lib/libdescope_conn.so.1")
    environment = {
        "DESCOPE_CONN_DEPS": f"{ROOT}/.deps",
        **os.environ,
        "DESCOPE_CONN_COMMAND": str(command),
        "PYTHON": sys.executable,
    }
    checkouts = next(folder for folder in COMMAND.resolve().parents if (folder / "checkouts").exists()) / "checkouts"
    for script, *arguments in (
        ("cli-docs", "--man", dist / "share/man/man1"),
        ("cli-packages", dist, checkouts, folder / "made"),
    ):
        subprocess.run(
            [ROOT / "scripts" / script, *arguments],
            check=True,
            env={**environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        )
    return folder / "made"


def unpacked(made: Path, ending: str, into: Path) -> Path:
    """Where a package is after it is installed, with its library in its place."""
    (package,) = made.glob(f"*{ending}")
    if ending == ".tar.gz":
        with tarfile.open(package) as files:
            files.extractall(into)
        return into / package.name.split("-linux-")[0]
    if ending == ".deb":
        subprocess.run(["dpkg-deb", "--extract", package, into], check=True)
        # The library is another package's.
        library = into / "usr/lib/libdescope_conn.so.1"
        shutil.copy(os.environ["DESCOPE_CONN_LIBRARY"], library)
        return into / "usr"
    subprocess.run([sys.executable, "-m", "venv", into], check=True)
    subprocess.run([into / "bin/pip", "install", "--quiet", "--no-index", package], check=True)
    return into


@pytest.mark.parametrize("ending", [".tar.gz", ".whl", ".deb"])
def test_it_works_from_where_it_is_installed(made: Path, ending: str, tmp_path: Path) -> None:
    root = unpacked(made, ending, tmp_path / "root")
    ran = subprocess.run(
        ["/bin/sh", CHECK, root / "bin/descope-conn"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ok\n", "")


@pytest.mark.parametrize("ending", [".tar.gz", ".whl", ".deb"])
def test_what_belongs_to_it_is_inside(made: Path, ending: str, tmp_path: Path) -> None:
    root = unpacked(made, ending, tmp_path / "root")
    commands = re.findall(r"^## ([a-z][a-z -]*)$", (ROOT / "docs/cli.md").read_text(), re.M)
    pages = {file.name.split(".")[0] for file in (root / "share/man/man1").iterdir()}
    assert pages == {"descope-conn", *(f"descope-conn-{command.replace(' ', '-')}" for command in commands)}
    (bill,) = made.glob("*.spdx.json")
    parts = {part["name"] for part in json.loads(bill.read_text())["packages"]}
    assert {"hummingbird", "swift-nio-ssl", "openssl"} <= parts
    found = {str(file.relative_to(root)) for file in (root / "share").rglob("*") if file.is_file()}
    if ending == ".deb":
        assert (root / "lib/systemd/system/descope-conn.service").exists()
        found = {name.replace("vendor-completions", "site-functions") for name in found}
        notices = root / "share/doc/descope-conn/copyright"
    elif ending == ".tar.gz":
        notices = root / "share/licenses/descope-conn/LICENSES.third-party"
    else:
        (notices,) = root.glob("lib/python3*/site-packages/*.dist-info/licenses/LICENSES.third-party")
    assert found >= COMPLETIONS
    text = notices.read_text()
    for part in ("Swift runtime", "openssl", "sqlite3", "hummingbird/LICENSE", "swift-nio-ssl/NOTICE", "BoringSSL"):
        assert re.search(rf"^{part}.*\n=+$", text, re.M), part
    assert "The BoringSSL Authors" in text


def test_the_wheel_is_for_what_the_command_runs_on(made: Path) -> None:
    (wheel,) = made.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        (name,) = (name for name in files.namelist() if name.endswith("/WHEEL"))
        tag = re.search(r"^Tag: (.+)$", files.read(name).decode(), re.M)
    assert tag
    assert wheel.name.endswith(f"-{tag[1]}.whl")
    symbols = subprocess.run(["objdump", "-T", COMMAND], capture_output=True, text=True, check=True).stdout
    newest = max(tuple(map(int, found)) for found in re.findall(r"GLIBC_(\d+)\.(\d+)", symbols))
    assert (2, 34) <= newest == tuple(map(int, re.findall(r"manylinux_(\d+)_(\d+)", tag[1])[0]))


@pytest.fixture
def empty_debian() -> dict[str, str]:
    """An environment to make one in: nothing that names a file of this system."""
    needed = subprocess.run(["readelf", "-d", COMMAND], capture_output=True, text=True, check=True).stdout
    if "libswiftCore" in needed:
        pytest.skip("this build needs Swift's runtime, which an empty Debian has not; make test-cli-packages has one")
    return {name: value for name, value in os.environ.items() if name in {"PATH", "TMPDIR"} or name.endswith("_proxy")}


def test_it_works_in_an_empty_debian(made: Path, packages: Path, empty_debian: dict[str, str], tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    for file in (*made.iterdir(), *packages.glob("libdescope-conn1_*.deb"), CHECK):
        shutil.copy(file, given)
    ran = subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", "--format=null"),
            f"--customize-hook=copy-in {given} /srv",
            '--customize-hook=chroot "$1" sh -ec "cd /srv/given;'
            " dpkg --install libdescope-conn1_*.deb descope-conn_*.deb > log; sh check-command.sh descope-conn;"
            ' mkdir tar; tar -C tar -xzf *.tar.gz; sh check-command.sh tar/*/bin/descope-conn;"',
            *("", "/dev/null", *sources()),
        ],
        env=empty_debian,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "") and ran.stderr == "ok\nok\n", ran.stderr


def test_the_container_image_serves(empty_debian: dict[str, str], tmp_path: Path) -> None:
    """Its base is a Debian made here, in place of the one that the Containerfile names."""
    context = tmp_path / "context"
    for file in ("bin/descope-conn", "lib/libdescope_conn.so.1"):
        (context / "dist" / file).parent.mkdir(parents=True)
    subprocess.run(["strip", "-o", context / "dist/bin/descope-conn", COMMAND], check=True)
    shutil.copy(os.environ["DESCOPE_CONN_LIBRARY"], context / "dist/lib/libdescope_conn.so.1")
    base = tmp_path / "base.tar"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "", base, *sources()], env=empty_debian, check=True)
    store = ["--root", tmp_path / "store", "--runroot", tmp_path / "run", "--storage-driver", "vfs"]

    def buildah(command: str, *arguments: str | Path) -> str:
        ran = subprocess.run(
            ["buildah", *store, command, *arguments],
            env={**empty_debian, "BUILDAH_ISOLATION": "chroot", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    scratch = buildah("from", "scratch")
    buildah("add", scratch, base, "/")
    buildah("commit", scratch, "localhost/base")
    file = ROOT / "service/deploy/Containerfile"
    buildah("build", "--from", "localhost/base", "--file", file, "--tag", "localhost/descope-conn", context)
    container = buildah("from", "localhost/descope-conn")
    key = ["--env", f"DESCOPE_CONN_VAULT_KEY={'5a' * 32}"]
    assert "Made the vault /var/lib/descope-conn/vault.db" in buildah("run", *key, container, "descope-conn", "init")
    url = ["--env", "DESCOPE_CONN_PUBLIC_URL=https://connections.example.com"]
    assert "are right" in buildah("run", *key, *url, container, "descope-conn", "serve", "--check")
