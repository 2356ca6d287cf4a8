"""docs/operations.schema.json holds what the cases of every language ask and are answered.

Needs DESCOPE_CONN_LIBRARY.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "bindings/python"), str(ROOT / "bindings/python/tests")]
import test_cases as cases  # noqa: E402
from descope_conn import Client  # noqa: E402

SCHEMA = json.loads((ROOT / "docs/operations.schema.json").read_text())
REQUESTS = Draft202012Validator(SCHEMA)
ANSWERS = {
    name.removeprefix("answer:"): Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": f"#/$defs/{name}"})
    for name in SCHEMA["$defs"]
    if name.startswith("answer:")
}


class HeldClient(Client):
    """Holds what it is asked and answered against the schema, where the library took it."""

    held = 0

    def call(self, op: str, fields: Any = None, **options: Any) -> Any:
        answer = super().call(op, fields, **options)
        given = {name: value for name, value in (fields or {}).items() if value is not None}
        REQUESTS.validate({"op": op, **given})
        ANSWERS[op].validate(answer)
        self.held += 1
        return answer


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("case", [one for one in cases.load_cases() if "error" not in one.values[0]])
def test_cases_fit(case: dict[str, Any], tmp_path: Path) -> None:
    run = cases.Run(tmp_path)
    with HeldClient(run.filled_in(case["open"])) as client:
        cases.run_calls(run, client, case["calls"])
        assert client.held or all("error" in call for call in case["calls"])


@pytest.mark.parametrize(
    "request_",
    [
        {"op": "fetch", "appId": "a"},
        {"op": "fetch", "appId": "a", "userId": "u", "scope": ["x"]},
        {"op": "fetch", "appId": "a", "userId": "u", "minTtlSeconds": 86401},
        {"op": "fetch", "appId": "a", "userId": "u", "options": {"forceRefresh": "yes"}},
        {"op": "apps.create", "appType": "saml"},
        {"op": "nothing.known"},
    ],
)
def test_what_the_library_refuses_does_not_fit(request_: dict[str, Any]) -> None:
    assert not REQUESTS.is_valid(request_)
