"""An open backend: what Client and AsyncClient have in common."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NoReturn

from ._children import keep_until_end
from ._ending import Ending
from ._errors import E_HANDLE, error_from
from ._frames import hiding
from ._in_flight import InFlight
from ._library import load
from ._wire import encode, to_wire, wire_object

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from typing_extensions import Self


class Handle:
    """Opens a backend, and closes it at the latest when it is collected or the process ends.

    A token request, whose reply may hold the only refresh token there is, goes on after its caller has got a
    ``TimeoutError``. It finishes in the background when the client is collected, and the end of the process waits for
    it.

    ``config`` is the library's own, in its own field names: ``{"backend": "cloud" | "vault" | "plugin", ...}``.
    Opening does no network traffic. ``cloud``, ``vault`` and ``plugin`` write the configuration for you.
    """

    # What holds when it could not be opened.
    _backend: object = None
    _ending: Ending | None = None

    @hiding
    def __init__(self, config: Mapping[str, object]) -> None:
        if not isinstance(config, Mapping):
            raise TypeError(f"a configuration is a mapping, not {type(config).__name__}")
        self._backend = config.get("backend")
        self._library = load()
        self._handle = self._library.open(encode(config))
        self._in_flight = InFlight(self._library, self._handle)
        self._ending = Ending(self._library, self._handle)
        # Not at the exit of the interpreter: hooks of the user may still use the client then, or be the first to close
        # it. What is open after them the library closes, and has the process wait for what must finish.
        finalizer = weakref.finalize(self, self._ending.begin)
        finalizer.atexit = False  # type: ignore[misc]
        keep_until_end(self._ending)

    @classmethod
    @hiding
    def cloud(
        cls,
        *,
        project_id: str | None = None,
        management_key: str | None = None,
        state_key: str | None = None,
        base_url: str | None = None,
        timeout: float | None = None,
        retry_attempts: int | None = None,
        cache: Mapping[str, int] | None = None,
        ca_file: str | PathLike[str] | None = None,
        proxy: str | None = None,
    ) -> Self:
        """Descope's cloud, or a server that speaks its API.

        What is absent comes from ``DESCOPE_PROJECT_ID``, ``DESCOPE_MANAGEMENT_KEY`` and ``DESCOPE_BASE_URL`` or
        ``DESCOPE_BASE_URI``; the host otherwise from the region in the project id. ``timeout`` is in seconds and
        bounds each exchange with the server. ``state_key`` seals what ``mcp.answer`` sends through clients; without it
        the management key does.

        ``cache`` keeps tokens in memory: ``{"ttlSeconds": 60}``. What changes at Descope meanwhile, such as a policy,
        is not seen for so long; ``docs/configuration.md`` says what that means.
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
                "cache": cache,
                "ca_file": _path(ca_file),
                "proxy": proxy,
            }
        )
        return cls(fields)

    @classmethod
    @hiding
    def vault(
        cls,
        *,
        key: Mapping[str, str],
        path: str | PathLike[str] | None = None,
        store: Mapping[str, object] | None = None,
        other_keys: Sequence[Mapping[str, str]] | None = None,
        create: bool | None = None,
        audit: Literal["off", "changes", "all"] | None = None,
        audit_days: int | None = None,
        allow_export: bool | None = None,
        redirect_url: str | None = None,
        connect_page_url: str | None = None,
        connect_ttl_seconds: int | None = None,
        require_opener: bool | None = None,
        timeout: float | None = None,
        allow_private_addresses: bool | None = None,
        api: Mapping[str, object] | None = None,
        ca_file: str | PathLike[str] | None = None,
        proxy: str | None = None,
    ) -> Self:
        """An encrypted vault in this process: in the file ``path``, or in a store plugin.

        ``key`` says where the sealing key is: ``{"env": "NAME"}``, ``{"file": "/path"}``, or itself as
        ``{"bytes": "..."}``. ``other_keys`` are more of the same, while the key changes. ``store`` is
        ``{"plugin": "/abs/libstore.so", "config": {}}``. A vault that does not exist is made, with a warning in the
        log; with ``create`` False that is an error.

        ``redirect_url`` is where providers send users back to, your own callback. With ``connect_page_url`` connect
        URLs lead to a page of yours, which calls ``open_connect``; they wait for ``connect_ttl_seconds``. Only with
        ``require_opener`` False may ``complete`` leave out who is signed in.

        ``audit`` is what is recorded, ``changes`` by default, and ``audit_days`` how long records are kept.
        ``allow_export`` lets ``export_tokens`` hand out refresh tokens. ``timeout`` is in seconds and bounds each
        exchange with a provider. ``allow_private_addresses`` lets discovered endpoints be on private addresses.
        ``api`` says who may use the REST API, such as ``{"issuers": [{"project_id": "P2..."}]}``: ``docs/api.md``.
        ``docs/configuration.md`` has the limits, and what is taken where something is absent.
        """
        fields = to_wire(
            {
                "backend": "vault",
                "path": _path(path),
                "store": store,
                "key": key,
                "other_keys": other_keys,
                "create": create,
                "audit": audit,
                "audit_days": audit_days,
                "allow_export": allow_export,
                "redirect_url": redirect_url,
                "connect_page_url": connect_page_url,
                "connect_ttl_seconds": connect_ttl_seconds,
                "require_opener": require_opener,
                "timeout_ms": _milliseconds(timeout),
                "allow_private_addresses": allow_private_addresses,
                "api": wire_object(api),
                "ca_file": _path(ca_file),
                "proxy": proxy,
            }
        )
        return cls(fields)

    @classmethod
    @hiding
    def plugin(cls, library: str | PathLike[str], config: Mapping[str, object] | None = None) -> Self:
        """A backend in a shared library of its own, by its absolute path."""
        return cls({"backend": "plugin", "library": str(library), "config": config or {}})

    @property
    def backend(self) -> object:
        """``cloud``, ``vault`` or ``plugin``."""
        return self._backend

    @property
    def closed(self) -> bool:
        """Whether it was closed, or closing has begun."""
        return self._ending is None or self._ending.has_begun

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<{type(self).__name__} {self._backend} {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} belongs to its process: open one in each")

    @property
    def _was_let_go(self) -> bool:
        """Whether its user has closed it: closing may begin without."""
        return self._ending is None or self._ending.was_asked_for

    def _check_open(self) -> None:
        if self.closed:
            raise error_from(E_HANDLE, None)


def _path(path: str | PathLike[str] | None) -> str | None:
    return None if path is None else os.fsdecode(path)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
