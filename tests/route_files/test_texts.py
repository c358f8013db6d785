"""YAML as Kubernetes' tools take it."""

from __future__ import annotations

import pytest

from delivery.route_files.texts import to_yaml, values

TEXTS = {
    "2024-01-01T10:00:00Z": "2024-01-01T10:00:00Z",
    "2024-01-01": "2024-01-01",
    "12:30": "12:30",
    "1:30.5": "1:30.5",
    "017": 15,
    "0x1F": 31,
    "-1_000": -1000,
    "1.5": 1.5,
    ".5": 0.5,
    "yes": True,
    '"on"': "on",
    "~": None,
}


@pytest.mark.parametrize(("text", "value"), TEXTS.items())
def test_scalars(text: str, value: object) -> None:
    [found] = values(f"a: {text}", "f")
    assert found == {"a": value}
    assert values(to_yaml([found]), "f") == [found]


def test_nothing_is_written_as_an_alias() -> None:
    shared = {"number": 80}
    assert to_yaml([{"a": shared, "b": shared}]) == "a:\n  number: 80\nb:\n  number: 80\n"


def test_an_alias_in_the_file_is_written_out() -> None:
    [found] = values("a: &x {b: 1}\nc: *x\n", "f")
    assert found == {"a": {"b": 1}, "c": {"b": 1}}
    found["a"]["b"] = 2
    assert found["c"] == {"b": 1}
