"""Values of both versions keep the promised risks, whatever their noise, as long as it forgets within half a minute."""

from __future__ import annotations

import math

import pytest

from benchmarks.paired_values import MODELS, WRONG_ADVANCE, WRONG_ROLLBACK, Arms, settled_after
from tests.calibration.simulation import most_expected

RELEASES = 300
TOO_SLOW = ("forgets over 60 s", "forgets over 120 s")  # what they cost is in docs/analysis.md
PROMISED = {name: model for name, model in MODELS.items() if name not in TOO_SLOW}

pytestmark = pytest.mark.calibration


@pytest.mark.parametrize("model", PROMISED.values(), ids=PROMISED)
def test_at_the_boundary_few_are_rolled_back(model: Arms) -> None:
    wrong = sum(math.isfinite(t) for t in settled_after(model, RELEASES, 11))
    assert wrong <= most_expected(RELEASES, WRONG_ROLLBACK)


@pytest.mark.parametrize("model", PROMISED.values(), ids=PROMISED)
def test_at_the_boundary_few_advance(model: Arms) -> None:
    wrong = sum(math.isfinite(t) for t in settled_after(model, RELEASES, 12, way="advance"))
    assert wrong <= most_expected(RELEASES, WRONG_ADVANCE)


def test_a_shift_of_five_spreads_is_seen_within_minutes() -> None:
    times = settled_after(MODELS["independent, normal"], 60, 13, shift=5.0)
    assert sorted(times)[len(times) // 2] <= 420.0
    assert sum(math.isfinite(t) for t in times) >= 57
