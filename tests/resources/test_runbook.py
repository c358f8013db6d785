"""The runbook names every reason that the controller gives, found in its sources, and none that it does not give."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from delivery.decision.phases import MOVES
from delivery.resources.release import Phase, Stage
from delivery.telemetry.reasons import Reason

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "runbook.md"
FOLDERS = ("decision", "reconcile")
CAMEL = re.compile(r"[A-Z][a-zA-Z]+")
SLOTS = {"reason", "problem_reason"}
GENERIC = {"InvalidConfiguration"}  # the default of a field, which every problem overrides


@cache
def trees() -> tuple[ast.Module, ...]:
    sources = [path for folder in FOLDERS for path in sorted((ROOT / "delivery" / folder).rglob("*.py"))]
    return tuple(ast.parse(path.read_text(), str(path)) for path in sources)


@cache
def constants() -> dict[str, str]:
    """Every module's names for texts, as `CONTESTED` and `READY, INVALID_QUERY = ...`."""
    found: dict[str, str] = {}
    for tree in trees():
        for statement in tree.body:
            if isinstance(statement, ast.Assign):
                found.update(_named(statement.targets[0], statement.value))
    return found


def _named(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=True):
            yield from _named(one, other)
    elif isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield target.id, value.value


@cache
def slots() -> dict[str, int]:
    """Where each function or dataclass takes a reason, by its name. A function of several names is one here."""
    found: dict[str, int] = {}
    for tree in trees():
        for node in ast.walk(tree):
            names = _parameters(node)
            place = next((at for at, name in enumerate(names) if name in SLOTS), None)
            if place is not None and isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[node.name] = place
    return found


def _parameters(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return [each.arg for each in node.args.args if each.arg != "self"]
    if isinstance(node, ast.ClassDef):
        fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        return [each.target.id for each in fields if isinstance(each.target, ast.Name)]
    return []


def handed_over() -> Iterator[ast.expr]:
    """Every expression that becomes a reason: an argument, or what is assigned to the name."""
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield from _argument(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_slot(node):
                yield node.value


def _argument(call: ast.Call) -> Iterator[ast.expr]:
    yield from (keyword.value for keyword in call.keywords if keyword.arg in SLOTS)
    name = str(getattr(call.func, "id", None) or getattr(call.func, "attr", ""))
    place = slots().get(name)
    if place is not None and place < len(call.args):
        yield call.args[place]


def _is_slot(assigned: ast.Assign | ast.AnnAssign) -> bool:
    targets = assigned.targets if isinstance(assigned, ast.Assign) else [assigned.target]
    return any(isinstance(target, ast.Name) and target.id in SLOTS for target in targets)


def texts(value: ast.expr) -> Iterator[str]:
    """What an expression may stand for; what was handed over before is not followed again."""
    if isinstance(value, ast.IfExp):
        yield from texts(value.body)
        yield from texts(value.orelse)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.Name) and value.id.isupper():
        yield constants()[value.id]


@cache
def given() -> frozenset[str]:
    """The reasons; sentences that actions carry for the log are none."""
    return frozenset(text for value in handed_over() for text in texts(value) if CAMEL.fullmatch(text)) - GENERIC


@cache
def told() -> dict[str, list[str]]:
    """The runbook's tables: by heading, what the first column names."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("| `"):
            found.setdefault(heading, []).extend(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return found


def test_the_walk_finds_the_reasons_that_are_known_to_be_there() -> None:
    known = {
        "EvidenceAgainstCanary",  # an argument of unwind
        "RouteContested",  # a constant of another module
        "CanaryLost",  # one side of a condition
        "InvalidService",  # assigned to the name
        "QueriesNotTried",  # one of several constants of a line
        "AnotherReleaseActive",  # in reconcile
        "LeftPaused",  # of an Announce only
        "StableNotReady",  # handed on by a function
    }
    assert known <= given()
    assert len(given()) > 40


def test_every_reason_is_in_the_runbook_and_none_is_invented() -> None:
    listed = [reason for heading, reasons in told().items() if heading.startswith("Reasons") for reason in reasons]
    assert given() - set(listed) == set(), "name these in docs/runbook.md"
    assert set(listed) - given() == set(), "the controller gives no such reason any more"
    assert len(set(listed)) == len(listed)


def test_every_phase_is_there_once() -> None:
    assert told()["Phases"] == [phase.value for phase in Phase]
    assert set(MOVES) == set(Phase)


def test_every_stage_is_there() -> None:
    assert sorted(told()["Stages"]) == sorted({stage.value for stage in Stage if stage})


def test_every_reason_without_data_is_there() -> None:
    assert sorted(told()["No data"]) == sorted(reason.value for reason in Reason)


@pytest.mark.parametrize("reason", ["VeryInvented", "Reconcile"])
def test_a_word_that_is_no_reason_is_not_found(reason: str) -> None:
    assert reason not in given()
