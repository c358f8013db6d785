"""A recording straight from Prometheus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.proportion import Floats
from delivery.backtest.recording import History, InvalidRecording, Recording
from delivery.telemetry.history import history_of
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import MetricsSource
from delivery.telemetry.ranges import samples_of, tables_over
from delivery.telemetry.samples import CANARY, ArmIncrement, Sample
from delivery.telemetry.tables import Table
from mesh_adapters.series import Series

Course = list[tuple[float, Table]]


def read_range(source: MetricsSource, series: Series, need: Need, end: float, history_seconds: float) -> Recording:
    """The release that `need` describes, from `need.data_through` on (seconds since the epoch) until `end`; stable's
    `history_seconds` before are its history. Instants are `need.interval` seconds apart.

    Raises InvalidRecording where nothing was found, and as the source does.
    """
    start = need.data_through
    first = start - math.floor(history_seconds / need.interval) * need.interval
    found = tables_over(source, [replace(need, series=series)], first, end)
    course = [(at, each[need.release]) for at, each in found]
    # One course for both parts: what the history showed last is what the judged part adds to.
    samples = samples_of(course)
    past = sum(sample.end < start + need.interval / 2 for sample in samples)
    if past == len(samples):
        where = f"{need.stable_name} in namespace {need.namespace}"
        raise InvalidRecording(f"Prometheus knows no two instants of workload {where} from {start:g} to {end:g}")
    return _recording(need, course, samples, past)


def _recording(need: Need, course: Course, samples: Sequence[Sample], past: int) -> Recording:
    """The first `past` samples are history."""
    judged = samples[past:]
    stable, canary = [sample.stable for sample in samples], [sample.canary for sample in judged]
    arm_bounds = _bounds(stable), _bounds(canary)
    bounds = tuple(sorted(set(arm_bounds[0]) & set(arm_bounds[1])))
    requests, errors = _by_instance(course)
    cells = _cells(stable, bounds)
    ends = np.array([sample.end for sample in samples])
    history = History(ends[:past], requests[:past], errors[:past], cells[:past]) if past else None
    return Recording(
        release=need.release,
        t=ends[past:],
        start=judged[0].start,
        interval=need.interval,
        stable_requests=np.array([arm.requests for arm in stable[past:]]),
        stable_errors=np.array([arm.errors for arm in stable[past:]]),
        canary_requests=np.array([arm.requests for arm in canary]),
        canary_errors=np.array([arm.errors for arm in canary]),
        share=np.full(len(judged), np.nan),
        shadow_requests=requests[past:, 1::2].sum(axis=1),
        shadow_errors=errors[past:, 1::2].sum(axis=1),
        bounds=bounds,
        arm_bounds=arm_bounds,
        stable_buckets=cells[past:],
        canary_buckets=_cells(canary, bounds),
        history=history,
        exposure=_exposure(course, samples, requests[:past]),
    )


def _by_instance(course: Course) -> tuple[Floats, Floats]:
    """Stable's requests and errors in every tick, (T, P) of P instances by name."""
    found = history_of(course, course[0][0])
    return found.requests, found.errors


def _exposure(course: Course, samples: Sequence[Sample], past: Floats) -> float:
    """Requests a second of a canary instance over those of a stable instance in the history (H, P); 1 where unknown."""
    judged = samples[past.shape[0] :]
    start = judged[0].start
    instances = {key[0] for at, table in course if at > start for key in table.requests if key[1] == CANARY}
    serving = int((past.sum(axis=0) > 0).sum())
    if not instances or not serving:
        return 1.0
    served = sum(sample.canary.requests for sample in judged) / (judged[-1].end - start) / len(instances)
    before = float(past.sum()) / (samples[past.shape[0] - 1].end - samples[0].start) / serving
    return float(served / before)


def _bounds(arm: Sequence[ArmIncrement]) -> tuple[float, ...]:
    """The bounds that every tick with a histogram has."""
    told = [{bound for bound, _ in tick.buckets} for tick in arm if tick.buckets]
    return tuple(sorted(set.intersection(*told))) if told else ()


def _cells(arm: Sequence[ArmIncrement], bounds: tuple[float, ...]) -> Floats:
    counts = [dict(tick.buckets) for tick in arm]
    return np.array([[tick.get(bound, 0.0) for bound in bounds] for tick in counts]).reshape(len(counts), len(bounds))
