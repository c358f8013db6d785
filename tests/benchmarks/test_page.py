"""The page says plainly what was found, and what was not."""

import numpy as np
import pytest

from benchmarks.peers.earlier import Earlier
from benchmarks.peers.measure import Comparison, Line, UntilEnd, Way
from benchmarks.peers.page import delay, earlier_section, main_tables, percent, ramp_section, table
from benchmarks.peers.traffic import SCENARIOS

DELAYS = np.array([10.0, 20.0, 30.0, np.inf])
OURS = Line("ours", Way.NOMINAL, "E > 100", 2, 1000, DELAYS, np.ones(4))
OTHER = Line("other", Way.NOMINAL, "z > 3", 3, 1000, DELAYS / 2, np.ones(4))
OFTEN = Line("often", Way.NOMINAL, "z > 2", 300, 1000, np.full(4, 10.0), np.ones(4))
BOTH = Comparison(SCENARIOS[0], 0.1, 42.4, (OURS, OTHER, OFTEN), {("ours", Way.NOMINAL): UntilEnd(84.8, 2.0, 0.0)})
RAMPS = [{("other", way): 5 for way in Way} for _ in SCENARIOS]


@pytest.mark.parametrize(("seconds", "said"), [(600.0, "600"), (1800.0, "1800"), (1800.1, ">1800"), (np.inf, ">1800")])
def test_a_delay_beyond_the_horizon_is_said_to_be(seconds: float, said: str) -> None:
    assert delay(seconds) == said


def test_intervals_are_percentages() -> None:
    assert percent(0.001234, 0.02) == "0.12 to 2.00"


def test_a_table_has_a_line_a_row() -> None:
    assert table(("a", "b"), [["1", "2"]]) == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]


def test_nobody_earlier_is_said() -> None:
    assert list(earlier_section([], RAMPS, 10))[-1].startswith("Nowhere")


def test_who_is_earlier_is_named_with_seconds_and_with_its_alarms_on_a_ramp() -> None:
    text = "\n".join(earlier_section([Earlier(BOTH, OTHER, OURS, 12.34, 0.56)], RAMPS, 10))
    assert "As published, these are valid and earlier: other." in text
    assert "| 0.1 -> 1 % | other | as published | as published | 12.3 ± 0.6 | 10, 20 | 50.00 |" in text


def test_only_a_method_as_published_is_called_so() -> None:
    matched = Line("other", Way.MATCHED, "z > 3", 3, 1000, DELAYS / 2, np.ones(4))
    text = "\n".join(earlier_section([Earlier(BOTH, matched, OURS, 12.34, 0.56)], RAMPS, 10))
    assert "As published, these are valid and earlier: none." in text


def test_main_table_marks_what_is_not_valid_and_what_is_a_lower_bound() -> None:
    lines = [line for line in main_tables([BOTH]) if line.startswith("| ")]
    ours, other, often = (next(line for line in lines if name in line) for name in ("**ours**", "| other", "often"))
    assert "often (not valid)" in often
    assert "not valid" not in ours + other
    assert "| 75.0 | 20 | >1800 | 465.0 | 1.0 | 2.00 ± 0.09 |" in ours
    assert ">= 10.79" in other
    assert often.endswith("| 0.24 |")


def test_ramp_rates_are_of_the_runs_they_were_counted_in() -> None:
    text = "\n".join(ramp_section(RAMPS, 10))
    assert text.count("50.00 (18.71 to 81.29)") == len(Way) * len(SCENARIOS)
