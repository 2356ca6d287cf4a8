"""The cases that every language runs: Tests/cases/*.json, see the README there."""

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
        for case in json.loads(file.read_text(encoding="utf-8"))
    ]


class Run:
    """One case: its folder, and what it has captured."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.captured: dict[str, Any] = {}

    def filled_in(self, value: Any) -> Any:
        """A config or request, with what its strings stand for in their place."""
        if isinstance(value, dict):
            return {name: self.filled_in(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self.filled_in(element) for element in value]
        if isinstance(value, str) and value.startswith("$"):
            return f"{self.folder}{value[4:]}" if value.startswith("$TMP") else self.captured[value[1:]]
        return value

    def differences(self, expected: Any, actual: Any, path: str) -> list[str]:
        """What is expected but not there."""
        if isinstance(expected, dict) and "$capture" in expected and actual is not None:
            self.captured[expected["$capture"]] = actual
            return []
        if isinstance(expected, dict) and isinstance(actual, dict):
            members = [(expected[name], actual.get(name), f"{path}.{name}") for name in expected]
            return [difference for member in members for difference in self.differences(*member)]
        if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
            elements = [(*pair, f"{path}[{index}]") for index, pair in enumerate(zip(expected, actual))]
            return [difference for element in elements for difference in self.differences(*element)]
        expected = self.filled_in(expected)
        is_same = type(expected) is type(actual) and expected == actual
        return [] if is_same else [f"{path}: {actual!r}, not {expected!r}"]


def as_wire(error: ConnError) -> dict[str, Any]:
    fields = {camel_case(name): value for name, value in vars(error).items()}
    fields["requiresConnection"] = True if error.code == "connection_required" else None
    return {**fields, "code": error.code, "message": error.message, "missingScopes": list(error.missing_scopes)}


def run_calls(run: Run, client: Client, calls: list[Any]) -> None:
    for number, step in enumerate(calls):
        request = run.filled_in(step["request"])
        op = request.pop("op")
        try:
            actual = {"answer": client.call(op, request)}
        except ConnError as error:
            actual = {"error": as_wire(error)}
        expected = {key: step[key] for key in ("answer", "error") if key in step}
        assert run.differences(expected, actual, f"calls[{number}]") == []


@pytest.mark.parametrize("case", load_cases())
def test_case(case: dict[str, Any], tmp_path: Path) -> None:
    run = Run(tmp_path)
    config = run.filled_in(case["open"])
    if "error" in case:
        with pytest.raises(ConnError) as raised:
            Client(config)
        assert run.differences(case["error"], as_wire(raised.value), "error") == []
    else:
        with Client(config) as client:
            run_calls(run, client, case["calls"])
