"""The library describes its operations; the package has each of them, with every field, and no others."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any, Callable

import pytest

import descope_conn
from descope_conn import (
    Client,
    _app_operations,
    _device_operations,
    _mcp_operations,
    _operations,
    _template_operations,
    _vault_operations,
)
from descope_conn._client import MCP, Apps, Audit, Device, Keys, Templates
from descope_conn._errors import CLASSES
from descope_conn._types import (
    CallbackRules,
    ConnectOptions,
    ExpiryRule,
    MissingConnection,
    NewToken,
    RefreshRules,
    RevocationRules,
    ScopeRules,
    Subject,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from descope_conn._call import Call

EXAMPLES: Mapping[str, object] = {
    "str": "text",
    "bool": True,
    "int": 1,
    "float": 1.0,
    "Sequence[str]": ["text"],
    "Mapping[str, str]": {"name": "text"},
    "Mapping[str, QueryValue]": {"name": "text"},
    "QueryValue": "text",
    "Mapping[str, Any]": {},
    "Sequence[MissingConnection]": [dict.fromkeys(MissingConnection.__annotations__, "text")],
    "Subject": dict.fromkeys(Subject.__annotations__, "text"),
    "ConnectOptions": dict.fromkeys(ConnectOptions.__annotations__, "text"),
    "ScopeRules": {
        **dict.fromkeys(ScopeRules.__annotations__, "text"),
        "aliases": {"name": "text"},
        "implies": {"name": "text"},
    },
    "ExpiryRule": dict.fromkeys(ExpiryRule.__annotations__, "text"),
    "RefreshRules": dict.fromkeys(RefreshRules.__annotations__, "text"),
    "CallbackRules": dict.fromkeys(CallbackRules.__annotations__, "text"),
    "RevocationRules": dict.fromkeys(RevocationRules.__annotations__, "text"),
    "Sequence[NewToken]": [dict.fromkeys(NewToken.__annotations__, "text")],
}


def operations() -> Iterator[Callable[..., Call[Any]]]:
    modules = (_app_operations, _device_operations, _mcp_operations, _template_operations, _vault_operations)
    for module in (_operations, *modules):
        for name, function in vars(module).items():
            public = inspect.isfunction(function) and function.__module__ == module.__name__ and name[0] != "_"
            if public and function is not _operations.call:
                yield function


def request_with_every_field(operation: Callable[..., Call[Any]]) -> dict[str, Any]:
    parameters = inspect.signature(operation).parameters.values()
    arguments = {p.name: EXAMPLES[p.annotation.split(" | ")[0]] for p in parameters if p.name != "timeout"}
    request: dict[str, Any] = json.loads(operation(**arguments).request)
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


def described_paths(fields: Iterable[Mapping[str, Any]], prefix: str = "") -> Iterator[str]:
    for field in fields:
        path = f"{prefix}.{field['name']}" if prefix else field["name"]
        if field.get("fields"):
            yield from described_paths(field["fields"], path)
        else:
            yield f"{path}.name" if field["type"] == "texts" else path


@pytest.fixture
def description(client: Client) -> dict[str, Any]:
    return client.describe()


def test_operations_and_their_fields(description: dict[str, Any]) -> None:
    common = description["common"]
    described = {op["op"]: sorted(described_paths([*op["fields"], *common])) for op in description["operations"]}
    ours = {}
    for operation in operations():
        request = request_with_every_field(operation)
        op = request.pop("op")
        ours[op] = sorted(paths(request))
    assert ours == described


def test_all_times_are_in_seconds() -> None:
    names = [name for operation in operations() for name in inspect.signature(operation).parameters]
    public = [getattr(descope_conn, name) for name in descope_conn.__all__]
    names += [name for cls in public if inspect.isclass(cls) for name in getattr(cls, "__annotations__", {})]
    assert "timeout" in names
    assert [name for name in names if name.endswith("_ms")] == []


def test_error_codes(description: dict[str, Any]) -> None:
    assert sorted(CLASSES) == sorted(description["errorCodes"])


def test_every_operation_is_a_method() -> None:
    methods = [value for cls in (Client, Apps, MCP, Templates, Device, Keys, Audit) for value in vars(cls).values()]
    assert {*operations(), _operations.call} == {m.__wrapped__ for m in methods if hasattr(m, "__wrapped__")}
