"""An open backend: what Client and AsyncClient have in common."""

from __future__ import annotations

import json
import os
import sys
import weakref
from typing import TYPE_CHECKING, Literal, NoReturn

from ._hubs import new_poll, running_hub
from ._in_flight import look_for_end
from ._library import load
from ._wire import NO_TIMEOUT, to_wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from typing_extensions import Self


_MOST_POLL_MS = 2**31 - 1

_handles: weakref.WeakSet[Handle] = weakref.WeakSet()
_ended_with: int | None = None
"""The child of multiprocessing that closes the handles at its end, by its process id."""


def _end_with_child() -> None:
    """Children of multiprocessing and Celery end by ``os._exit``, of which the library does not hear; so before it."""
    signals = sys.modules.get("celery.signals")
    if signals is not None:
        # Once, however often it is connected.
        signals.worker_process_shutdown.connect(_close_all, weak=False)
    global _ended_with
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None or _ended_with == os.getpid():
        return
    from multiprocessing.util import Finalize

    Finalize(None, _close_all, exitpriority=0)
    _ended_with = os.getpid()


def _close_all(**_: object) -> None:
    for handle in list(_handles):
        if not handle.closed:
            handle._close(NO_TIMEOUT)


class Handle:
    """Opens a backend, and closes it at the latest when it is collected or the interpreter ends.

    A token request, whose reply may hold the only refresh token there is, goes on when its caller has been told
    ``Timeout``. It finishes in the background when the client is collected, and the end of the process waits for it.

    ``config`` is the library's own, in its own field names: ``{"backend": "cloud" | "vault" | "plugin", ...}``.
    Opening does no network traffic. ``cloud``, ``vault`` and ``plugin`` write the configuration for you.
    """

    def __init__(self, config: Mapping[str, object]) -> None:
        self._library = load()
        self._handle = self._library.open(json.dumps(config).encode())
        self._backend = config.get("backend")
        # Only begins to close. The library itself sees to it that the process does not end before what must finish.
        self._finalizer = weakref.finalize(self, self._library.close, self._handle, 0)
        _handles.add(self)
        _end_with_child()

    @classmethod
    def cloud(
        cls,
        *,
        project_id: str | None = None,
        management_key: str | None = None,
        state_key: str | None = None,
        base_url: str | None = None,
        timeout: float | None = None,
        retry_attempts: int | None = None,
        ca_file: str | PathLike[str] | None = None,
        proxy: str | None = None,
    ) -> Self:
        """Descope's cloud, or a server that speaks its API.

        What is absent comes from ``DESCOPE_PROJECT_ID``, ``DESCOPE_MANAGEMENT_KEY`` and ``DESCOPE_BASE_URL`` or
        ``DESCOPE_BASE_URI``; the host otherwise from the region in the project id. ``timeout`` is in seconds and
        bounds each exchange with the server. ``state_key`` seals what ``mcp.answer`` sends through clients; without it
        the management key does.
        """
        fields = to_wire(
            {
                "backend": "cloud",
                "project_id": project_id,
                "management_key": management_key,
                "state_key": state_key,
                "base_url": base_url,
                "timeout_ms": _milliseconds(timeout),
                "retry": None if retry_attempts is None else {"attempts": retry_attempts},
                "ca_file": _path(ca_file),
                "proxy": proxy,
            }
        )
        return cls(fields)

    @classmethod
    def vault(
        cls,
        *,
        key: Mapping[str, str],
        path: str | PathLike[str] | None = None,
        store: Mapping[str, object] | None = None,
        other_keys: Sequence[Mapping[str, str]] | None = None,
        audit: Literal["off", "changes", "all"] | None = None,
        audit_days: int | None = None,
        allow_export: bool | None = None,
        redirect_url: str | None = None,
        connect_page_url: str | None = None,
        connect_ttl_seconds: int | None = None,
        require_opener: bool | None = None,
        timeout: float | None = None,
        allow_private_addresses: bool | None = None,
        ca_file: str | PathLike[str] | None = None,
        proxy: str | None = None,
    ) -> Self:
        """An encrypted vault in this process: in the file ``path``, or in a store plugin.

        ``key`` says where the sealing key is: ``{"env": "NAME"}``, ``{"file": "/path"}``, or itself as
        ``{"bytes": "..."}``. ``other_keys`` are more of the same, while the key changes. ``store`` is
        ``{"plugin": "/abs/libstore.so", "config": {}}``.

        ``redirect_url`` is where providers send users back to, your own callback. With ``connect_page_url`` connect
        URLs lead to a page of yours, which calls ``open_connect``; they wait for ``connect_ttl_seconds``. Only with
        ``require_opener`` False may ``complete`` leave out who is signed in.

        ``audit`` is what is recorded, ``changes`` unless said otherwise, and ``audit_days`` how long records are kept.
        ``allow_export`` lets ``export_tokens`` hand out refresh tokens. ``timeout`` is in seconds and bounds each
        exchange with a provider. ``allow_private_addresses`` lets discovered endpoints be on private addresses.
        ``docs/configuration.md`` has the limits, and what is taken where something is absent.
        """
        fields = to_wire(
            {
                "backend": "vault",
                "path": _path(path),
                "store": store,
                "key": key,
                "other_keys": other_keys,
                "audit": audit,
                "audit_days": audit_days,
                "allow_export": allow_export,
                "redirect_url": redirect_url,
                "connect_page_url": connect_page_url,
                "connect_ttl_seconds": connect_ttl_seconds,
                "require_opener": require_opener,
                "timeout_ms": _milliseconds(timeout),
                "allow_private_addresses": allow_private_addresses,
                "ca_file": _path(ca_file),
                "proxy": proxy,
            }
        )
        return cls(fields)

    @classmethod
    def plugin(cls, library: str | PathLike[str], config: Mapping[str, object] | None = None) -> Self:
        """A backend in a shared library of its own, by its absolute path."""
        return cls({"backend": "plugin", "library": str(library), "config": config or {}})

    @property
    def backend(self) -> object:
        """``cloud``, ``vault`` or ``plugin``."""
        return self._backend

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return not self._finalizer.alive

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<{type(self).__name__} {self._backend} {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} belongs to its process: open one in each")

    def _close(self, wait_ms: int) -> bool:
        if self._finalizer.detach() is None:
            return self._library.close(self._handle, 0)
        end = self._watch_end()
        if end is None:
            return self._library.close(self._handle, wait_ms)
        try:
            if self._library.close(self._handle, 0):
                return True
            _wait_for_end(end, None if wait_ms == NO_TIMEOUT else wait_ms)
        finally:
            os.close(end)
            # If it has not ended by now, this gives it up.
            closed = self._library.close(self._handle, 0)
        return closed

    def _watch_end(self) -> int | None:
        """A descriptor of our own that comes to its end with the handle; None when there is none left."""
        descriptor = self._library.event_fd(self._handle)
        try:
            return None if descriptor < 0 else os.dup(descriptor)
        except OSError:
            return None


def _wait_for_end(descriptor: int, wait_ms: int | None) -> None:
    hub = running_hub()
    if hub is None:
        # Not in C, where Ctrl-C would wait as well.
        poll = new_poll()
        poll.register(descriptor, 0)  # which leaves POLLHUP
        poll.poll(None if wait_ms is None else min(wait_ms, _MOST_POLL_MS))
        return
    ended = hub.event()
    unwatch = hub.watch(descriptor, lambda: look_for_end(descriptor, ended))
    try:
        hub.wait(ended, None if wait_ms is None else wait_ms / 1000)
    finally:
        unwatch()


def _path(path: str | PathLike[str] | None) -> str | None:
    return None if path is None else str(path)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
