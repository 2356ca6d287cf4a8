"""What `describe` answers, with names looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

BACKENDS = ("cloud", "vault", "plugin")


@dataclass(frozen=True)
class Field:
    """A field of a request, or a member of an answer."""

    wire: dict[str, Any]

    @property
    def name(self) -> str:
        return self.wire["name"]

    @property
    def type(self) -> str:
        return self.wire["type"]

    @property
    def of(self) -> str | None:
        return self.wire.get("of")

    @property
    def required(self) -> bool:
        return self.wire["required"]

    @property
    def backends(self) -> tuple[str, ...]:
        return tuple(self.wire["backends"])

    @property
    def about(self) -> str:
        return self.wire["about"]

    @property
    def unit(self) -> str | None:
        unit = self.wire.get("unit")
        return None if unit == "count" else unit

    @property
    def is_secret(self) -> bool:
        return self.type in ("secret", "secrets", "secret_query_value")

    @property
    def is_object(self) -> bool:
        return self.type in ("object", "objects") and self.of is not None


@dataclass(frozen=True)
class Type:
    """An object by name."""

    name: str
    about: str
    own: tuple[Field, ...]
    includes: tuple[str, ...]
    alternatives: tuple[str, ...]


@dataclass(frozen=True)
class Operation:
    """An operation."""

    wire: dict[str, Any]
    own: tuple[Field, ...]
    fields: tuple[Field, ...]

    @property
    def name(self) -> str:
        return self.wire["op"]

    @property
    def group(self) -> str | None:
        """The object of the client that has its method: apps of apps.create."""
        return self.name.split(".")[0] if "." in self.wire["method"] else None

    @property
    def method(self) -> str:
        """What its method is called there."""
        return self.wire["method"].split(".")[-1]

    @property
    def about(self) -> str:
        return self.wire["about"]

    @property
    def backends(self) -> tuple[str, ...]:
        return tuple(self.wire["backends"])

    @property
    def includes(self) -> tuple[str, ...]:
        return tuple(self.wire.get("includes", ()))

    @property
    def answer(self) -> str:
        return self.wire["answer"]


class Model:
    """All that a library describes."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.wire = description
        self.types = {wire["name"]: self._type(wire) for wire in description["types"]}
        self.enumerations: dict[str, dict[str, Any]] = {wire["name"]: wire for wire in description["enumerations"]}
        self.common = [Field(wire) for wire in description["common"]]
        self.operations = [self._operation(wire) for wire in description["operations"]]

    @staticmethod
    def _type(wire: dict[str, Any]) -> Type:
        fields = tuple(Field(field) for field in wire["fields"])
        return Type(wire["name"], wire["about"], fields, tuple(wire.get("includes", ())), tuple(wire.get("oneOf", ())))

    def _operation(self, wire: dict[str, Any]) -> Operation:
        own = tuple(Field(field) for field in wire["fields"])
        included = [field for name in wire.get("includes", ()) for field in self.fields(name)]
        return Operation(wire, own, (*own, *included))

    def fields(self, name: str) -> list[Field]:
        """All fields of a type; those of all alternatives together, where it is one of several."""
        type_ = self.types[name]
        found = list(type_.own)
        for other in (*type_.includes, *type_.alternatives):
            found += [field for field in self.fields(other) if field.name not in {one.name for one in found}]
        return found

    def reachable(self, fields: list[Field], includes: tuple[str, ...] = ()) -> list[str]:
        """The types that fields name, directly or not, in the order of the table."""
        found: set[str] = set()

        def add(name: str) -> None:
            if name in found:
                return
            found.add(name)
            type_ = self.types[name]
            for other in (*type_.includes, *type_.alternatives, *(f.of for f in type_.own if f.is_object)):
                add(other)

        for name in (*includes, *(f.of for f in fields if f.is_object)):
            add(name)
        return [name for name in self.types if name in found]

    @cached_property
    def requested(self) -> set[str]:
        """The types that requests have."""
        return {n for op in self.operations for n in self.reachable(list(op.own), op.includes)}

    @cached_property
    def answered(self) -> set[str]:
        """The types that answers have."""
        found: set[str] = set()
        for op in self.operations:
            found |= {op.answer, *self.reachable([], (op.answer,))}
        return found


def for_whom(backends: tuple[str, ...]) -> str:
    """`Vault: ` before what is the vault's alone."""
    if "cloud" in backends and "vault" in backends:
        return ""
    return "Cloud: " if "cloud" in backends else "Vault: "


def lower_camel(name: str) -> str:
    """`management_keys` is `managementKeys`."""
    words = re.split(r"[_\W]+", name)
    return words[0].lower() + "".join(word[:1].upper() + word[1:] for word in words[1:])


def upper_camel(name: str) -> str:
    """`management_keys` is `ManagementKeys`."""
    return lower_camel(name)[:1].upper() + lower_camel(name)[1:]


def lower_first(text: str) -> str:
    """As it stands after a colon; what begins with a name or an acronym stays."""
    first = text.split(" ", 1)[0].rstrip(".,;:")
    return text[:1].lower() + text[1:] if first[1:].islower() or len(first) == 1 else text


UNITS = {
    "seconds": "in seconds",
    "milliseconds": "in milliseconds",
    "days": "in days",
    "bytes": "in bytes",
    "epoch_seconds": "in seconds since 1970",
    "epoch_milliseconds": "in milliseconds since 1970",
}
