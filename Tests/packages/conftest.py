"""Packages made from the library that DESCOPE_CONN_LIBRARY names, and a server with a certificate to try them on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = Path(__file__).resolve().parent / "programs"
sys.path.append(str(ROOT / "Tests" / "servers"))

import certs  # noqa: E402
from launch import launch  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def made_packages(folder: Path, environment: Mapping[str, str], umask: int) -> Path:
    """What scripts/packages makes in a copy of the sources in a folder, of which the packages must tell nothing."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    made = folder / "made"
    subprocess.run(
        [folder / "scripts/packages", os.environ["DESCOPE_CONN_LIBRARY"], made],
        check=True,
        umask=umask,
        env={
            **os.environ,
            "DESCOPE_CONN_DEPS": os.environ.get("DESCOPE_CONN_DEPS", f"{ROOT}/.deps"),
            "PYTHON": sys.executable,
            "SOURCE_DATE_EPOCH": "1700000000",
            **environment,
        },
    )
    return made


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all of them, in which nothing may be changed."""
    return made_packages(tmp_path_factory.mktemp("sources"), {"TZ": "UTC"}, umask=0o022)


@pytest.fixture(scope="session")
def wheel(packages: Path) -> Path:
    (made,) = packages.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def tarball(packages: Path) -> Path:
    (made,) = packages.glob("*.tgz")
    return made


@pytest.fixture(scope="session")
def project(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh folder with the package in node_modules."""
    project = tmp_path_factory.mktemp("project")
    modules = project / "node_modules"
    with tarfile.open(tarball) as files:
        files.extractall(modules)
    (modules / "package").rename(modules / "descope-conn")
    for program in PROGRAMS.glob("*.*js"):
        shutil.copy(program, project)
    return project


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of a Descope over TLS, and the file of the authority behind its certificate."""
    folder = tmp_path_factory.mktemp("certificates")
    certs.make(folder)
    with launch("descope", "--tls", str(folder / "server.pem"), str(folder / "server.key")) as descope:
        yield f"https://127.0.0.1:{descope.port}", str(folder / "ca.pem")


def run_bare(*command: str | Path, cwd: Path) -> str:
    """Runs a program without any environment: no PATH, no Swift, no library path. Nothing may be said on stderr."""
    ran = subprocess.run(command, cwd=cwd, env={}, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    return ran.stdout
