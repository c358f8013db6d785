"""Whether samples land after the instant they belong to was asked for: then counts come late, and some may be lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import Point
from delivery.telemetry.promql import PAST
from delivery.telemetry.reasons import Reason
from mesh_adapters.series import Series
from mesh_adapters.subjects import Name

CHECKED_EVERY_S = 60.0
REMEMBERED_S = 280.0  # an offset into the past that Prometheus still shows a sample for that ended meanwhile
LATER_S = 1.0
TWICE = 2  # a single scrape that took long is no pipeline that is behind


@dataclass(slots=True)
class _Newest:
    """Of one workload: at which instant it was asked for, when its newest sample was taken, and how often in a row that
    proved to be later than it was told at first, by how much."""

    at: float
    taken: float
    late: int = 0
    by_s: float = 0.0


@dataclass(slots=True)
class Freshness:
    """Compares, once a minute, what the newest sample of a workload was with what it is known to have been since. One
    release is in one chunk at a time, so chunks on their way may share it."""

    _checked: dict[str, float] = field(default_factory=dict)
    _newest: dict[Name, _Newest] = field(default_factory=dict)
    _names: dict[str, tuple[Name, ...]] = field(default_factory=dict)

    def due(self, needs: Sequence[Need], at: float) -> bool:
        """Whether it is time to look at one of them again."""
        return any(at - self._checked.get(need.release, 0.0) >= CHECKED_EVERY_S for need in needs)

    def past_s(self, needs: Sequence[Need], at: float) -> float | None:
        """How long ago they were looked at together; None where that was at no one instant, or too long ago."""
        instants = {self._checked.get(need.release, 0.0) for need in needs}
        since = at - min(instants)
        return since if len(instants) == 1 and 0 < since <= REMEMBERED_S else None

    def learn(self, series: Series, needs: Sequence[Need], points: Iterable[Point], at: float) -> None:
        """Takes what `newest` answered at `at`."""
        now: dict[Name, float] = {}
        for point in points:
            name = series.subject.of(point.labels)
            if name is None:
                continue
            if point.labels.get(PAST):
                self._compare(name, point.value)
            else:
                now[name] = max(now.get(name, 0.0), point.value)
        for need in needs:
            self._checked[need.release], self._names[need.release] = at, need.names
            for name in need.names:
                if name in now:
                    known = self._newest.get(name)
                    late, by_s = (known.late, known.by_s) if known else (0, 0.0)
                    self._newest[name] = _Newest(at, now[name], late, by_s)

    def problem(self, need: Need) -> tuple[str, Reason] | None:
        """What is to be told of the release."""
        for namespace, name in need.names:
            known = self._newest.get((namespace, name))
            if known is not None and known.late >= TWICE:
                told = f"samples of {name} in namespace {namespace} come late, the last of them {known.by_s:.0f} s"
                return f"{told}: raise --settle, or look at what holds them up", Reason.OLD_SAMPLES
        return None

    def forget(self, releases: Iterable[str]) -> None:
        """These have ended."""
        for release in releases:
            self._checked.pop(release, None)
            for name in self._names.pop(release, ()):
                self._newest.pop(name, None)

    def _compare(self, name: Name, taken: float) -> None:
        known = self._newest.get(name)
        if known is None:
            return
        later = taken - known.taken
        known.late, known.by_s = (known.late + 1, later) if later > LATER_S else (0, 0.0)
