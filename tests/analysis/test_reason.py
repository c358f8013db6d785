"""Sentences for people."""

import math

import pytest

from analysis.reason import duration, explain, percent, round_down, slower
from analysis.verdict import Verdict

Brackets = dict[str, dict[str, list[float | None]]]


def said(verdict: Verdict, *, log_evidence: float = 0.0, wait: float = math.inf, canary: float = 48.0) -> str:
    totals = (100_000.0, 100.0, 1000.0, canary)
    return explain(verdict, totals=totals, log_evidence=log_evidence, carried_by="errors", quantiles={}, wait=wait)


def test_a_rollback_says_both_rates_and_the_odds() -> None:
    assert said(Verdict.ROLL_BACK, log_evidence=math.log(12_345)) == (
        "canary fails 4.8 % of requests, stable 0.1 %; such a gap by chance is rarer than 1 in 10,000"
    )


def test_an_advance_says_what_was_ruled_out() -> None:
    assert said(Verdict.ADVANCE, log_evidence=math.log(25), canary=1.0) == (
        "canary fails 0.1 % of requests, stable 0.1 %; "
        "a canary as bad as this step forbids would look this good less than once in 20"
    )


def test_the_undecided_says_how_long_or_that_it_may_be_never() -> None:
    assert said(Verdict.UNDECIDED, wait=42.0).endswith("about 42 s more at this traffic would decide")
    assert said(Verdict.UNDECIDED).endswith("rates this near the tolerance may never")


@pytest.mark.parametrize(
    ("n_s", "n_c", "words"),
    [(0, 0, "neither version has"), (10, 0, "the canary has not"), (0, 10, "stable has not")],
)
def test_silence_is_not_a_rate(n_s: float, n_c: float, words: str) -> None:
    sentence = explain(
        Verdict.UNDECIDED, totals=(n_s, 0, n_c, 0), log_evidence=0, carried_by=None, quantiles={}, wait=math.inf
    )
    assert sentence == f"{words} served a request yet"


def test_a_slower_canary_without_a_separated_bucket_is_said_to_be_so() -> None:
    same: Brackets = {"p50": {"stable_ms": [50.0, 100.0], "canary_ms": [50.0, 100.0]}}
    assert slower(same) == "canary is slower than stable, within the width of the buckets"
    beyond: Brackets = {"p99": {"stable_ms": [50.0, 100.0], "canary_ms": [500.0, None]}}
    assert slower(beyond).startswith("canary answers with a p99 of over 500 ms, stable of at most 100 ms")


@pytest.mark.parametrize(("rate", "text"), [(0.0, "0 %"), (0.048, "4.8 %"), (0.00024, "0.02 %"), (0.00004, "0.004 %")])
def test_percentages_keep_the_digits_they_need(rate: float, text: str) -> None:
    assert percent(rate) == text


@pytest.mark.parametrize(("seconds", "text"), [(42, "42 s"), (600, "10 min"), (9000, "2 h"), (900_000, "10 days")])
def test_durations_in_the_unit_people_use(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(1, "1"), (99, "90"), (10_000, "10,000"), (1e30, "1,000,000,000")])
def test_odds_are_rounded_down_and_capped(number: float, text: str) -> None:
    assert round_down(math.log(number)) == text
