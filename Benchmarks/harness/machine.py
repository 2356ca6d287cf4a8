"""The machine and the versions that a report is about."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path


def describe(library: Path, node: Path) -> dict[str, str]:
    build = json.loads(_build_info(library))
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = [line.split(":")[1].strip() for line in lines if "model name" in line]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    return {
        "processor": f"{cpu[0] if cpu else platform.machine()}, {os.cpu_count()} cores for us",
        "memory": f"{memory:.0f} GiB",
        "system": f"{_release()}, Linux {platform.release()}, {' '.join(platform.libc_ver())}",
        "load before the run": f"{os.getloadavg()[0]:.1f}",
        "descope_conn": f"{build['version']}, Swift {build['swift']}",
        "its libraries": ", ".join(f"{name} {number}" for name, number in sorted(build["libraries"].items())),
        "Python": f"{platform.python_version()}, descope {version('descope')}, mcp {version('mcp')}",
        "Node": _first(str(node), "-p", "`${process.version}, undici ${process.versions.undici}`"),
        "C": f"{_first('cc', '--version')}; libcurl {_packaged('libcurl')}, SQLite {_packaged('sqlite3')}, "
        f"libsodium {_packaged('libsodium')}, jansson {_packaged('jansson')}",
        "nginx": _first("/usr/sbin/nginx", "-v").removeprefix("nginx version: "),
    }


def _build_info(library: Path) -> bytes:
    loaded = ctypes.CDLL(str(library))
    loaded.descope_conn_build_info.restype = ctypes.c_char_p
    return loaded.descope_conn_build_info()


def _release() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return sys.platform


def _packaged(name: str) -> str:
    return _first("pkg-config", "--modversion", name)


def _first(*command: str) -> str:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError:
        return "absent"
    return (done.stdout.splitlines() or ["?"])[0]
