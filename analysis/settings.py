"""What one release asks of the statistics."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from analysis.errors import InvalidSettings


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A margin between the arms: canary <= (1 + relative) x stable + absolute."""

    absolute: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True, slots=True)
class ReleaseSettings:
    """Risks and tolerances of one release.

    `wrong_rollback` is the probability, over the whole release and however often one looks, of rolling back a
    canary that keeps within `error_tolerance` (and `latency_tolerance`). `wrong_advance` is that of ever
    advancing a canary that is at or beyond `advance_tolerances[step]`, one tolerance a step; with an absolute
    part of 0 no step can be left without errors, as two error-free arms say nothing about a ratio. An
    absolute part beyond 0.9 counts as 0.9. `dispersion` (phi >= 1) divides all log evidence.
    """

    wrong_rollback: float = 0.01
    wrong_advance: float = 0.05
    error_tolerance: Tolerance = Tolerance(0.002, 0.25)
    advance_tolerances: tuple[Tolerance, ...] = (Tolerance(0.002, 0.25),)
    judge_latency: bool = False
    latency_tolerance: Tolerance = Tolerance(relative=0.2)
    latency_advance_tolerance: Tolerance = Tolerance(relative=0.2)
    dispersion: float = 1.0
    objective: float | None = None
    warm_up: float = 0.0
    interval: float | None = None


def check_settings(settings: Sequence[ReleaseSettings]) -> None:
    """Raises InvalidSettings at the first release whose settings no statement could be made by."""
    for index, release in enumerate(settings):
        for field in ("wrong_rollback", "wrong_advance"):
            if not 0.0 < getattr(release, field) < 1.0:
                raise InvalidSettings(index, field, "must lie strictly between 0 and 1")
        if not (isfinite(release.dispersion) and release.dispersion >= 1.0):
            raise InvalidSettings(index, "dispersion", "must be a finite number of at least 1")
        _check_tolerance(index, "error_tolerance", release.error_tolerance)
        for field in ("latency_tolerance", "latency_advance_tolerance"):
            _check_tolerance(index, field, getattr(release, field))
            if getattr(release, field).absolute != 0.0:
                raise InvalidSettings(index, field, "must be relative only: set its absolute part to 0")
        if release.latency_advance_tolerance.relative == 0.0:
            raise InvalidSettings(
                index, "latency_advance_tolerance", "must be above 0: no canary can be shown not to be slower at all"
            )
        _check_rest(index, release)
        if not release.advance_tolerances:
            raise InvalidSettings(index, "advance_tolerances", "must hold at least one step")
        for step, tolerance in enumerate(release.advance_tolerances):
            _check_tolerance(index, f"advance_tolerances[{step}]", tolerance)


def _check_rest(index: int, release: ReleaseSettings) -> None:
    if release.objective is not None and not 0.0 < release.objective < 1.0:
        raise InvalidSettings(index, "objective", "must lie strictly between 0 and 1, or be None")
    if not (isfinite(release.warm_up) and release.warm_up >= 0.0):
        raise InvalidSettings(index, "warm_up", "must be a finite number of seconds of at least 0")
    if release.interval is not None and not (isfinite(release.interval) and release.interval > 0.0):
        raise InvalidSettings(index, "interval", "must be a finite number of seconds above 0, or None")


def _check_tolerance(index: int, field: str, tolerance: Tolerance) -> None:
    if not (isfinite(tolerance.absolute) and tolerance.absolute >= 0.0):
        raise InvalidSettings(index, field, "needs a finite absolute part of at least 0")
    if not (isfinite(tolerance.relative) and tolerance.relative >= 0.0):
        raise InvalidSettings(index, field, "needs a finite relative part of at least 0")
