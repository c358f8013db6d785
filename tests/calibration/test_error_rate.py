"""Frequencies the error-rate evidence promises, and the delays it was built for."""

import numpy as np
import pytest

from analysis.settings import ReleaseSettings, Tolerance
from tests.calibration.simulation import error_runs, most_expected

RATIO_ONLY = ReleaseSettings(error_tolerance=Tolerance(0.0, 0.0))
DEFAULT = ReleaseSettings()


@pytest.mark.parametrize(("settings", "seed"), [(RATIO_ONLY, 11), (DEFAULT, 12)])
def test_a_canary_exactly_at_the_boundary_is_rolled_back_no_more_often_than_promised(
    settings: ReleaseSettings, seed: int
) -> None:
    """Nine mixtures of rate and share, 300 runs each, looked at every 5 s for 10 min."""
    stable = np.repeat([0.001, 0.005, 0.02], 900)
    share = np.tile(np.repeat([0.05, 0.2, 0.5], 300), 3)
    margin = settings.error_tolerance
    canary = (1 + margin.relative) * stable + margin.absolute
    runs = error_runs(
        2700,
        settings,
        stable=lambda _: stable,
        canary=lambda _: canary,
        share=share,
        tick=5,
        seconds=600,
        seed=seed,
    )
    wrong = np.isfinite(runs.rolled_back)
    assert 1 <= wrong.sum() <= most_expected(2700, 0.01)
    assert wrong.reshape(9, 300).sum(axis=1).max() <= most_expected(9 * 300, 0.01 / 9)


@pytest.mark.parametrize(("settings", "seed"), [(RATIO_ONLY, 21), (DEFAULT, 22)])
def test_an_outage_that_hits_both_arms_does_not_blame_the_canary(settings: ReleaseSettings, seed: int) -> None:
    share = np.repeat([0.05, 0.2, 0.5], 400)

    def rate(t: float) -> float:
        return 0.4 if 100 < t <= 120 else 0.001

    runs = error_runs(1200, settings, stable=rate, canary=rate, share=share, seconds=240, seed=seed)
    assert np.isfinite(runs.rolled_back).sum() <= most_expected(1200, 0.01)
    assert np.isfinite(runs.evidence.rollback).all()
    assert np.isfinite(runs.evidence.advance).all()


def test_a_regression_after_a_shared_outage_is_still_found() -> None:
    def stable(t: float) -> float:
        return 0.4 if 60 < t <= 80 else 0.001

    def canary(t: float) -> float:
        return 0.03 if t > 120 else stable(t)

    runs = error_runs(300, DEFAULT, stable=stable, canary=canary, share=0.2, seconds=180, seed=31)
    delay = runs.rolled_back - 120
    assert (delay > 0).all()
    assert np.median(delay) <= 14


def test_a_canary_that_fails_five_percent_at_a_small_share_is_caught_in_seconds() -> None:
    """200 requests/s, 5 % share: the oracle that knows both rates needs about 5 s of traffic for ln 100."""
    runs = error_runs(4000, DEFAULT, stable=lambda _: 0.001, canary=lambda _: 0.05, share=0.05, seconds=40, seed=41)
    assert np.median(runs.rolled_back) < 9
    assert np.quantile(runs.rolled_back, 0.9) <= 20


@pytest.mark.parametrize(("stable", "canary", "limit", "times"), [(0.001, 0.01, 42.4, 1.7), (0.01, 0.02, 134.5, 1.4)])
def test_the_mean_delay_stays_near_the_information_limit(
    stable: float, canary: float, limit: float, times: float
) -> None:
    """100 requests/s, 10 % share, looks every 10 s; limit = ln(100) / information a second."""
    runs = error_runs(
        3000,
        RATIO_ONLY,
        stable=lambda _: stable,
        canary=lambda _: canary,
        share=0.1,
        requests=100,
        tick=10,
        seconds=10 * limit,
        seed=51,
    )
    assert runs.rolled_back.mean() <= times * limit


def test_an_onset_after_fifteen_healthy_minutes_is_found_as_if_it_had_been_sought() -> None:
    runs = error_runs(
        400,
        RATIO_ONLY,
        stable=lambda _: 0.01,
        canary=lambda t: 0.02 if t > 900 else 0.01,
        share=0.1,
        requests=100,
        tick=10,
        seconds=2000,
        seed=61,
    )
    assert np.median(runs.rolled_back) - 900 <= 300
    assert (runs.rolled_back <= 900).sum() <= most_expected(400, 0.01)


@pytest.mark.parametrize(("settings", "seed"), [(RATIO_ONLY, 65), (DEFAULT, 66)])
def test_steps_and_a_base_rate_that_quadruples_do_not_fake_a_regression(settings: ReleaseSettings, seed: int) -> None:
    """Pooled over the ramp the canary looks far worse: its traffic came while everybody failed more (Simpson)."""
    margin = settings.error_tolerance

    def stable(t: float) -> float:
        return 0.02 if t > 400 else 0.005

    runs = error_runs(
        1000,
        settings,
        stable=stable,
        canary=lambda t: (1 + margin.relative) * stable(t) + margin.absolute,
        share=lambda t: 0.05 if t <= 200 else 0.2 if t <= 400 else 0.5,
        requests=100,
        tick=10,
        seconds=1000,
        seed=seed,
    )
    assert np.isfinite(runs.rolled_back).sum() <= most_expected(1000, 0.01)


def test_error_free_arms_advance_and_never_roll_back() -> None:
    settings = ReleaseSettings(advance_tolerances=STEPS)
    runs = error_runs(50, settings, stable=lambda _: 0.0, canary=lambda _: 0.0, share=0.05, seconds=120, seed=67)
    assert np.isinf(runs.rolled_back).all()
    assert np.isfinite(runs.advanced[:, 0]).all()


STEPS = (Tolerance(0.01, 1.25), Tolerance(0.004, 0.5), Tolerance(0.002, 0.25))


@pytest.mark.parametrize(("step", "share"), [(0, 0.05), (1, 0.2), (2, 0.5)])
def test_a_canary_exactly_as_bad_as_the_step_forbids_rarely_advances(step: int, share: float) -> None:
    tolerance = STEPS[step]
    stable = np.repeat([0.001, 0.02], 400)
    canary = (1 + tolerance.relative) * stable + tolerance.absolute
    settings = ReleaseSettings(advance_tolerances=(tolerance,))
    runs = error_runs(
        800,
        settings,
        stable=lambda _: stable,
        canary=lambda _: canary,
        share=share,
        tick=5,
        seconds=600,
        seed=71 + step,
    )
    assert 1 <= np.isfinite(runs.advanced).sum() <= most_expected(800, 0.05)


@pytest.mark.parametrize(("rate", "median", "late"), [(0.001, 36, 80), (0.02, 26, 60)])
def test_a_healthy_canary_passes_its_first_step_in_about_the_time_mathematics_needs(
    rate: float, median: float, late: float
) -> None:
    """5 % share of 200 requests/s; ln(20) / information a second is 35 s at 0.1 % errors and 22 s at 2 %."""
    settings = ReleaseSettings(advance_tolerances=STEPS)
    runs = error_runs(800, settings, stable=lambda _: rate, canary=lambda _: rate, share=0.05, seconds=120, seed=81)
    assert np.median(runs.advanced[:, 0]) <= median
    assert np.quantile(runs.advanced[:, 0], 0.9) <= late
