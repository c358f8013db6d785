"""One tick of many releases, checked once and turned into arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import InvalidObservation
from analysis.proportion import Floats, Rows

COUNTS = ("stable_requests", "stable_errors", "canary_requests", "canary_errors")


@dataclass(frozen=True, slots=True)
class ReleaseTick:
    """What one release served since its previous tick: increments, never running totals.

    `t` is the tick's end in seconds since the release's first judged instant. `latency_bounds` are upper
    bounds in milliseconds, increasing, the last one may be infinite; `stable_latency` and `canary_latency`
    count the tick's requests at or below each. `commanded_share` is the canary's part, 0 to 1, that the mesh
    was told to send during the whole tick; None when it changed meanwhile.
    """

    t: float
    stable_requests: float
    stable_errors: float
    canary_requests: float
    canary_errors: float
    latency_bounds: tuple[float, ...] = ()
    stable_latency: tuple[float, ...] = ()
    canary_latency: tuple[float, ...] = ()
    commanded_share: float | None = None


@dataclass(frozen=True, slots=True)
class TickCounts:
    """The ticks of `rows` (r,) as arrays (r,): seconds and counts."""

    rows: Rows
    t: Floats
    n_s: Floats
    e_s: Floats
    n_c: Floats
    e_c: Floats
    share: Floats


@dataclass(frozen=True, slots=True)
class LatencyCounts:
    """Histograms of the releases `rows` (r,) that share `bounds` (C,): cumulative counts (r, C)."""

    bounds: tuple[float, ...]
    rows: Rows
    stable: Floats
    canary: Floats


def gather(ticks: Sequence[ReleaseTick | None], last: Floats) -> TickCounts:
    """Check the ticks against the instants judged last (R,) and lay them out.

    Raises InvalidObservation naming the first impossible value; nothing has been changed then.
    """
    if len(ticks) != last.size:
        raise InvalidObservation(
            min(len(ticks), last.size),
            "ticks",
            f"number {len(ticks)} for {last.size} releases: send one each, or None",
        )
    rows = np.array([i for i, tick in enumerate(ticks) if tick is not None], dtype=np.intp)
    present = [tick for tick in ticks if tick is not None]
    table = np.array(
        [(k.t, k.stable_requests, k.stable_errors, k.canary_requests, k.canary_errors) for k in present],
        dtype=float,
    ).reshape(-1, 5)
    _check_counts(rows, table, last[rows])
    share = np.array([np.nan if k.commanded_share is None else k.commanded_share for k in present], dtype=float)
    wrong = ~np.isnan(share) & ~((share >= 0.0) & (share <= 1.0))
    _refuse(rows, wrong, "commanded_share", "must lie within 0 and 1, or be None when it is not known")
    t, n_s, e_s, n_c, e_c = np.ascontiguousarray(table.T)
    return TickCounts(rows, t, n_s, e_s, n_c, e_c, share)


def gather_latency(ticks: Sequence[ReleaseTick | None]) -> list[LatencyCounts]:
    """Check the histograms and lay them out, those of equal bounds together. Raises InvalidObservation."""
    alike: dict[tuple[float, ...], list[int]] = {}
    for index, tick in enumerate(ticks):
        if tick is not None and (tick.latency_bounds or tick.stable_latency or tick.canary_latency):
            alike.setdefault(tuple(tick.latency_bounds), []).append(index)
    return [_histograms(ticks, bounds, members) for bounds, members in alike.items()]


def _histograms(ticks: Sequence[ReleaseTick | None], bounds: tuple[float, ...], members: list[int]) -> LatencyCounts:
    rows = np.array(members, dtype=np.intp)
    axis = np.array(bounds, dtype=float)
    everyone = np.ones(rows.size, dtype=bool)
    if not (axis.size and (axis > 0).all() and (np.diff(axis) > 0).all()):
        _refuse(rows, everyone, "latency_bounds", "must be positive and increasing")
    arms = []
    for field in ("stable_latency", "canary_latency"):
        lines = [getattr(ticks[index], field) for index in members]
        short = np.array([len(line) != axis.size for line in lines])
        _refuse(rows, short, field, "must hold one cumulative count a bound of latency_bounds")
        counts = np.array(lines, dtype=float).reshape(-1, axis.size)
        _refuse(rows, ~np.isfinite(counts).all(axis=1), field, "must be finite; leave all three out without data")
        rise = np.diff(counts, axis=1, prepend=0.0)
        wrong = (rise < -1e-9 * np.maximum(counts[:, -1:], 1.0)).any(axis=1)
        _refuse(rows, wrong, field, "must not be negative nor fall with the bound: send cumulative counts")
        arms.append(np.maximum.accumulate(counts, axis=1))
    return LatencyCounts(bounds, rows, *arms)


def _check_counts(rows: Rows, table: Floats, last: Floats) -> None:
    for column, field in enumerate(("t", *COUNTS)):
        _refuse(
            rows,
            ~np.isfinite(table[:, column]),
            field,
            "must be a finite number; send None when there is no data",
        )
    _refuse(rows, table[:, 0] <= last, "t", "must be later than the tick before (and than 0)")
    for column, field in enumerate(COUNTS, start=1):
        _refuse(
            rows,
            table[:, column] < 0,
            field,
            "must not be negative: send increments, counter resets resolved",
        )
    for column, field in ((2, "stable_errors"), (4, "canary_errors")):
        _refuse(
            rows,
            table[:, column] > table[:, column - 1] * (1 + 1e-9),
            field,
            "exceed the requests of the tick",
        )


def _refuse(rows: Rows, wrong: np.ndarray, field: str, problem: str) -> None:
    if wrong.any():
        raise InvalidObservation(int(rows[np.argmax(wrong)]), field, problem)
