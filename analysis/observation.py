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
    count the tick's requests at or below each.
    """

    t: float
    stable_requests: float
    stable_errors: float
    canary_requests: float
    canary_errors: float
    latency_bounds: tuple[float, ...] = ()
    stable_latency: tuple[float, ...] = ()
    canary_latency: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class TickCounts:
    """The ticks of `rows` (r,) as arrays (r,): seconds and counts."""

    rows: Rows
    t: Floats
    n_s: Floats
    e_s: Floats
    n_c: Floats
    e_c: Floats


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
    return TickCounts(rows, *np.ascontiguousarray(table.T))


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
