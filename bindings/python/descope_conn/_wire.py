"""Between Python's names and the wire's: ``app_id`` here is ``appId`` there, for every field."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NO_TIMEOUT = 0xFFFFFFFF


def camel_case(name: str) -> str:
    """The wire's name of a Python field."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def to_wire(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields under their wire names. None is left out: to the library, null and absent mean the same."""
    return {camel_case(name): value for name, value in fields.items() if value is not None}


def without_nones(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}


def wire_object(value: Mapping[str, object] | None) -> dict[str, object] | None:
    """An object that a caller wrote in Python's names."""
    return None if value is None else to_wire(value)


def wire_objects(values: Iterable[Mapping[str, object]] | None) -> list[dict[str, object]] | None:
    """An array of such objects."""
    return None if values is None else [to_wire(value) for value in values]


def wire_parameters(parameters: Mapping[str, str] | None) -> list[dict[str, str]] | None:
    """A mapping as the array of pairs that the wire has for it."""
    return None if parameters is None else [{"key": key, "value": value} for key, value in parameters.items()]


def from_camel_case(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields under their Python names: what ``to_wire`` takes."""
    return {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): value for name, value in fields.items()}


def milliseconds(seconds: float | None) -> int:
    """A timeout as the library counts it, rounded up, so that a short one does not become "no waiting"."""
    if seconds is None or seconds == math.inf:
        return NO_TIMEOUT
    if not seconds >= 0:
        raise ValueError("a timeout is a number of seconds, 0 or more")
    return min(math.ceil(seconds * 1000), NO_TIMEOUT - 1)


def seconds(milliseconds: int | None) -> float | None:
    """A time of the wire's as this package counts it."""
    return None if milliseconds is None else milliseconds / 1000


def wait_ms(seconds: float | None) -> int | None:
    """For how long an operation waits by itself; None leaves that to the library."""
    return None if seconds is None else milliseconds(seconds)
