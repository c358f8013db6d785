"""Every line of the calibration report, 4,000 runs each: what was promised, to a binomial tolerance."""

import pytest

from benchmarks.calibration import Case, cases, ends
from tests.calibration.simulation import most_expected

RUNS = 4000
PROMISES = [(title, case) for title, part in cases() for case in part if case.promised < 1.0]

pytestmark = pytest.mark.calibration


@pytest.mark.parametrize(("title", "case"), PROMISES, ids=[f"{title}: {case.name}" for title, case in PROMISES])
def test_it_happens_no_more_often_than_promised(title: str, case: Case) -> None:
    happened = case.counted(ends(case.draw, case.settings, RUNS, seed=len(title) + len(case.name)))
    assert happened.sum() <= most_expected(RUNS, case.promised)
