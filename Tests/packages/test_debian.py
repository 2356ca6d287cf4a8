"""All packages in an empty Debian, where there is nothing but what they ask for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from conftest import PROGRAMS, ROOT
from test_npm import nodes

HERE = Path(__file__).parent / "debian"


def sources() -> list[Path]:
    """The system's own, so that the empty Debian is of the same version and from the same archive."""
    folder = Path("/etc/apt")
    found = [
        folder / "sources.list",
        *sorted(folder.glob("sources.list.d/*.list")),
        *sorted(folder.glob("sources.list.d/*.sources")),
    ]
    return [file for file in found if file.exists() and ("debian" in file.read_text() or "ubuntu" in file.read_text())]


def test_each_package_works_in_an_empty_debian(packages: Path, server: tuple[str, str], tmp_path: Path) -> None:
    url, authority = server
    given = tmp_path / "given"
    shutil.copytree(packages, given)
    shutil.copy(authority, given / "ca.pem")
    shutil.copy(nodes()[-1], given / "node")
    for file in (*HERE.iterdir(), *PROGRAMS.iterdir()):
        shutil.copy(file, given)
    (first,) = re.findall(r"^```c\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (given / "first.c").write_text(first)
    # Built where there is a compiler, against the installed layout that DESCOPE_CONN_LIBRARY is part of.
    dist = Path(os.environ["DESCOPE_CONN_LIBRARY"]).parent.parent
    build = ["cc", "-std=c99", f"-I{dist}/include", "-o", given / "first", given / "first.c"]
    subprocess.run([*build, f"-L{dist}/lib", "-ldescope_conn"], check=True)

    # Standard output is where mmdebstrap puts the system that it makes, here nowhere.
    ran = subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", "--format=null"),
            *("--aptopt=Acquire::Languages none", "--dpkgopt=path-exclude=/usr/share/man/*"),
            f"--customize-hook=copy-in {given} /srv",
            f"--customize-hook=chroot \"$1\" /srv/given/check.sh '{url}' >&2",
            *("", "/dev/null", *sources()),
        ],
        # An empty environment too: nothing that names a file of this system.
        env={
            name: value for name, value in os.environ.items() if name in {"PATH", "TMPDIR"} or name.endswith("_proxy")
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr.splitlines() == [
        "libdescope-conn1",
        "npm",
        "libdescope-conn-dev by pkg-config",
        "libdescope-conn-dev by CMake",
        "wheel",
        "descope-conn-postgres",
        "purged",
    ]
