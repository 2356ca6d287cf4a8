"""The shared library: where it is, whether it fits, and its C functions in Python's types."""

from __future__ import annotations

import ctypes
import functools
import json
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from ._errors import EMPTY, ConnError, MisconfiguredError, error_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

ABI = 1_000_000
"""DESCOPE_CONN_ABI of the header that this package was written for."""

NAME = "libdescope_conn.so.1"
VARIABLE = "DESCOPE_CONN_LIBRARY"

# name: (result, arguments), as in descope_conn.h. A result buffer is a c_void_p and never a c_char_p, which ctypes
# would copy and then lose, so that nobody could free it.
_BUFFER = (POINTER(c_void_p), POINTER(c_size_t))
_REQUEST = (c_uint64, c_char_p, c_size_t, c_uint32)
PROTOTYPES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "descope_conn_abi": (c_uint32, ()),
    "descope_conn_build_info": (c_char_p, ()),
    "descope_conn_open": (c_int32, (c_char_p, c_size_t, POINTER(c_uint64), *_BUFFER)),
    "descope_conn_close": (c_int32, (c_uint64, c_uint32)),
    "descope_conn_call": (c_int32, (*_REQUEST, *_BUFFER)),
    "descope_conn_submit": (c_int32, (*_REQUEST, POINTER(c_uint64))),
    "descope_conn_next": (c_int32, (c_uint64, c_uint32, POINTER(c_uint64), POINTER(c_int32), *_BUFFER)),
    "descope_conn_event_fd": (c_int, (c_uint64,)),
    "descope_conn_cancel": (c_int32, (c_uint64, c_uint64)),
    "descope_conn_free": (None, (c_void_p,)),
}


@functools.cache
def load() -> Library:
    """The library of this process, loaded at the first call. Importing the package loads nothing.

    Without one that fits it raises ``MisconfiguredError``, whose message lists what was tried.
    """
    failures = []
    for path in candidates():
        try:
            return Library(path)
        except (OSError, MisconfiguredError) as error:
            failures.append(f"  {path}: {error}")
    raise MisconfiguredError(
        "\n".join(["The descope_conn library could not be loaded. Tried:", *failures, f"Set {VARIABLE} to its path."])
    )


def candidates() -> list[str]:
    """Where to look. Whoever sets DESCOPE_CONN_LIBRARY means that file and no other."""
    named = os.environ.get(VARIABLE)
    if named:
        return [named]
    return [str(Path(__file__).with_name(NAME)), NAME]


def check_abi(found: int) -> None:
    """Raises unless a library with this number serves a package written for ABI."""
    if found // 1_000_000 != ABI // 1_000_000 or found // 1_000 < ABI // 1_000:
        raise MisconfiguredError(
            f"its ABI is {_version(found)}, but this package needs {_version(ABI)} or a later minor"
        )


def build_info() -> dict[str, Any]:
    """What the loaded library is made of: ``version``, ``abi``, ``swift``, ``backends``, ``libraries``."""
    return load().build_info()


def _version(abi: int) -> str:
    return f"{abi // 1_000_000}.{abi // 1_000 % 1_000}.{abi % 1_000}"


class Library:
    """The C functions, one method each. Requests and answers are JSON bytes; a negative status is raised.

    CDLL releases the interpreter's lock around every call, so that other threads run meanwhile.
    """

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        for name, (result, arguments) in PROTOTYPES.items():
            try:
                function = getattr(library, name)
            except AttributeError as error:
                raise MisconfiguredError(f"not a descope_conn library: {error}") from None
            function.restype, function.argtypes = result, arguments
            if name == "descope_conn_abi":
                check_abi(function())
        self._library = library

    def build_info(self) -> dict[str, Any]:
        """See descope_conn_build_info."""
        info: dict[str, Any] = json.loads(self._library.descope_conn_build_info())
        return info

    def open(self, config: bytes) -> int:
        """Opens a backend and gives its handle."""
        handle = c_uint64()
        with self._answer() as answer:
            status = self._library.descope_conn_open(config, len(config), byref(handle), *answer.out)
            if status < 0:
                raise error_from(status, answer.copy())
        return handle.value

    def close(self, handle: int, wait_ms: int) -> bool:
        """Closes a handle; False if something on it has not ended yet: see descope_conn_close."""
        status: int = self._library.descope_conn_close(handle, wait_ms)
        return status == 0

    def call(self, handle: int, request: bytes, timeout_ms: int) -> bytes:
        """Performs one request on this thread."""
        # Not _Answer: this is the way of every call, and a quarter of its cost here.
        data, length = c_void_p(), c_size_t()
        try:
            status = self._library.descope_conn_call(
                handle, request, len(request), timeout_ms, byref(data), byref(length)
            )
            return answered(_outcome(status, ctypes.string_at(data, length.value) if data else None))
        finally:
            del request  # also where a signal's handler raises: see _frames.py
            self._library.descope_conn_free(data)

    def submit(self, handle: int, request: bytes, timeout_ms: int) -> int:
        """Starts one request and gives its ticket."""
        ticket = c_uint64()
        try:
            status = self._library.descope_conn_submit(handle, request, len(request), timeout_ms, byref(ticket))
        finally:
            del request
        if status < 0:
            raise error_from(status, None)
        return ticket.value

    def finished(self, handle: int) -> Iterator[tuple[int, bytes | ConnError]]:
        """Takes what has finished by now, without waiting: each call's ticket, and its answer or its error."""
        ticket, call_status = c_uint64(), c_int32()
        while True:
            with self._answer() as answer:
                status = self._library.descope_conn_next(handle, 0, byref(ticket), byref(call_status), *answer.out)
                taken = answer.copy()
            if status == EMPTY:
                return
            if status < 0:
                raise error_from(status, taken)
            yield ticket.value, _outcome(call_status.value, taken)

    def event_fd(self, handle: int) -> int:
        """The descriptor that is readable while something has finished, or -1. The library's: never close it."""
        descriptor: int = self._library.descope_conn_event_fd(handle)
        return descriptor

    def cancel(self, handle: int, ticket: int) -> None:
        """Asks for a call to end early; ticket 0 asks all. Where there is nothing left to cancel, nothing happens."""
        self._library.descope_conn_cancel(handle, ticket)

    def _answer(self) -> _Answer:
        return _Answer(self._library.descope_conn_free)


class _Answer:
    """Room for one answer of the library; its memory goes back, wiped, when the ``with`` block ends."""

    def __init__(self, free: Callable[[c_void_p], None]) -> None:
        self._data, self._length, self._free = c_void_p(), c_size_t(), free
        self.out = (byref(self._data), byref(self._length))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._free(self._data)

    def copy(self) -> bytes | None:
        """The answer's JSON, or None where there is none."""
        return ctypes.string_at(self._data, self._length.value) if self._data else None


def answered(outcome: bytes | ConnError) -> bytes:
    """The answer, or raises the error."""
    if isinstance(outcome, bytes):
        return outcome
    try:
        raise outcome
    finally:
        # It knows this frame and its callers: were it known here too, they would stay until they are collected.
        del outcome


def _outcome(status: int, answer: bytes | None) -> bytes | ConnError:
    if status < 0 or answer is None:
        return error_from(status, answer)
    return answer
