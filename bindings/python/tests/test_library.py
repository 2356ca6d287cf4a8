from __future__ import annotations

import os
import subprocess
import sys
from ctypes.util import find_library
from typing import TYPE_CHECKING

import pytest

from descope_conn import MisconfiguredError, _library, build_info

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def _unloaded() -> Iterator[None]:
    """load() looks for the library anew."""
    _library.load.cache_clear()
    yield
    _library.load.cache_clear()


@pytest.mark.usefixtures("_unloaded")
def test_a_failure_lists_every_path_with_the_words_of_the_loader(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing, text = tmp_path / "missing.so", tmp_path / "text.so"
    text.write_text("not a library, but long enough to hold the header of one: " + "." * 64)
    monkeypatch.setattr(_library, "candidates", lambda: [str(missing), str(text)])
    with pytest.raises(MisconfiguredError) as failure:
        _library.load()
    lines = str(failure.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:-1]] == [str(missing), str(text)]
    assert "No such file" in lines[1]
    assert "invalid ELF header" in lines[2]
    assert "DESCOPE_CONN_LIBRARY" in lines[-1]


def test_the_variable_means_that_file_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCOPE_CONN_LIBRARY", "/opt/named.so")
    assert _library.candidates() == ["/opt/named.so"]


def test_without_the_variable_the_copy_in_the_package_goes_before_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESCOPE_CONN_LIBRARY", raising=False)
    inside, system = _library.candidates()
    assert inside.endswith("/descope_conn/libdescope_conn.so.1")
    assert system == "libdescope_conn.so.1"


@pytest.mark.usefixtures("_unloaded")
def test_another_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    libc = find_library("c")
    assert libc is not None
    monkeypatch.setenv("DESCOPE_CONN_LIBRARY", libc)
    with pytest.raises(MisconfiguredError, match="not a descope_conn library"):
        _library.load()


@pytest.mark.parametrize("found", [_library.ABI, _library.ABI + 1, _library.ABI + 1_000, _library.ABI + 999_999])
def test_the_same_major_and_a_later_minor_fit(found: int) -> None:
    _library.check_abi(found)


@pytest.mark.parametrize("found", [0, _library.ABI - 1, _library.ABI + 1_000_000])
def test_another_major_does_not_fit(found: int) -> None:
    with pytest.raises(MisconfiguredError, match=r"needs 1\.0\.0"):
        _library.check_abi(found)


def test_an_earlier_minor_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_library, "ABI", 1_002_000)
    _library.check_abi(1_002_000)
    with pytest.raises(MisconfiguredError, match=r"its ABI is 1\.1\.9"):
        _library.check_abi(1_001_009)


def test_importing_loads_nothing() -> None:
    environment = {**os.environ, "DESCOPE_CONN_LIBRARY": "/missing.so"}
    subprocess.run([sys.executable, "-c", "import descope_conn"], check=True, env=environment)


def test_the_build_tells_what_it_is() -> None:
    info = build_info()
    assert info["version"]
    assert "cloud" in info["backends"]
