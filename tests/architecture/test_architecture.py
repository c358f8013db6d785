"""The shape of the code, kept by tests: layers, sizes, names, docstrings."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("analysis", "mesh_adapters", "delivery")
DOCUMENTED = ("analysis", "delivery/decision")
LONGEST_FILE, LONGEST_FUNCTION = 350, 50
FORBIDDEN = {"util", "utils", "helper", "helpers", "manager", "managers", "common"}
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


def sources(folders: tuple[str, ...] = PACKAGES) -> list[Path]:
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    assert len(found) > 10
    return found


def named(path: Path, node: Definition) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def public_definitions(body: list[ast.stmt]) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node


def obvious(node: Definition) -> bool:
    """A property or method of a line or two in a class that is documented says enough by its name."""
    return isinstance(node, Function) and len(node.body) == 1


def test_import_arrows_only_run_down() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_no_file_is_too_long_to_read_at_once() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_too_long_to_read_at_once() -> None:
    long = [
        f"{named(path, node)}: {(node.end_lineno or node.lineno) - node.lineno + 1} lines"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, Function) and (node.end_lineno or node.lineno) - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


def test_modules_are_named_by_the_field_not_by_their_role() -> None:
    parts = {part for path in sources() for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not FORBIDDEN & {word for part in parts for word in part.split("_")}


def test_the_audited_packages_explain_every_public_name() -> None:
    silent = []
    for path in sources(DOCUMENTED):
        tree = ast.parse(path.read_text())
        if tree.body and ast.get_docstring(tree) is None:
            silent.append(str(path.relative_to(ROOT)))
        for node in public_definitions(tree.body):
            if ast.get_docstring(node) is None:
                silent.append(named(path, node))
            if isinstance(node, ast.ClassDef):
                methods = public_definitions(node.body)
                silent += [named(path, one) for one in methods if not obvious(one) and ast.get_docstring(one) is None]
    assert silent == []


def test_the_decision_core_has_no_clock_no_randomness_and_no_log() -> None:
    impure = {"time", "datetime", "random", "logging", "structlog", "os", "asyncio", "threading"}
    for path in sources(("delivery/decision",)):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not impure & {name.partition(".")[0] for name in names}, path
