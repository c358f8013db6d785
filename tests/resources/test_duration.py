"""Durations: what is written is what is meant, and what is stored is what was read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.resources.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30s", 30), ("1m30s", 90), ("250ms", 0.25), ("2h", 7200), ("1.5h", 5400), ("0s", 0), ("1h1m1s1ms", 3661.001)],
)
def test_the_ways_to_write_a_duration(written: str, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.25, "250ms"), (90, "1m30s"), (0, "0s"), (7200, "2h"), (1.5, "1500ms")]
)
def test_the_shortest_way_is_written(seconds: float, written: str) -> None:
    assert format_duration(seconds) == written


@settings(derandomize=True, max_examples=200)
@given(st.integers(0, 366 * 24 * 3600 * 1000))
def test_every_duration_survives_being_stored(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("0.4ms", "finer than a millisecond"),
        ("1.0005s", "finer than"),
        ("9000h", "longer than a year"),
        ("9" * 400 + "h", "longer"),
    ],
)
def test_what_could_not_be_stored_is_refused(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_duration(written)
