"""The cases that every binding shares: Tests/cases/*.json at the root of the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from descope_conn import Client, ConnError
from descope_conn._wire import camel_case

CASES = Path(__file__).parents[3] / "Tests" / "cases"


def load_cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{file.stem}: {case['name']}")
        for file in sorted(CASES.glob("*.json"))
        for case in json.loads(file.read_text())
    ]


def differences(expected: Any, actual: Any, path: str) -> list[str]:
    """What is expected but not there. An object may have more fields than expected; everything else is equal."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [d for name in expected for d in differences(expected[name], actual.get(name), f"{path}.{name}")]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [d for i, pair in enumerate(zip(expected, actual)) for d in differences(*pair, f"{path}[{i}]")]
    return [] if type(expected) is type(actual) and expected == actual else [f"{path}: {actual!r}, not {expected!r}"]


def as_wire(error: ConnError) -> dict[str, Any]:
    fields = {camel_case(name): value for name, value in vars(error).items()}
    return {**fields, "code": error.code, "message": error.message, "missingScopes": list(error.missing_scopes)}


@pytest.mark.parametrize("case", load_cases())
def test_case(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Client(case["open"]) as client:
        for number, step in enumerate(case["calls"]):
            request = dict(step["request"])
            op = request.pop("op")
            try:
                actual = {"answer": client.call(op, request)}
            except ConnError as error:
                actual = {"error": as_wire(error)}
            expected = {key: step[key] for key in ("answer", "error") if key in step}
            assert differences(expected, actual, f"calls[{number}]") == []
