"""docs/operations.md."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .model import UNITS

if TYPE_CHECKING:
    from .model import Field, Model, Operation

HEAD = """# Operations

Made by `scripts/generate` from what the library itself answers to `describe`; the tables
`Sources/Connections/Contract/Operation+*.swift` are where to change it.
[operations.schema.json](operations.schema.json) says the same as a JSON Schema.

A request is one JSON object of at most 1 MiB, with these fields and no others; `{"op": NAME, ...}` for
`descope_conn_call` and `descope_conn_submit`, without `op` for the four operations that have a function of their own.
`null` and absent mean the same. Field names are Descope's. An unknown field, a wrong type or a value out of range is
`invalid_request` with the `field`, and nothing is sent or written. Where a field or an operation is not for every
backend, it says for which.

An answer is one JSON object. Its members that are always there are **bold**; others are absent when there is nothing
to say. A later version may answer more members, and more values of an enumeration.

Any operation may also answer `invalid_request`, `unsupported`, `timeout`, `cancelled`, `unavailable`, `rate_limited`,
`limit` and `internal`; see [errors](errors.md).
"""


def _backends(names: tuple[str, ...], known: tuple[str, ...] = ("cloud", "vault", "plugin")) -> str:
    return "" if set(known) <= set(names) else f" *({', '.join(names)})*"


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _kind(model: Model, field: Field) -> str:
    wire = field.wire
    if field.type == "string" and field.of:
        return " or ".join(f"`{value}`" for value in model.enumerations[field.of]["values"])
    if field.type == "integer":
        unit = f" {UNITS[field.unit]}" if field.unit else ""
        return f"integer{unit}" + (f", {wire['minimum']} to {wire['maximum']}" if "maximum" in wire else "")
    if field.type == "objects":
        most = f"at most {wire['maxCount']} " if "maxCount" in wire else ""
        return f"array of {most}{_link(field.of or '')}"
    if field.type == "object":
        return _link(field.of) if field.of else "object"
    names = {
        "strings": "array of strings",
        "texts": "object of strings",
        "secret": "string, secret",
        "secrets": "object of strings, secret",
        "digits": "string or integer",
        "query_value": "string or array of strings",
        "secret_query_value": "string or array of strings, secret",
        "query_values": "object of strings or arrays of strings",
        "any": "any",
        "literal": f"`{json.dumps(wire.get('value'))}`",
    }
    return names.get(field.type, field.type)


def _rows(model: Model, fields: list[Field], known: tuple[str, ...], title: str) -> str:
    lines = [f"| {title} | type | what it is |", "|---|---|---|"]
    for field in fields:
        name = f"**`{field.name}`**" if field.required and title == "member" else f"`{field.name}`"
        if field.required and title == "field":
            name += " **required**"
        about = field.about.replace("|", "\\|")
        lines.append(f"| {name}{_backends(field.backends, known)} | {_kind(model, field)} | {about} |")
    return "\n".join(lines) + "\n"


def _sample(model: Model, field: Field) -> Any:
    """A typical value; None where the table has none."""
    if field.wire.get("example") is not None:
        return field.wire["example"]
    if field.type not in ("object", "objects"):
        return None
    members = _samples(model, model.fields(field.of or ""))
    return members if not members or field.type == "object" else [members]


def _samples(model: Model, fields: list[Field]) -> dict[str, Any] | None:
    """The fields that are required or have an example; None where one of them has no typical value."""
    values: dict[str, Any] = {}
    for field in fields:
        if field.required or field.wire.get("example") is not None:
            values[field.name] = _sample(model, field)
    return None if None in values.values() else values


def _example(model: Model, operation: Operation) -> str:
    included = [field for name in operation.includes for field in model.fields(name)]
    fields = _samples(model, [*operation.own, *included])
    if not fields:
        return ""
    return f"```json\n{json.dumps({'op': operation.name, **fields})}\n```\n"


def _operation(model: Model, operation: Operation) -> list[str]:
    parts = [f"## `{operation.name}`{_backends(operation.backends)}\n\n{operation.about}\n"]
    if operation.own:
        parts.append(_rows(model, list(operation.own), operation.backends, "field"))
    parts += [f"And the fields of {_link(name)}.\n" for name in operation.includes]
    for group in operation.wire.get("atLeastOneOf", []):
        parts.append(f"At least one of {', '.join(f'`{name}`' for name in group)}.\n")
    for name in operation.wire.get("alone", []):
        parts.append(f"`{name}` stands alone.\n")
    answer = "Answers an empty object." if operation.answer == "Nothing" else f"Answers {_link(operation.answer)}."
    if operation.wire["errors"]:
        answer += f" Its own errors: {', '.join(f'`{code}`' for code in operation.wire['errors'])}."
    if example := _example(model, operation):
        parts.append(example)
    return [*parts, answer + "\n"]


def _users(model: Model, name: str) -> tuple[str, ...]:
    """The backends of the operations that have a type."""
    has = [o for o in model.operations if name in model.reachable(list(o.own), (*o.includes, o.answer))]
    return tuple({backend for operation in has for backend in operation.backends})


def document(model: Model) -> str:
    """The whole file."""
    parts = [HEAD]
    for operation in model.operations:
        parts += _operation(model, operation)
    parts.append("# Types\n")
    for type_ in model.types.values():
        if type_.name == "Nothing":
            continue
        parts.append(f"## {type_.name}\n\n{type_.about}\n")
        title = "field" if type_.name in model.requested else "member"
        if type_.own:
            parts.append(_rows(model, list(type_.own), _users(model, type_.name), title))
        parts += [f"And the {title}s of {_link(name)}.\n" for name in type_.includes]
        if type_.alternatives:
            parts.append(f"One of {', '.join(_link(name) for name in type_.alternatives)}.\n")
    parts.append("# Enumerations\n")
    for one in model.enumerations.values():
        values = ", ".join(f"`{value}`" for value in one["values"])
        parts.append(f"## {one['name']}\n\n{one['about']} One of {values}.\n")
    return "\n".join(parts)
