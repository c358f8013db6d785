"""Numbers and times as people read them."""

from __future__ import annotations

import pytest

from delivery.report import wording


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, "not known"),
        (0.0, "0.0 s"),
        (59.94, "59.9 s"),
        (61.2, "1 min 1 s"),
        (3600, "1 h 0 min"),
        (200_000, "2 d 7 h"),
        (-1.0, "-1.0 s"),
    ],
)
def test_a_span_has_two_units(seconds: float | None, told: str) -> None:
    assert wording.span(seconds) == told


@pytest.mark.parametrize(
    ("share", "told"), [(None, "not known"), (0.0, "0 %"), (0.035087, "3.51 %"), (1.0, "100 %"), (0.00001, "0.001 %")]
)
def test_a_share_is_told_in_percent(share: float | None, told: str) -> None:
    assert wording.percent(share) == told


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(None, None, "not known"), (10, None, "more than 10 ms"), (None, 25, "at most 25 ms"), (10, 25, "10 to 25 ms")],
)
def test_an_open_end_is_said(low: float | None, high: float | None, told: str) -> None:
    assert wording.milliseconds_between(low, high) == told


@pytest.mark.parametrize(
    ("name", "told"), [("RolledBack", "rolled back"), ("errorRate", "error rate"), ("Pending", "pending"), ("", "")]
)
def test_a_name_becomes_words(name: str, told: str) -> None:
    assert wording.words(name) == told


def test_text_keeps_its_letters_whatever_the_alphabet() -> None:
    assert wording.printable("žluťoučký 狗 עברית\n\t") == "žluťoučký 狗 עברית\n\t"
