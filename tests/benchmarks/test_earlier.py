"""Who is named as earlier than ours, and by how much."""

import numpy as np

from benchmarks.peers.earlier import earlier_than_ours
from benchmarks.peers.measure import Comparison, Line, Way
from benchmarks.peers.traffic import HORIZON, Floats, Scenario

RUNS = 400
NOISE = np.random.default_rng(1).normal(0.0, 20.0, RUNS)


def line(method: str, delays: Floats, way: Way = Way.NOMINAL, alarms: int = 0) -> Line:
    return Line(method, way, "", alarms, 1000, delays, np.zeros(RUNS))


def compared(*lines: Line) -> list[Comparison]:
    return [Comparison(Scenario(0.01, 0.02), 0.1, 134.5, lines, {})]


def test_a_valid_method_is_named_with_the_seconds_it_is_earlier() -> None:
    found = earlier_than_ours(compared(line("ours", 200 + NOISE), line("other", 170 + NOISE)), besides="oracle")
    assert [(one.line.method, round(one.seconds, 6), round(one.half_width, 6)) for one in found] == [
        ("other", 30.0, 0.0)
    ]


def test_a_method_with_too_many_false_alarms_and_the_oracle_are_not() -> None:
    lines = line("ours", 200 + NOISE), line("other", 100 + NOISE, alarms=100), line("oracle", 150 + NOISE)
    assert earlier_than_ours(compared(*lines), besides="oracle") == []


def test_a_later_method_is_not() -> None:
    assert earlier_than_ours(compared(line("ours", 200 + NOISE), line("other", 230 + NOISE)), besides="oracle") == []


def test_an_earlier_median_is_named_even_when_the_mean_is_later() -> None:
    """It finds most runs sooner and the rest never."""
    delays = np.where(np.arange(RUNS) < 250, 100.0, np.inf)
    found = earlier_than_ours(compared(line("ours", 200 + NOISE), line("other", delays)), besides="oracle")
    assert len(found) == 1
    assert found[0].seconds < 0
    assert found[0].seconds == np.mean(200 + NOISE - np.minimum(delays, HORIZON))


def test_a_matched_method_meets_ours_as_published_and_ours_matched() -> None:
    lines = (
        line("ours", 200 + NOISE),
        line("ours", 150 + NOISE, Way.MATCHED),
        line("other", 140 + NOISE, Way.MATCHED),
        line("third", 160 + NOISE, Way.MATCHED),
    )
    found = earlier_than_ours(compared(*lines), besides="oracle")
    assert [(one.line.method, one.ours.way) for one in found] == [
        ("other", Way.NOMINAL),
        ("other", Way.MATCHED),
        ("third", Way.NOMINAL),
    ]
