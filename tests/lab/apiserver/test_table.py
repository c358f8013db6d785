"""Printed columns: paths into objects, and ages as kubectl shows them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivery.lab.apiserver.definitions import resources_of
from delivery.lab.apiserver.jsonpath import compiled
from delivery.lab.apiserver.table import age, table

DOCUMENT = {
    "spec": {"a.b": 1, "list": [{"type": "Ready", "status": "True"}, {"type": "Old", "status": "False"}], "n": [5, 6]},
    "metadata": {"labels": {"example.dev/x": "y"}},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.n[1]", [6]),
        (".spec.n[-1]", [6]),
        (".spec.n[9]", []),
        (".spec.n[*]", [5, 6]),
        (".spec.a\\.b", [1]),
        (".metadata.labels['example.dev/x']", ["y"]),
        ('.spec.list[?(@.type=="Ready")].status', ["True"]),
        ("{.spec.list[?(@.type!='Ready')].status}", ["False"]),
        (".spec.none.deeper", []),
    ],
)
def test_paths(path: str, found: list[Any]) -> None:
    assert compiled(path)(DOCUMENT) == found


def test_a_path_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match="cannot read"):
        compiled(".spec[")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (600, "10m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (10 * 3600, "10h"),
        (50 * 3600, "2d2h"),
        (30 * 86400, "30d"),
        (3 * 365 * 86400, "3y"),
        (9 * 365 * 86400 + 86400, "9y"),
    ],
)
def test_ages(seconds: int, shown: str) -> None:
    assert age(timedelta(seconds=seconds)) == shown


def test_a_table_has_the_declared_columns_in_order() -> None:
    columns = [
        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
        {"name": "Seen", "type": "date", "jsonPath": ".status.seen"},
        {"name": "Odd", "type": "boolean", "jsonPath": ".spec.odd", "priority": 1},
    ]
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object"}},
        "additionalPrinterColumns": columns,
    }
    names = {"plural": "things", "kind": "Thing", "singular": "thing", "listKind": "ThingList"}
    definition = {"spec": {"group": "test.dev", "scope": "Cluster", "names": names, "versions": [version]}}
    (resource,) = resources_of(definition)
    obj = {"metadata": {"name": "x"}, "status": {"phase": "Go", "seen": "2030-01-01T00:00:00Z"}}
    shown = table(resource, [obj], {}, "Object", datetime(2030, 1, 1, 0, 1, tzinfo=UTC))
    assert [(c["name"], c["type"], c["priority"]) for c in shown["columnDefinitions"]] == [
        ("Name", "string", 0),
        ("Phase", "string", 0),
        ("Seen", "date", 0),
        ("Odd", "boolean", 1),
    ]
    assert shown["rows"] == [{"cells": ["x", "Go", "60s", None], "object": obj}]
