"""The library describes its operations; the package has each of them, with every field, and no others."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any, Callable

import pytest

from descope_conn import Client, _types_generated
from descope_conn._aio_generated import AsyncOperations
from descope_conn._client_generated import Operations
from descope_conn._errors import CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from descope_conn._call import Call

EXAMPLES: dict[str, object] = {
    "str": "text",
    "bool": True,
    "int": 1,
    "float": 1.5,
    "Sequence[str]": ["text"],
    "Mapping[str, str]": {"name": "text"},
    "Mapping[str, QueryValue]": {"name": "text"},
    "QueryValue": "text",
    "Mapping[str, Any]": {},
}


def example(annotation: str) -> object:
    annotation = annotation.split(" | ")[0]
    if annotation in EXAMPLES:
        return EXAMPLES[annotation]
    if annotation.startswith("Sequence["):
        return [example(annotation[len("Sequence[") : -1])]
    named = getattr(_types_generated, annotation)
    members = getattr(named, "__annotations__", None)
    if members is None:
        return "text"  # one of a list of strings
    return {name: example(member.__forward_arg__) for name, member in members.items()}


def operations(of: type = Operations) -> Iterator[Callable[..., Call[Any]]]:
    """The functions behind the methods of a client and of its groups."""
    groups = [value.fget for value in vars(of).values() if isinstance(value, property)]
    module = inspect.getmodule(of)
    for cls in (of, *(getattr(module, group.__annotations__["return"]) for group in groups)):
        for method in vars(cls).values():
            if hasattr(method, "__wrapped__"):
                yield method.__wrapped__


def request_with_every_field(operation: Callable[..., Call[Any]]) -> dict[str, Any]:
    parameters = inspect.signature(operation).parameters.values()
    arguments = {p.name: example(p.annotation) for p in parameters if p.name not in ("self", "timeout")}
    request: dict[str, Any] = json.loads(operation(None, **arguments).request)
    return request


def paths(value: object, prefix: str = "") -> Iterator[str]:
    """The fields of a request, those inside objects and lists as ``outer.inner``."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        yield from paths(value[0], prefix)
    elif isinstance(value, dict) and (value or not prefix):
        for name, inner in value.items():
            yield from paths(inner, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix


def described_paths(
    description: Mapping[str, Any], fields: Iterable[Mapping[str, Any]], includes: Iterable[str] = (), prefix: str = ""
) -> Iterator[str]:
    types = {type_["name"]: type_ for type_ in description["types"]}
    for field in fields:
        path = f"{prefix}.{field['name']}" if prefix else field["name"]
        if field["type"] in ("object", "objects") and "of" in field:
            type_ = types[field["of"]]
            yield from described_paths(description, type_["fields"], type_.get("includes", ()), path)
        else:
            yield f"{path}.name" if field["type"] in ("texts", "secrets", "query_values") else path
    for name in includes:
        yield from described_paths(description, types[name]["fields"], types[name].get("includes", ()), prefix)


@pytest.fixture
def description(client: Client) -> dict[str, Any]:
    return client.describe()


@pytest.mark.parametrize("client_operations", [Operations, AsyncOperations])
def test_operations_and_their_fields(description: dict[str, Any], client_operations: type) -> None:
    common = description["common"]
    described = {
        op["op"]: sorted(described_paths(description, [*op["fields"], *common], op.get("includes", ())))
        for op in description["operations"]
    }
    ours = {}
    for operation in operations(client_operations):
        request = request_with_every_field(operation)
        op = request.pop("op")
        ours[op] = sorted(paths(request))
    assert ours == described


def test_editors_and_help_explain_every_parameter() -> None:
    for operation in operations():
        for name in inspect.signature(operation).parameters:
            assert name == "self" or f"- ``{name}``: " in str(operation.__doc__), f"{operation.__qualname__} {name}"


def test_error_codes(description: dict[str, Any]) -> None:
    assert sorted(CLASSES) == sorted(description["errorCodes"])
