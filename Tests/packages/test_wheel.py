"""The wheel: what it says it runs on, what is inside, and that it works where there is nothing else."""

from __future__ import annotations

import platform
import subprocess
import sys
import zipfile
from pathlib import Path

from conftest import run_bare

PROGRAM = Path(__file__).parent / "programs" / "check.py"


def test_the_tag_is_what_the_library_can_hold(wheel: Path) -> None:
    tag = f"manylinux_2_34_{platform.machine()}"
    assert wheel.name.startswith("descope_conn-")
    assert wheel.name.endswith(f"-py3-none-{tag}.whl")
    shown = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", wheel], capture_output=True, text=True, check=True
    )
    assert f'platform tag: "{tag}"' in " ".join(shown.stdout.split())


def test_what_is_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
        (notices,) = (name for name in names if name.endswith("LICENSES.third-party"))
        text = files.read(notices).decode()
    assert {"descope_conn/__init__.py", "descope_conn/py.typed", "descope_conn/libdescope_conn.so.1"} <= names
    assert not any("tests" in name or "__pycache__" in name for name in names)
    for part in ("Swift runtime", "openssl", "curl", "jansson", "libsodium", "sqlite3"):
        assert part in text


def test_it_works_where_there_is_nothing_else(wheel: Path, server: tuple[str, str], tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-index", wheel], check=True)
    assert run_bare(python, PROGRAM, tmp_path / "vault.db", *server, cwd=tmp_path) == "ok\n"
