"""The log of requests that a server was sent, for tests to read."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from typing import Any


class Journal:
    """An entry is there from the moment its request was read.

    Its status is None until the answer is decided, and 0 where the connection was closed without one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        self._unanswered: Counter[str] = Counter()  # by path

    def open(self, entry: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            # How many requests to this path, this one included, were unanswered when it came.
            self._unanswered[entry["path"]] += 1
            entry["inFlight"] = self._unanswered[entry["path"]]
            entry["status"] = None
            entry["fault"] = False
            self._entries.append(entry)
        return entry

    def note(self, entry: dict[str, Any], notes: dict[str, Any]) -> None:
        """Adds what became known before the answer was decided."""
        with self._lock:
            entry.update(notes)

    def close(self, entry: dict[str, Any], status: int, fault: bool = False) -> None:
        """Called before the answer is sent: a client that has its answer finds the entry complete."""
        with self._lock:
            self._unanswered[entry["path"]] -= 1
            entry.update(status=status, fault=fault)

    def entries(self) -> list[dict[str, Any]]:
        with self._lock:
            return copy.deepcopy(self._entries)

    def report(self) -> dict[str, Any]:
        entries = self.entries()
        return {"requests": entries, "connections": len({entry["connection"] for entry in entries})}

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
