"""Asks a built library what it can be asked: its operation `describe`."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

# Never asked for anything: describe needs no server.
CONFIG = {"backend": "cloud", "projectId": "P" + "2" * 27, "managementKey": "K", "baseUrl": "http://127.0.0.1:1"}
NO_TIMEOUT = 0xFFFFFFFF


def describe(path: Path) -> dict[str, Any]:
    """What the library at a path says of itself."""
    library = ctypes.CDLL(str(path))
    size, handle = ctypes.c_size_t, ctypes.c_uint64
    out = ctypes.POINTER(ctypes.c_void_p)
    library.descope_conn_open.argtypes = [ctypes.c_char_p, size, ctypes.POINTER(handle), out, ctypes.POINTER(size)]
    library.descope_conn_call.argtypes = [handle, ctypes.c_char_p, size, ctypes.c_uint32, out, ctypes.POINTER(size)]
    library.descope_conn_close.argtypes = [handle, ctypes.c_uint32]
    library.descope_conn_free.argtypes = [ctypes.c_void_p]

    opened, answer, length = handle(), ctypes.c_void_p(), size()
    config = json.dumps(CONFIG).encode()
    outs = (ctypes.byref(answer), ctypes.byref(length))
    if library.descope_conn_open(config, len(config), ctypes.byref(opened), *outs) != 0:
        raise SystemExit(f"{path} does not open the cloud: {ctypes.string_at(answer, length.value).decode()}")
    request = b'{"op":"describe"}'
    status = library.descope_conn_call(opened, request, len(request), NO_TIMEOUT, *outs)
    text = ctypes.string_at(answer, length.value)
    library.descope_conn_free(answer)
    library.descope_conn_close(opened, 0)
    if status != 0:
        raise SystemExit(f"{path} does not describe itself: {text.decode()}")
    description: dict[str, Any] = json.loads(text)
    return description
