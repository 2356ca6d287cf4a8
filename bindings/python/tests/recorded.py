"""Calls as they are made, which nobody performs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from descope_conn._client_generated import Operations

if TYPE_CHECKING:
    from descope_conn._call import Call


class Recorded(Operations):
    """A client whose calls are kept."""

    def __init__(self) -> None:
        self.calls: list[Call[Any]] = []

    def _perform(self, call: Call[Any]) -> Any:
        self.calls.append(call)
