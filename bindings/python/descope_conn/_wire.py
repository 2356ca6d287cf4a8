"""Between Python's names and the wire's: ``app_id`` here is ``appId`` there, for every field."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_TIMEOUT = 0xFFFFFFFF


def camel_case(name: str) -> str:
    """The wire's name of a Python field."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def to_wire(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields under their wire names. None is left out: to the library, null and absent mean the same."""
    return {camel_case(name): value for name, value in fields.items() if value is not None}


def from_camel_case(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields under their Python names: what ``to_wire`` takes."""
    return {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): value for name, value in fields.items()}


def seconds(milliseconds: int | None) -> float | None:
    """A time of the wire's as this package counts it."""
    return None if milliseconds is None else milliseconds / 1000


def wait_ms(seconds: float | None) -> int | None:
    """For how long an operation waits by itself; None leaves that to the library."""
    return None if seconds is None else milliseconds(seconds)


def milliseconds(seconds: float | None) -> int:
    """A timeout as the library counts it, rounded up, so that a short one does not become "no waiting"."""
    if seconds is None or seconds == math.inf:
        return NO_TIMEOUT
    if not seconds >= 0:
        raise ValueError("a timeout is a number of seconds, 0 or more")
    return min(math.ceil(seconds * 1000), NO_TIMEOUT - 1)
