"""The packages, made twice from the same library and sources, are the same to the byte; and what is in all of them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, made_packages


def test_the_same_bytes_whatever_folder_time_and_user(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    again = made_packages(
        tmp_path_factory.mktemp("again") / "in" / "another" / "folder",
        {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "LANGUAGE": "de"},
        umask=0o077,
    )
    assert {file.name for file in again.iterdir()} == {file.name for file in packages.iterdir()}
    assert [
        file.name for file in sorted(packages.iterdir()) if file.read_bytes() != (again / file.name).read_bytes()
    ] == []


def test_the_checksums_are_of_every_file(packages: Path) -> None:
    listed = dict(reversed(line.split("  ")) for line in (packages / "SHA256SUMS").read_text().splitlines())
    files = {file.name: file.read_bytes() for file in packages.iterdir() if file.name != "SHA256SUMS"}
    assert listed == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert len(files) == 6


def documents(package: Path) -> dict[str, str]:
    """The texts in a package, by the last part of their path."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as files:
            return {Path(name).name: files.read(name).decode() for name in files.namelist() if "/licenses/" in name}
    if package.suffix == ".deb":
        unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
        (path := package.with_suffix(".tar")).write_bytes(unpacked)
    else:
        path = package
    with tarfile.open(path) as files:
        members = [
            member
            for member in files
            if Path(member.name).name in {"LICENSE", "NOTICE", "copyright"} or "LICENSES" in member.name
        ]
        found = {Path(member.name).name: files.extractfile(member).read().decode() for member in members}
    if path != package:
        path.unlink()
    return found


@pytest.mark.parametrize("ending", [".whl", ".tgz", "1_*.deb", "dev_*.deb", "postgres_*.deb"])
def test_each_package_has_its_licence_and_those_of_others(packages: Path, ending: str) -> None:
    (package,) = packages.glob(f"*{ending}")
    texts = documents(package)
    assert texts["LICENSE"] == (ROOT / "LICENSE").read_text()
    assert texts["NOTICE"] == (ROOT / "NOTICE").read_text()
    if "postgres" in package.name:
        return  # nothing of others' is in it
    others = texts["copyright" if package.suffix == ".deb" else "LICENSES.third-party"]
    for part in ("Swift runtime", "openssl", "curl", "jansson", "libsodium", "sqlite3"):
        assert re.search(rf"^{part}.*\n=+$", others, re.MULTILINE), part


def test_the_bill_of_materials_names_what_is_linked_in(packages: Path) -> None:
    (file,) = packages.glob("*.spdx.json")
    bill = json.loads(file.read_text())
    by_id = {package["SPDXID"]: package for package in bill["packages"]}
    linked = {
        by_id[relation["relatedSpdxElement"]]["name"]
        for relation in bill["relationships"]
        if relation["relationshipType"] == "STATIC_LINK"
    }
    assert linked == {"swift-runtime", "openssl", "curl", "jansson", "libsodium", "sqlite3", "libffi"}
    rows = [line.split() for line in (ROOT / "scripts/deps.txt").read_text().splitlines() if not line.startswith("#")]
    for name in linked - {"swift-runtime", "libffi"}:
        (package,) = (package for package in bill["packages"] if package["name"] == name)
        assert [
            name,
            package["versionInfo"],
            package["checksums"][0]["checksumValue"],
            package["packageFileName"],
        ] in rows


def test_the_shared_library_tells_no_folder_of_the_build(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        library = files.read("descope_conn/libdescope_conn.so.1")
    assert str(ROOT).encode() not in library
