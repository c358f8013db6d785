"""Recordings out of JSON lines: one a release, ticks summed over instances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.proportion import Floats, Rows
from delivery.backtest.lines import Lines, read_lines
from delivery.backtest.recording import History, Recording

STABLE, CANARY = 0, 1
Bounds = tuple[float, ...]


def read_recordings(path: str, progress: Callable[[int], None] | None = None) -> list[Recording]:
    """The releases recorded in a file of JSON lines (`-` for standard input; gzip is seen by its first bytes), in the
    order of their first lines.

    A line is `{"t", "arm", "requests", "errors"}`, the increments of the tick that ends at t, and optionally
    `"buckets"`, `"weight"`, `"instance"` and `"release"`. Lines of equal t are one tick; an arm without a line in it
    served nothing. Stable lines before the first canary line are history. Bounds that change are coarsened to those an
    arm always had. `progress` is told the bytes consumed. Raises InvalidRecording.
    """
    lines = read_lines(path, progress)
    table = _Table.of(lines)
    return [table.recording(release) for release in range(len(lines.releases))]


@dataclass(frozen=True, slots=True)
class _Ticks:
    """The ticks that some `lines` (n,) of all make, sorted by release and time: `tick` (n,) is the one of a line, `t`
    (M,) when it ends; the ticks of release i are those from `ends[i]` up to `ends[i + 1]`.
    """

    lines: Rows
    tick: Rows
    t: Floats
    ends: Rows
    cells: dict[Bounds, tuple[Floats, Floats]]

    @classmethod
    def of(cls, lines: Lines, chosen: Rows, bounds: Sequence[Sequence[Bounds]]) -> _Ticks:
        t, release = lines.t[chosen], lines.release[chosen]
        order = np.lexsort((t, release))
        new = np.ones(order.size, dtype=bool)
        new[1:] = (np.diff(release[order]) != 0) | (np.diff(t[order]) != 0)
        tick = np.empty(order.size, dtype=np.intp)
        tick[order] = np.cumsum(new) - 1
        ends = np.searchsorted(release[order][new], np.arange(len(lines.releases) + 1))
        cells = _cells(lines, bounds, chosen, tick, int(new.sum()))
        return cls(chosen, tick, t[order][new], ends, cells)

    def of_release(self, release: int) -> slice:
        return slice(int(self.ends[release]), int(self.ends[release + 1]))

    def histograms(self, release: int, bounds: Bounds) -> tuple[Floats, Floats]:
        """Stable's and the canary's cumulative counts, (T, C) each."""
        mine = self.of_release(release)
        empty = np.zeros((mine.stop - mine.start, 0))
        stable, canary = self.cells[bounds] if bounds else (empty, empty)
        return (stable[mine], canary[mine]) if bounds else (empty, empty)


@dataclass(frozen=True, slots=True)
class _Table:
    """All releases: ticks that are judged and what was counted in each (M,), and the ticks before."""

    lines: Lines
    judged: _Ticks
    counts: dict[str, Floats]
    past: _Ticks
    past_of: dict[int, Rows]
    bounds: list[tuple[Bounds, Bounds, Bounds]]

    @classmethod
    def of(cls, lines: Lines) -> _Table:
        first_canary = np.full(len(lines.releases), np.inf)
        of_canary = lines.arm == CANARY
        np.minimum.at(first_canary, lines.release[of_canary], lines.t[of_canary])
        first_canary = first_canary[lines.release]
        past = (lines.t < first_canary) & np.isfinite(first_canary)
        bounds = _bounds(lines)
        judged = _Ticks.of(lines, np.flatnonzero(~past), bounds)
        before = _Ticks.of(lines, np.flatnonzero(past), bounds)
        return cls(lines, judged, _counts(lines, judged), before, _by_release(lines, before.lines), bounds)

    def recording(self, release: int) -> Recording:
        """One release of them."""
        mine = self.judged.of_release(release)
        t, (common, stable_bounds, canary_bounds) = self.judged.t[mine], self.bounds[release]
        history = self._history(release, common)
        start, interval = _beginning(t, history)
        stable, canary = self.judged.histograms(release, common)
        return Recording(
            release=self.lines.releases[release],
            t=t,
            start=start,
            interval=interval,
            **{name: column[mine] for name, column in self.counts.items()},
            bounds=common,
            arm_bounds=(stable_bounds, canary_bounds),
            stable_buckets=stable,
            canary_buckets=canary,
            history=history,
            exposure=self._exposure(release, history),
        )

    def _history(self, release: int, bounds: Bounds) -> History | None:
        lines, past = self.lines, self.past_of.get(release)
        if past is None:
            return None
        t, tick = np.unique(lines.t[past], return_inverse=True)
        names, instance = np.unique(lines.instance[past], return_inverse=True)
        requests, errors = (np.zeros((t.size, names.size)) for _ in range(2))
        requests[tick, instance] = lines.requests[past]
        errors[tick, instance] = lines.errors[past]
        return History(t, requests, errors, self.past.histograms(release, bounds)[STABLE])

    def _exposure(self, release: int, history: History | None) -> float:
        """Requests a second of a canary instance over those of a stable instance in the history; 1 where unnamed."""
        if history is None or history.t.size < 2:
            return 1.0
        mine = np.flatnonzero((self.lines.release == release) & (self.lines.arm == CANARY))
        instances = np.unique(self.lines.instance[mine])
        if instances.size == 0 or self.lines.instances[int(instances[0])] == "":
            return 1.0
        t, served = self.lines.t[mine], self.lines.requests[mine]
        seconds = max(float(t.max() - t.min()), 1e-9)
        before = history.requests.sum() / (float(history.t[-1] - history.t[0]) * history.requests.shape[1])
        return float(served.sum() / seconds / instances.size / before) if before > 0 else 1.0


def _counts(lines: Lines, ticks: _Ticks) -> dict[str, Floats]:
    """What each tick counts."""
    judged, tick, size = ticks.lines, ticks.tick, ticks.t.size
    requests, errors, arm = lines.requests[judged], lines.errors[judged], lines.arm[judged]
    shadow = _shadow(lines, judged)
    told = ~np.isnan(lines.weight[judged])

    def total(counts: Floats, chosen: np.ndarray) -> Floats:
        return np.bincount(tick[chosen], counts[chosen], minlength=size).astype(float)

    given = np.bincount(tick[told], minlength=size)
    weight = total(lines.weight[judged], told) / np.maximum(given, 1)
    return {
        "stable_requests": total(requests, arm == STABLE),
        "stable_errors": total(errors, arm == STABLE),
        "canary_requests": total(requests, arm == CANARY),
        "canary_errors": total(errors, arm == CANARY),
        "share": np.where(given > 0, weight / 100.0, np.nan),
        "shadow_requests": total(requests, shadow),
        "shadow_errors": total(errors, shadow),
    }


def _shadow(lines: Lines, judged: Rows) -> np.ndarray:
    """Every second stable instance of each release, by name: a choice that no count has a say in."""
    rank_of_name = np.empty(len(lines.instances), dtype=np.intp)
    rank_of_name[np.argsort(np.array(lines.instances))] = np.arange(len(lines.instances))
    release, name = lines.release[judged], rank_of_name[lines.instance[judged]]
    stable = lines.arm[judged] == STABLE
    pairs, place = np.unique(release * len(lines.instances) + name, return_inverse=True)
    owner = pairs // len(lines.instances)
    rank = np.arange(pairs.size) - np.searchsorted(owner, owner)
    return np.asarray(stable & (rank[place] % 2 == 1))


def _by_release(lines: Lines, past: Rows) -> dict[int, Rows]:
    order = past[np.argsort(lines.release[past], kind="stable")]
    owners, starts = np.unique(lines.release[order], return_index=True)
    return dict(zip(owners.tolist(), np.split(order, starts[1:]), strict=False))  # of no lines, split makes one part


def _bounds(lines: Lines) -> list[tuple[Bounds, Bounds, Bounds]]:
    """Per release the bounds common to both arms, stable's and the canary's; the last may be infinite."""
    sides: dict[tuple[int, int], set[float]] = {}
    for buckets in lines.buckets:
        side = np.unique(lines.release[buckets.lines] * 2 + lines.arm[buckets.lines])
        for release, arm in (divmod(int(number), 2) for number in side):
            known = sides.get((release, arm))
            sides[release, arm] = set(buckets.bounds) if known is None else known & set(buckets.bounds)
    found = []
    for release in range(len(lines.releases)):
        stable, canary = (sides.get((release, arm), set()) for arm in (STABLE, CANARY))
        found.append((tuple(sorted(stable & canary)), tuple(sorted(stable)), tuple(sorted(canary))))
    return found


def _cells(
    lines: Lines, bounds: Sequence[Sequence[Bounds]], chosen: Rows, tick: Rows, ticks: int
) -> dict[Bounds, tuple[Floats, Floats]]:
    """For each kind of common bounds, stable's and the canary's cumulative counts in every tick, (M, C) each."""
    kinds = {common: number for number, common in enumerate(dict.fromkeys(common for common, *_ in bounds))}
    kind_of_release = np.array([kinds[common] for common, *_ in bounds], dtype=np.intp)
    tick_of_line = np.full(lines.t.size, -1, dtype=np.intp)
    tick_of_line[chosen] = tick
    found = {}
    for common, kind in kinds.items():
        arms = np.zeros((ticks, len(common))), np.zeros((ticks, len(common)))
        for buckets in lines.buckets if common else []:
            if not set(common) <= set(buckets.bounds):
                continue
            columns = np.searchsorted(buckets.bounds, common)
            mine = (tick_of_line[buckets.lines] >= 0) & (kind_of_release[lines.release[buckets.lines]] == kind)
            for arm, cells in enumerate(arms):
                at = np.flatnonzero(mine & (lines.arm[buckets.lines] == arm))
                all_of_them = columns.size == len(buckets.bounds)
                counts = buckets.counts[at] if all_of_them else buckets.counts[np.ix_(at, columns)]
                _add_rows(cells, tick_of_line[buckets.lines[at]], counts)
        found[common] = arms
    return found


def _add_rows(cells: Floats, rows: Rows, counts: Floats) -> None:
    """Add counts (m, C) to the rows (m,) of cells; a row may come several times."""
    if not rows.size:
        return
    if np.bincount(rows).max() == 1:  # one line a tick: nothing to sum
        cells[rows] += counts
        return
    order = np.argsort(rows, kind="stable")
    starts = np.flatnonzero(np.diff(rows[order], prepend=-1))
    cells[rows[order][starts]] += np.add.reduceat(counts[order], starts, axis=0)


def _beginning(t: Floats, history: History | None) -> tuple[float, float]:
    """Where the first tick began and how long ticks usually are, in seconds."""
    every = t if history is None else np.concatenate([history.t, t])
    interval = float(np.median(np.diff(every))) if every.size > 1 else 1.0
    return (float(t[0]) - interval if history is None else float(history.t[-1])), interval
