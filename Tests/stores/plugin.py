"""A host for a store plugin, as include/descope_conn_plugin.h says: for tests without the library and without Swift."""

from __future__ import annotations

import ctypes
import json
import threading
import time
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_int32,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from dataclasses import dataclass
from typing import Any

ABI = 1
OK, E_TIMEOUT, E_CANCELLED, E_FAILED = 0, -4, -5, -6
ABSENT, ANY = 0, 2**64 - 1
KEEP = 2 ** (8 * ctypes.sizeof(c_size_t)) - 1

libc = ctypes.CDLL(None)


class Bytes(Structure):
    _fields_ = [("data", c_void_p), ("len", c_size_t)]

    def take(self) -> bytes:
        """What a plugin handed back; it is freed."""
        if not self.data:
            return b""
        taken = ctypes.string_at(self.data, self.len)
        libc.free(c_void_p(self.data))
        return taken


class Context(Structure):
    _fields_ = [("struct_size", c_size_t), ("deadline_ns", c_uint64), ("host_private", c_void_p)]


Allocate = CFUNCTYPE(c_void_p, c_size_t)
Free = CFUNCTYPE(None, c_void_p)
Cancelled = CFUNCTYPE(c_int, POINTER(Context))
LogLine = CFUNCTYPE(None, c_int32, c_void_p, c_size_t)


class Host(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("abi", c_uint32),
        ("alloc", Allocate),
        ("free", Free),
        ("cancelled", Cancelled),
        ("log", LogLine),
    ]


class Write(Structure):
    _fields_ = [
        ("key", c_char_p),
        ("key_len", c_size_t),
        ("value", c_char_p),
        ("value_len", c_size_t),
        ("expected", c_uint64),
    ]


class Read(Structure):
    _fields_ = [
        ("key", c_char_p),
        ("key_len", c_size_t),
        ("after", c_char_p),
        ("after_len", c_size_t),
        ("limit", c_size_t),
    ]


Each = CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_uint64)
Found = CFUNCTYPE(c_int, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p, c_size_t, c_uint64)
Get = CFUNCTYPE(
    c_int32, c_void_p, POINTER(Context), c_char_p, c_size_t, POINTER(Bytes), POINTER(c_uint64), POINTER(Bytes)
)
Scan = CFUNCTYPE(
    c_int32,
    c_void_p,
    POINTER(Context),
    c_char_p,
    c_size_t,
    c_char_p,
    c_size_t,
    c_size_t,
    Each,
    c_void_p,
    POINTER(Bytes),
)
Commit = CFUNCTYPE(c_int32, c_void_p, POINTER(Context), POINTER(Write), c_size_t, POINTER(Bytes))
ReadRows = CFUNCTYPE(c_int32, c_void_p, POINTER(Context), POINTER(Read), c_size_t, Found, c_void_p, POINTER(Bytes))


class StoreTable(Structure):
    _fields_ = [("struct_size", c_size_t), ("get", Get), ("scan", Scan), ("commit", Commit), ("read", ReadRows)]


class Plugin(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("abi", c_uint32),
        ("kind", c_uint32),
        ("flags", c_uint32),
        ("name", c_char_p),
        ("version", c_char_p),
        ("open", CFUNCTYPE(c_int32, c_char_p, c_size_t, POINTER(c_void_p), POINTER(Bytes))),
        ("close", CFUNCTYPE(None, c_void_p)),
        ("backend", c_void_p),
        ("store", POINTER(StoreTable)),
    ]


class StoreError(Exception):
    """A call that failed: with the plugin's code, or with timeout, cancelled or its status."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Row:
    key: bytes
    value: bytes
    version: int


def put(key: bytes, value: bytes, expected: int = ANY) -> tuple[bytes, bytes | None, int, int]:
    return key, value, len(value), expected


def remove(key: bytes, expected: int = ANY) -> tuple[bytes, bytes | None, int, int]:
    return key, None, 0, expected


def keep(key: bytes, expected: int) -> tuple[bytes, bytes | None, int, int]:
    return key, None, KEEP, expected


def get(key: bytes) -> tuple[bytes, bytes, int]:
    return key, b"", 0


def scan(prefix: bytes, limit: int, after: bytes = b"") -> tuple[bytes, bytes, int]:
    return prefix, after, limit


class _Loaded:
    """A plugin that is in the process. It is never unloaded."""

    known: dict[str, _Loaded] = {}
    cancelled_calls: set[int] = set()
    log: list[tuple[int, str]] = []
    lock = threading.Lock()

    def __init__(self, path: str) -> None:
        self.library = ctypes.CDLL(path)
        self.table = Plugin(struct_size=ctypes.sizeof(Plugin))
        status = self.library.descope_conn_plugin_init(c_uint32(ABI), byref(_host), byref(self.table))
        assert status == OK, f"init answered {status}"
        assert self.table.kind == 2, "it is no store"
        self.has_read = self.table.store.contents.struct_size >= ctypes.sizeof(StoreTable)

    @classmethod
    def find(cls, path: str) -> _Loaded:
        with cls.lock:
            if path not in cls.known:
                cls.known[path] = cls(path)
            return cls.known[path]


def _is_cancelled(context: Any) -> int:
    return int((context.contents.host_private or 0) in _Loaded.cancelled_calls)


def _take_line(level: int, message: int, length: int) -> None:
    _Loaded.log.append((level, ctypes.string_at(message, length).decode()))


_host = Host(
    struct_size=ctypes.sizeof(Host),
    abi=1000000,
    alloc=ctypes.cast(libc.malloc, Allocate),
    free=ctypes.cast(libc.free, Free),
    cancelled=Cancelled(_is_cancelled),
    log=LogLine(_take_line),
)


def log_lines() -> list[str]:
    """What plugins of this process have logged."""
    return [line for _, line in _Loaded.log]


class Store:
    """An opened store. Its calls may come from any thread.

    A call's `timeout` is in seconds; `cancel` names it for `cancel()`.
    """

    def __init__(self, path: str, config: dict[str, Any]) -> None:
        self._plugin = _Loaded.find(path)
        self._functions = self._plugin.table.store.contents
        self._self = c_void_p()
        text, error = json.dumps(config).encode(), Bytes()
        self._check(self._plugin.table.open(text, len(text), byref(self._self), byref(error)), error)

    def close(self) -> None:
        self._plugin.table.close(self._self)

    @staticmethod
    def cancel(name: int) -> None:
        _Loaded.cancelled_calls.add(name)

    def get(self, key: bytes, **call: Any) -> Row | None:
        value, version, error = Bytes(), c_uint64(), Bytes()
        status = self._functions.get(
            self._self, _context(**call), key, len(key), byref(value), byref(version), byref(error)
        )
        taken = value.take()
        self._check(status, error)
        return Row(key, taken, version.value) if version.value else None

    def scan(self, prefix: bytes, limit: int, after: bytes = b"", **call: Any) -> list[Row]:
        rows: list[Row] = []
        error = Bytes()

        def each(_: Any, key: int, key_len: int, value: int, value_len: int, version: int) -> int:
            rows.append(_row(key, key_len, value, value_len, version))
            return 0

        status = self._functions.scan(
            self._self,
            _context(**call),
            prefix,
            len(prefix),
            after,
            len(after),
            limit,
            Each(each),
            None,
            byref(error),
        )
        self._check(status, error)
        return rows

    def read(self, *parts: tuple[bytes, bytes, int], **call: Any) -> list[list[Row]]:
        """Of `get` and `scan`, the functions of this module, which are answered together."""
        if not self._plugin.has_read:
            return [
                self.scan(key, limit, after, **call) if limit else [row for row in [self.get(key, **call)] if row]
                for key, after, limit in parts
            ]
        rows: list[list[Row]] = [[] for _ in parts]
        error = Bytes()

        def found(_: Any, part: int, key: int, key_len: int, value: int, value_len: int, version: int) -> int:
            rows[part].append(_row(key, key_len, value, value_len, version))
            return 0

        reads = (Read * len(parts))(*[Read(key, len(key), after, len(after), limit) for key, after, limit in parts])
        status = self._functions.read(self._self, _context(**call), reads, len(parts), Found(found), None, byref(error))
        self._check(status, error)
        return rows

    def commit(self, *writes: tuple[bytes, bytes | None, int, int], **call: Any) -> None:
        """Of `put`, `remove` and `keep`, the functions of this module."""
        error = Bytes()
        raw = (Write * len(writes))(
            *[Write(key, len(key), value, length, expected) for key, value, length, expected in writes]
        )
        self._check(self._functions.commit(self._self, _context(**call), raw, len(writes), byref(error)), error)

    @staticmethod
    def _check(status: int, error: Bytes) -> None:
        said = error.take()
        if status == OK:
            return
        if status == E_FAILED and said:
            words = json.loads(said)
            raise StoreError(words["code"], words["message"])
        raise StoreError({E_TIMEOUT: "timeout", E_CANCELLED: "cancelled"}.get(status, f"status {status}"))


def _context(timeout: float | None = 30, cancel: int | None = None) -> Any:
    deadline = 2**64 - 1 if timeout is None else time.clock_gettime_ns(time.CLOCK_MONOTONIC) + int(timeout * 1e9)
    return byref(Context(ctypes.sizeof(Context), deadline, cancel))


def _row(key: int, key_len: int, value: int, value_len: int, version: int) -> Row:
    assert 0 < version < 2**64 - 1, version
    return Row(ctypes.string_at(key, key_len), ctypes.string_at(value, value_len) if value_len else b"", version)
