"""Bets on every onset at once."""

import numpy as np
import pytest

from analysis.onset import OnsetBets, log_sum_exp

BETS = OnsetBets(at_once=0.7, half_placed=60.0)


def test_without_evidence_the_stake_stays_one() -> None:
    t = np.array([0.0])
    running = BETS.first((1, 2))
    for later in (2.0, 7.0, 500.0, 1e7):
        until = np.array([later])
        running = BETS.roll_on(running, np.zeros((1, 1, 2)), since=t[:, None], until=until[:, None])[:, 0]
        t = until
        assert BETS.log_total(running, np.array([0.25, 0.75]), t)[0] == pytest.approx(0.0, abs=1e-12)


def test_one_number_holds_the_sum_over_all_onsets() -> None:
    gains = np.random.default_rng(4).normal(0.0, 1.0, 30)
    instants = np.arange(31.0) * 10.0
    running = BETS.first((1, 1))
    for k, gain in enumerate(gains):
        since, until = instants[None, k : k + 1], instants[None, k + 1 : k + 2]
        running = BETS.roll_on(running, np.array([[[gain]]]), since=since, until=until)[:, 0]
    placed = -np.diff(BETS.cash(instants))
    each = [0.7 * np.exp(gains.sum()), *(placed[k] * np.exp(gains[k:].sum()) for k in range(30))]
    assert running[0, 0] == pytest.approx(np.log(sum(each)), abs=1e-10)


def test_evidence_recovers_after_ruin_by_bets_placed_later() -> None:
    running = BETS.first((1, 1))
    gains = np.array([[[-1e6], [9.0]]])
    course = BETS.roll_on(running, gains, since=np.array([[0.0, 60.0]]), until=np.array([[60.0, 90.0]]))
    assert BETS.log_total(course, np.array([1.0]), np.array([[60.0, 90.0]]))[0, 1] > np.log(100)


def test_many_ticks_at_once_are_the_same_as_one_after_the_other() -> None:
    rng = np.random.default_rng(5)
    gains, instants = rng.normal(0.0, 3.0, (4, 25, 2)), np.cumsum(rng.uniform(0.0, 20.0, (4, 26)), axis=1)
    instants[:, 10] = instants[:, 9]  # a tick without length places nothing
    at_once = BETS.roll_on(BETS.first((4, 2)), gains, since=instants[:, :-1], until=instants[:, 1:])
    running = BETS.first((4, 2))
    for k in range(25):
        when = {"since": instants[:, k : k + 1], "until": instants[:, k + 1 : k + 2]}
        running = BETS.roll_on(running, gains[:, k : k + 1], **when)[:, 0]
        assert at_once[:, k] == pytest.approx(running, rel=1e-12, abs=1e-12)


def test_log_sum_exp_of_large_numbers() -> None:
    assert log_sum_exp(np.array([[1000.0, 1000.0], [-2000.0, -2000.0]])) == pytest.approx(
        [1000.0 + np.log(2), -2000.0 + np.log(2)]
    )
