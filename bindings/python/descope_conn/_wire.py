"""Between Python's names and the wire's: ``app_id`` here is ``appId`` there, for every field."""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

NO_TIMEOUT = 0xFFFFFFFF


def camel_case(name: str) -> str:
    """The wire's name of a Python field."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def to_wire(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields under their wire names. None is left out: to the library, null and absent mean the same."""
    return {camel_case(name): _nested(value, to_wire) for name, value in fields.items() if value is not None}


def _nested(value: object, convert: Callable[[Mapping[str, object]], dict[str, object]]) -> object:
    """An array's objects have the library's names too. An object's members have names of others, such as a header's."""
    if isinstance(value, (list, tuple)):
        return [convert(one) if isinstance(one, Mapping) else one for one in value]
    return value


def without_nones(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}


def wire_object(value: Mapping[str, object] | None) -> object:
    """An object that a caller wrote in Python's names. Anything else stays, and the library says which field it is."""
    return to_wire(value) if isinstance(value, Mapping) else value


def wire_objects(values: Iterable[Mapping[str, object]] | None) -> object:
    """An array of such objects."""
    is_array = isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping))
    return [wire_object(value) for value in values] if is_array and values is not None else values


def wire_parameters(parameters: Mapping[str, str] | None) -> object:
    """A mapping as the array of pairs that the wire has for it."""
    if not isinstance(parameters, Mapping):
        return parameters
    return [{"key": key, "value": value} for key, value in parameters.items()]


def encode(fields: Mapping[str, object]) -> bytes:
    """A request or a configuration as the library reads it."""
    return _ENCODER.encode(fields).encode()


def _plain(value: Any) -> object:
    """What JSON has no word for, but Python's users pass. The error does not quote the value, which may be a secret."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, AbstractSet):
        return sorted(value, key=repr)
    if isinstance(value, Iterator):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            raise TypeError("bytes must be text in UTF-8") from None
    raise TypeError(f"a value of type {type(value).__name__} is nothing that the library takes")


# Made once: ``json.dumps`` makes one for each call that has a default.
_ENCODER = json.JSONEncoder(default=_plain)


@functools.lru_cache(maxsize=1024)
def snake_case(name: str) -> str:
    """The Python name of a field of the wire's."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def from_camel_case(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields under their Python names: what ``to_wire`` takes."""
    return {snake_case(name): _nested(value, from_camel_case) for name, value in fields.items()}


def milliseconds(seconds: float | None) -> int:
    """A timeout as the library counts it, rounded up, so that a short one does not become "no waiting"."""
    if seconds is None or seconds == math.inf:
        return NO_TIMEOUT
    if not isinstance(seconds, (int, float)):
        raise TypeError(f"a timeout is a number of seconds, not {type(seconds).__name__}")
    if not seconds >= 0:
        raise ValueError("a timeout is a number of seconds, 0 or more")
    return min(math.ceil(seconds * 1000), NO_TIMEOUT - 1)


def seconds(milliseconds: int | None) -> float | None:
    """A time of the wire's as this package counts it."""
    return None if milliseconds is None else milliseconds / 1000


def wait_ms(seconds: float | None) -> int | None:
    """For how long an operation waits by itself; None leaves that to the library."""
    return None if seconds is None else milliseconds(seconds)
