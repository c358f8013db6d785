"""Whatever comes instead of an answer, of any size and at any pace: a named error, in bounded memory and time."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.telemetry.hostile import HOSTILE, answering
from tests.telemetry.test_access import serving

ENDLESS = ("blanks", "zeros", "refusal", "failure", "depth", "entries", "instants", "labels", "warnings", "native")
NAMED = {"a-scalar": "BadQuery", "an-error": "ServerError", "elsewhere": "WrongAddress", "not-found": "WrongAddress"}
OF_ANY_SIZE = {"refusal": "BadQuery", "failure": "ServerError"}
TIMEOUT_S = 20.0


def told(size: int, max_bytes: int, names: tuple[str, ...], timeout_s: float = TIMEOUT_S) -> list[dict[str, Any]]:
    """What a process of its own says of each answer, asked for by both calls."""
    with serving(answering(size)) as server:
        command = [sys.executable, "-m", "tests.telemetry.hostile", server.url, str(max_bytes), str(timeout_s), *names]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["name"], each["instants"]) for each in found] == [(name, n) for name in names for n in (1, 5)]
    return found


def test_a_hundred_megabytes_take_no_more_than_twice_the_bound() -> None:
    for each in told(100_000_000, 32_000_000, ENDLESS):
        assert each["reason"] == OF_ANY_SIZE.get(each["name"], "TooLarge"), each
        assert each["grown_mb"] <= 2 * 32, each


def test_what_is_within_the_bound_takes_no_more_than_twenty_times_as_much() -> None:
    dense = tuple(name for name in ENDLESS if name not in OF_ANY_SIZE)
    found = told(7_900_000, 8_000_000, dense)
    assert all(each["grown_mb"] <= 20 * 8 for each in found), found
    assert {each["reason"] for each in found if each["name"] in {"entries", "depth", "native"}} == {"TooManySeries"}
    assert {each["reason"] for each in found if each["name"] in {"blanks", "zeros"}} == {"NotPrometheus"}


def test_a_million_tiny_entries_are_refused_before_they_are_decoded() -> None:
    [first, _] = told(31_000_000, 32_000_000, ("entries",))
    assert (first["reason"], first["grown_mb"] < 2 * 32) == ("TooManySeries", True)


def test_small_ones_have_their_names() -> None:
    small = tuple(name for name in HOSTILE if name not in {*ENDLESS, "drops", "another-instant"})
    for each in told(1000, 8_000_000, small):
        assert each["reason"] == NAMED.get(each["name"], "NotPrometheus"), each


@pytest.mark.parametrize(("status", "reason"), [(200, "Slow"), (400, "BadQuery")])
def test_one_that_comes_drop_by_drop_is_given_up_at_the_deadline_by_both_calls(
    status: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HOSTILE, "drops", (status, HOSTILE["drops"][1]))
    found = told(1000, 8_000_000, ("drops",), timeout_s=0.4)
    assert [each["reason"] for each in found] == [reason] * 2
    assert all(each["seconds"] < 10 for each in found)  # without the deadline it would have no end
