"""A recording straight from Prometheus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.proportion import Floats
from delivery.backtest.recording import History, InvalidRecording, Recording
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import MetricsSource
from delivery.telemetry.ranges import history_of, samples_of, tables_over
from delivery.telemetry.samples import ArmIncrement, Sample, StableHistory
from mesh_adapters.adapter import Series


def read_range(source: MetricsSource, series: Series, need: Need, end: float, history_seconds: float) -> Recording:
    """The release that `need` describes, from `need.data_through` on (seconds since the epoch) until `end`; stable's
    `history_seconds` before are its history. Instants are `need.interval` seconds apart.

    Raises InvalidRecording where nothing was found, and as the source does.
    """
    start = need.data_through
    before = list(tables_over(source, series, need, start - history_seconds, start))
    judged = [before[-1], *tables_over(source, series, need, start + need.interval, end)]
    samples = samples_of(judged)
    if not samples:
        where = f"{need.stable_workload} in namespace {need.namespace}"
        raise InvalidRecording(f"Prometheus knows no two instants of workload {where} from {start:g} to {end:g}")
    stable, canary = [sample.stable for sample in samples], [sample.canary for sample in samples]
    arm_bounds = _bounds(stable), _bounds(canary)
    bounds = tuple(sorted(set(arm_bounds[0]) & set(arm_bounds[1])))
    none = np.zeros(len(samples))
    return Recording(
        release=need.release,
        t=np.array([sample.end for sample in samples]),
        start=samples[0].start,
        interval=need.interval,
        stable_requests=np.array([arm.requests for arm in stable]),
        stable_errors=np.array([arm.errors for arm in stable]),
        canary_requests=np.array([arm.requests for arm in canary]),
        canary_errors=np.array([arm.errors for arm in canary]),
        share=np.full(len(samples), np.nan),
        shadow_requests=none,
        shadow_errors=none,
        bounds=bounds,
        arm_bounds=arm_bounds,
        stable_buckets=_cells(stable, bounds),
        canary_buckets=_cells(canary, bounds),
        history=_history(samples_of(before), history_of(before), bounds),
    )


def _bounds(arm: Sequence[ArmIncrement]) -> tuple[float, ...]:
    """The bounds that every tick with a histogram has."""
    told = [{bound for bound, _ in tick.buckets} for tick in arm if tick.buckets]
    return tuple(sorted(set.intersection(*told))) if told else ()


def _cells(arm: Sequence[ArmIncrement], bounds: tuple[float, ...]) -> Floats:
    counts = [dict(tick.buckets) for tick in arm]
    return np.array([[tick.get(bound, 0.0) for bound in bounds] for tick in counts]).reshape(len(counts), len(bounds))


def _history(samples: Sequence[Sample], found: StableHistory | None, bounds: tuple[float, ...]) -> History | None:
    if found is None:
        return None
    return History(found.t[1:], found.requests, found.errors, _cells([sample.stable for sample in samples], bounds))
