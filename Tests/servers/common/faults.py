"""Answers that misbehave, on order of a test.

A fault is a JSON object; every member is optional:

    path     only requests to exactly this path (default: any)
    times    how many answers it spoils (default 1)
    delay    seconds between the work and the answer
    held     true: the answer waits until the test has asked for `release`
    status   answer with this status ...
    headers  ... and these headers ...
    body     ... and this body: an object or array goes out as JSON, a text as HTML, "" as nothing
    set      members of the real 200 answer to replace or add, {"token.accessTokenExpiry": 5}; dots go deeper
    remove   members of the real 200 answer to leave out, ["refresh_token"]
    cut      true: announce the whole body, send half, close
    close    "fin" or "reset": close the connection without an answer
    process  whether the server does its work before it misbehaves. Default: false where the fault brings its own
             answer or none (status, body, close), true otherwise. `true` with these is the lost answer: the work is
             done, and the client does not learn of it.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common.serving import Answer


@dataclass(frozen=True)
class Fault:
    path: str | None = None
    times: int = 1
    delay: float = 0
    held: bool = False
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    set: dict[str, Any] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    cut: bool = False
    close: str | None = None
    process: bool = True

    @staticmethod
    def parse(given: dict[str, Any]) -> Fault:
        unknown = given.keys() - {each.name for each in fields(Fault)}
        if unknown:
            raise ValueError(f"unknown in a fault: {sorted(unknown)}")
        if given.get("close") not in (None, "fin", "reset"):
            raise ValueError('"close" is "fin" or "reset"')
        own_answer = not given.keys().isdisjoint(("status", "body", "close"))
        fault = Fault(**{"process": not own_answer, **given})
        if own_answer and (fault.set or fault.remove):
            raise ValueError('"set" and "remove" change the real answer, which this fault replaces')
        if fault.headers and not own_answer:
            raise ValueError('"headers" go with "status" or "body"')
        return fault

    def spoil(self, truth: Answer) -> Answer:
        """The answer to send in place of the true one. Status 0 says that none is sent."""
        if self.close:
            return replace(truth, status=0)
        if self.status is not None or self.body is not None:
            is_text = self.body is None or isinstance(self.body, str)
            body = (self.body or "") if is_text else json.dumps(self.body)
            kind = "text/html; charset=utf-8" if is_text else "application/json"
            headers = tuple({"Content-Type": kind, **self.headers}.items())
            return replace(truth, status=self.status or 200, body=body.encode(), headers=headers)
        if truth.status == 200 and (self.set or self.remove):
            return replace(truth, body=json.dumps(self._edited(json.loads(truth.body))).encode())
        return truth

    def _edited(self, answer: dict[str, Any]) -> dict[str, Any]:
        for dotted, value in self.set.items():
            *parents, last = dotted.split(".")
            place = answer
            for name in parents:
                place = place[name]
            place[last] = value
        for name in self.remove:
            answer.pop(name, None)
        return answer


class FaultQueue:
    """Faults wait in order; a request takes the first that fits its path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self._released = threading.Event()

    def add(self, given: dict[str, Any]) -> None:
        fault = Fault.parse(given)
        if fault.held:
            self._released.clear()
        with self._lock:
            self._waiting += [fault] * fault.times

    def take(self, path: str) -> Fault | None:
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if fault.path in (None, path):
                    return self._waiting.pop(index)
        return None

    def release(self) -> None:
        self._released.set()

    def hold(self, stopping: threading.Event) -> None:
        """Returns when what is held has been released, or the server stops."""
        while not self._released.wait(0.05) and not stopping.is_set():
            pass

    def report(self) -> dict[str, Any]:
        with self._lock:
            return {"faults": [asdict(fault) for fault in self._waiting]}

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()
