"""A field or an operation that is new in the library's table comes into every language. Needs DESCOPE_CONN_LIBRARY."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from generator import node, operations_md, python, schema, swift  # noqa: E402
from generator.library import describe  # noqa: E402
from generator.model import Model  # noqa: E402

PYTHON = "bindings/python/descope_conn"
NODE = "bindings/node/lib"
SWIFT = "bindings/swift/Sources/DescopeConn"


def made(description: dict[str, Any]) -> dict[str, str]:
    model = Model(description)
    documents = {"operations.md": operations_md.document(model), "schema": schema.document(model)}
    return {**documents, **python.files(model), **node.files(model), **swift.files(model)}


@pytest.fixture
def description() -> dict[str, Any]:
    return describe(Path(os.environ["DESCOPE_CONN_LIBRARY"]))


def field(name: str, **more: Any) -> dict[str, Any]:
    known = {"type": "string", "required": False, "backends": ["cloud", "vault", "plugin"], "about": "Its nickname."}
    return {"name": name, **known, **more}


def lines(text: str, part: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if part in line]


def test_a_new_setting_of_a_connection(description: dict[str, Any]) -> None:
    settings = next(one for one in description["types"] if one["name"] == "AppSettings")
    settings["fields"].append(field("nickName", backends=["vault", "plugin"]))
    files = made(description)
    for client in ("_client_generated.py", "_aio_generated.py"):
        text = files[f"{PYTHON}/{client}"]
        assert lines(text, "nick_name: str") == ["nick_name: str | None = None,"] * 2  # create and update
        assert lines(text, '"nickName"') == ['"nickName": nick_name,'] * 2
        assert "- ``nick_name``: Vault: its nickname." in text
    types = files[f"{PYTHON}/_types_generated.py"]
    assert "nick_name: str | None = None" in types
    assert lines(types, '"nickName"') == ['nick_name=wire.get("nickName") or None,']
    assert lines(files[f"{NODE}/operations.d.ts"], "nickName") == ["nickName?: string;"]
    assert "public var nickName: String?" in files[f"{SWIFT}/Operations.swift"]
    assert "| `nickName` *(vault, plugin)* | string | Its nickname. |" in files["operations.md"]
    assert '"nickName": {' in files["schema"]


def test_a_new_operation_with_an_answer_of_its_own(description: dict[str, Any]) -> None:
    answer = {
        "name": "Renaming",
        "about": "What was renamed.",
        "fields": [
            field("nickName", required=True),
            field("lastUsed", type="integer", unit="epoch_seconds", minimum=0),
        ],
    }
    operation = {
        "op": "apps.rename",
        "method": "apps.rename",
        "about": "Renames a connection.",
        "backends": ["vault"],
        "fields": [field("id", required=True), field("nickName", type="secret")],
        "answer": "Renaming",
        "errors": [],
    }
    description["types"].append(answer)
    description["operations"].append(operation)
    files = made(description)
    text = files[f"{PYTHON}/_client_generated.py"]
    assert "    def rename(\n        self,\n        id: str,\n        *,\n        nick_name: str | None = None," in text
    assert ") -> Call[Renaming]:" in text
    assert 'return make_call("apps.rename", fields, actor, timeout, Renaming._from_wire)' in text
    types = files[f"{PYTHON}/_types_generated.py"]
    assert "class Renaming:" in types
    assert "last_used: int | None = None" in types
    assert '    "Renaming",\n' in files[f"{PYTHON}/__init__.py"]
    assert "return this.#client.call('apps.rename', fields, options);" in files[f"{NODE}/operations.js"]
    declared = files[f"{NODE}/operations.d.ts"]
    assert "rename(fields: AppsRenameFields, options?: CallOptions): Promise<Renaming>;" in declared
    assert "/** Its nickname. In seconds since 1970. */\n  lastUsed?: number;" in declared
    assert 'var request = Request("apps.rename", actor: actor)' in files[f"{SWIFT}/Operations.swift"]
    for name, code in files.items():
        if name.endswith(".py"):
            compile(code, name, "exec")


def test_what_is_committed_is_what_the_library_says(description: dict[str, Any]) -> None:
    for name, text in made(description).items():
        if "/" in name:
            assert (ROOT / name).read_text() == text, name
