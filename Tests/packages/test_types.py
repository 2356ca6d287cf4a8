"""The types in the Node package: they compile where it is installed, and typing mistakes do not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TYPES = Path(__file__).parent / "types"
# Debian's, of version 4.8: the oldest that is supported.
TSC = ["tsc", "--noEmit", "--strict", "--pretty", "false"]
# Has a TypeScript of this year.
DENO = Path(sys.executable).parent / "deno"

# The endings say what kind of module a file is.
MODULES = {"right.ts": (".mts", ".cts"), "wrong.ts": (".mts", ".cts"), "required.cts": (".cts",)}
CLASSIC = {"right.ts": (".ts",), "wrong.ts": (".ts",), "required.cts": (".ts",)}


def copied(sources: Mapping[str, Sequence[str]], project: Path) -> list[str]:
    names = []
    for source, endings in sources.items():
        for ending in endings:
            names.append(Path(source).stem + ending)
            shutil.copy(TYPES / source, project / names[-1])
    return names


def assert_compiles(command: Sequence[str | Path], cwd: Path) -> None:
    environment = {**os.environ, "DENO_DIR": str(cwd / "deno"), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    ran = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def closedness(package: Path) -> str:
    """A program that compiles only if no type has an index signature, with which a typing mistake is no error."""
    lines = ["type IsOpen<T> = T extends unknown ? (string extends keyof T ? true : never) : never;"]
    for file, module in (
        ("index.d.ts", "descope-conn"),
        ("operations.d.ts", "descope-conn"),
        ("mcp.d.ts", "descope-conn/mcp"),
        ("web.d.ts", "descope-conn/web"),
    ):
        text = (package / "lib" / file).read_text()
        for name, parameters in dict.fromkeys(re.findall(r"^export (?:interface|class|type) (\w+)(<?)", text, re.M)):
            named = f"import('{module}').{name}" + ("<'a'>" if parameters else "")
            lines.append(f"export const {name}: [IsOpen<{named}>] extends [never] ? true : false = true;")
    assert len(lines) > 70
    return "\n".join(lines)


@pytest.mark.parametrize("libraries", ["es2018", "es2022,dom"])
def test_modules_of_either_kind_compile(project: Path, libraries: str) -> None:
    (project / "closed.cts").write_text(closedness(project / "node_modules/descope-conn"))
    options = ["--module", "nodenext", "--target", "es2020", "--lib", libraries]
    assert_compiles([*TSC, *options, "closed.cts", *copied(MODULES, project)], project)


def test_programs_whose_compiler_does_not_read_exports_compile(project: Path) -> None:
    options = ["--module", "commonjs", "--moduleResolution", "node", "--target", "es2018"]
    assert_compiles([*TSC, *options, *copied(CLASSIC, project)], project)


def test_this_years_compiler_compiles_them_and_knows_using(project: Path) -> None:
    # It wants to find Node's own types, of which nothing is used.
    own = project / "node_modules/@types/node"
    own.mkdir(parents=True)
    (own / "package.json").write_text(json.dumps({"name": "@types/node", "version": "24.0.0", "types": "index.d.ts"}))
    (own / "index.d.ts").write_text("export {};\n")
    (project / "package.json").write_text(json.dumps({"dependencies": {"descope-conn": "*"}}))
    options = {"nodeModulesDir": "manual", "compilerOptions": {"strict": True, "lib": ["esnext"]}}
    (project / "deno.json").write_text(json.dumps(options))
    assert_compiles([DENO, "check", *copied({**MODULES, "disposed.ts": (".mts",)}, project)], project)
