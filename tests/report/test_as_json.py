"""The report as JSON: plain, named in camel case, and stable in its names."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest

from delivery.report.as_json import to_json
from delivery.resources.release import AnalysisRecord, EvidencePoint, Release
from tests.decision.given import NOW
from tests.report.records import hostile, long_one, promoted_by_ann, rolled_back, unusual, with_custom_metrics

CASES = {
    "rolled back": rolled_back(),
    "promoted": promoted_by_ann(),
    "own metrics": with_custom_metrics(),
    "hostile": hostile(),
    "long": long_one(),
    **unusual(),
}
BY_USERS_NAMES = {"queries", "answer"}
TOP = (
    "schemaVersion name namespace deployment service mesh policyName releaseId attempt light renderedAt phase final "
    "reason sentence what progress startedAt finishedAt seconds people stable canary timeline traffic evidence "
    "decisions metrics cost quality queries policyYaml"
)


def named(value: Any) -> Iterator[tuple[str, Any]]:
    """Every field of a document with its value, without those that users name."""
    if isinstance(value, list):
        for item in value:
            yield from named(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            if key not in BY_USERS_NAMES:
                yield from named(item)


@pytest.mark.parametrize("made", CASES.values(), ids=CASES.keys())
def test_it_is_json_with_names_in_camel_case_and_times_as_such(made: Release) -> None:
    told = to_json(made, NOW)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    for key, value in named(told):
        assert re.fullmatch(r"[a-z][A-Za-z]*", key), key
        if key == "at" or key.endswith("At"):
            assert value is None or re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value), key


def test_the_names_stay_as_they_are() -> None:
    told = to_json(rolled_back(), NOW)
    assert list(told) == TOP.split()
    assert list(told["canary"]) == ["arm", "appVersion", "podVersion", "images", "templateHash", "podTemplateHash"]
    assert list(told["evidence"]["course"][0]) == ["at", "after", "rollback", "advance"]
    assert list(told["metrics"][0]["canary"]) == ["requests", "errors", "rate", "wilson", "always"]


def test_values_are_those_of_the_view() -> None:
    told = to_json(rolled_back(), NOW)
    assert told["schemaVersion"] == 1
    assert told["startedAt"] == "2023-11-14T22:13:20.000000Z"
    assert told["cost"] == {"requests": 100.0, "errors": 10.0, "atStablesRate": 1.0, "beyondStable": 9.0}
    assert told["metrics"][1]["quantiles"][1]["canaryMs"] == [25.0, None]


def test_names_of_users_are_left_as_they_are() -> None:
    queue = to_json(with_custom_metrics(), NOW)["metrics"][4]
    assert queue["queries"] == {"stable.value": "avg(queue)"}


def test_an_infinite_number_is_not_known() -> None:
    course = (EvidencePoint(at=NOW, rollback=math.inf, advance=0.0),)
    told = to_json(rolled_back(analysis=AnalysisRecord(course=course)), NOW)
    assert told["evidence"]["course"][0]["rollback"] is None
    json.dumps(told, allow_nan=False)
