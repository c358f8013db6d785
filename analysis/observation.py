"""One tick of many releases, checked once and turned into arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import InvalidObservation
from analysis.proportion import Floats, Rows

COUNTS = ("stable_requests", "stable_errors", "canary_requests", "canary_errors")
FIELDS = ("t", *COUNTS, "commanded_share", "restarted", "shadow_requests", "shadow_errors")
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ReleaseTick:
    """What one release served since its previous tick: increments, never running totals.

    `t` is the tick's end in seconds since the release's first judged instant. `latency_bounds` are upper
    bounds in milliseconds, increasing, the last one may be infinite; `stable_latency` and `canary_latency`
    count the tick's requests at or below each. `commanded_share` is the canary's part, 0 to 1, that the mesh
    was told to send during the whole tick; None when it changed meanwhile. `restarted` is the part, 0 to 1, of the
    counters known before that began anew during the tick. `shadow_requests` and `shadow_errors` are what a fixed
    choice of stable instances, made before any of their counts were seen, served of stable's requests and errors.
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
    restarted: float = 0.0
    shadow_requests: float = 0.0
    shadow_errors: float = 0.0


@dataclass(frozen=True, slots=True)
class TickCounts:
    """B ticks of each of `rows` (r,) as arrays (r, B): from `since` to `t` in seconds, and counts.

    A release with fewer ticks than others is filled up with ticks without length and without counts. `share` is NaN
    where it is not known; `x_n, x_e` are the shadow's requests and errors.
    """

    rows: Rows
    since: Floats
    t: Floats
    n_s: Floats
    e_s: Floats
    n_c: Floats
    e_c: Floats
    share: Floats
    restarted: Floats
    x_n: Floats
    x_e: Floats

    @classmethod
    def of_stable(cls, row: int, instants: Floats, requests: Floats, errors: Floats) -> "TickCounts":
        """B ticks between `instants` (B + 1,) of release number `row` in which stable alone served; counts (B,)."""
        nobody = np.zeros((1, requests.size))
        return cls(
            rows=np.array([row], dtype=np.intp),
            since=instants[None, :-1],
            t=instants[None, 1:],
            n_s=requests[None],
            e_s=errors[None],
            n_c=nobody,
            e_c=nobody,
            share=np.full_like(nobody, np.nan),
            restarted=nobody,
            x_n=nobody,
            x_e=nobody,
        )

    def of(self, part: slice) -> "TickCounts":
        """The ticks of some of the rows."""
        return TickCounts(*(getattr(self, name)[part] for name in self.__slots__))


def selected(rows: Rows, releases: int) -> Rows | slice:
    """The rows, as a slice where they are all releases in order: a slice is read and written without a copy."""
    whole = rows.size == releases and (rows == np.arange(releases)).all()
    return slice(None) if whole else rows


@dataclass(frozen=True, slots=True)
class LatencyCounts:
    """Histograms of the releases `rows` (r,) that share `bounds` (C,): cumulative counts (r, B, C)."""

    bounds: tuple[float, ...]
    rows: Rows
    stable: Floats
    canary: Floats


def gather(ticks: Sequence[ReleaseTick | None], last: Floats) -> TickCounts:
    """Lay one tick a release out, after the instants judged last (R,). Raises InvalidObservation."""
    if len(ticks) != last.size:
        raise InvalidObservation(
            min(len(ticks), last.size),
            "ticks",
            f"number {len(ticks)} for {last.size} releases: send one each, or None",
        )
    rows = np.array([i for i, tick in enumerate(ticks) if tick is not None], dtype=np.intp)
    table = np.array([_numbers(tick) for tick in ticks if tick is not None], dtype=float).reshape(-1, len(FIELDS))
    t, *columns = (np.ascontiguousarray(column)[:, None] for column in table.T)
    return TickCounts(rows, last[rows, None], t, *columns)


def _numbers(k: ReleaseTick) -> tuple[float, ...]:
    share = np.nan if k.commanded_share is None else k.commanded_share
    counts = k.stable_requests, k.stable_errors, k.canary_requests, k.canary_errors
    return (k.t, *counts, share, k.restarted, k.shadow_requests, k.shadow_errors)


def gather_latency(ticks: Sequence[ReleaseTick | None]) -> list[LatencyCounts]:
    """Check the histograms and lay them out, those of equal bounds together. Raises InvalidObservation."""
    alike: dict[tuple[float, ...], list[int]] = {}
    for index, tick in enumerate(ticks):
        if tick is not None and (tick.latency_bounds or tick.stable_latency or tick.canary_latency):
            alike.setdefault(tuple(tick.latency_bounds), []).append(index)
    return [_histograms(ticks, bounds, members) for bounds, members in alike.items()]


def _histograms(ticks: Sequence[ReleaseTick | None], bounds: tuple[float, ...], members: list[int]) -> LatencyCounts:
    rows = np.array(members, dtype=np.intp)
    arms = []
    for field in ("stable_latency", "canary_latency"):
        lines = [getattr(ticks[index], field) for index in members]
        short = np.array([len(line) != len(bounds) for line in lines])
        _refuse(rows, short[:, None], field, "must hold one cumulative count a bound of latency_bounds")
        arms.append(np.array(lines, dtype=float).reshape(-1, 1, len(bounds)))
    return LatencyCounts(bounds, rows, *arms)


def check(tick: TickCounts, histograms: Sequence[LatencyCounts], last: Floats) -> None:
    """Everything that a tick after the instants `last` (R,) cannot be.

    Raises InvalidObservation naming the first impossible value; nothing has been changed then.
    """
    _check_numbers(tick)
    rows = tick.rows
    filling = (tick.t == tick.since) & (tick.n_s + tick.n_c == 0)
    _refuse(rows, (tick.t <= tick.since) & ~filling, "t", "must be later than the tick before (and than 0)")
    early = np.concatenate([tick.since[:, :1] < last[rows, None], tick.since[:, 1:] < tick.t[:, :-1]], axis=1)
    _refuse(rows, early, "since", "must not lie before the end of the tick before")
    for requests, errors, field in (
        (tick.n_s, tick.e_s, "stable_errors"),
        (tick.n_c, tick.e_c, "canary_errors"),
        (tick.x_n, tick.x_e, "shadow_errors"),
    ):
        _refuse(rows, errors > requests * (1 + ROUNDING), field, "exceed the requests of the tick")
    beyond = (tick.x_n > tick.n_s * (1 + ROUNDING)) | (tick.x_e > tick.e_s * (1 + ROUNDING))
    _refuse(rows, beyond, "shadow_requests", "and shadow_errors must be part of what stable served")
    for histogram in histograms:
        _check_histogram(histogram)


def _check_numbers(tick: TickCounts) -> None:
    rows = tick.rows
    counted = (tick.n_s, tick.e_s, tick.n_c, tick.e_c)
    for field, column in zip(
        ("t", *COUNTS, *FIELDS[6:]), (tick.t, *counted, tick.restarted, tick.x_n, tick.x_e), strict=True
    ):
        _refuse(rows, ~np.isfinite(column), field, "must be a finite number; send None when there is no data")
    for field, column in zip((*COUNTS, *FIELDS[7:]), (*counted, tick.x_n, tick.x_e), strict=True):
        _refuse(rows, column < 0, field, "must not be negative: send increments, counter resets resolved")
    known = ~np.isnan(tick.share)
    outside = known & ~((tick.share >= 0.0) & (tick.share <= 1.0))
    _refuse(rows, outside, "commanded_share", "must lie within 0 and 1, or be None when it is not known")
    outside = (tick.restarted < 0.0) | (tick.restarted > 1.0)
    _refuse(rows, outside, "restarted", "must lie within 0 and 1: it is a part of the counters")


def _check_histogram(histogram: LatencyCounts) -> None:
    rows, axis = histogram.rows, np.array(histogram.bounds, dtype=float)
    if not (axis.size and (axis > 0).all() and (np.diff(axis) > 0).all()):
        _refuse(rows, np.ones((rows.size, 1), dtype=bool), "latency_bounds", "must be positive and increasing")
    for counts, field in ((histogram.stable, "stable_latency"), (histogram.canary, "canary_latency")):
        unknown = np.asarray(~np.isfinite(counts).all(axis=2))
        _refuse(rows, unknown, field, "must be finite; leave all three out without data")
        fall = counts[:, :, 1:] < counts[:, :, :-1] - ROUNDING * np.maximum(counts[:, :, -1:], 1.0)
        wrong = np.asarray(np.concatenate([counts[:, :, :1] < 0.0, fall], axis=2).any(axis=2))
        _refuse(rows, wrong, field, "must not be negative nor fall with the bound: send cumulative counts")


def _refuse(rows: Rows, wrong: np.ndarray, field: str, problem: str) -> None:
    if wrong.any():
        row, tick = (int(place[0]) for place in np.nonzero(wrong))
        raise InvalidObservation(int(rows[row]), field, problem, tick)
