"""Telemetry of one release as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.proportion import Floats
from delivery.errors import HeadgateError


class InvalidRecording(HeadgateError):
    """What was recorded cannot have happened, or cannot be read. Names the place, the field and the fix."""


@dataclass(frozen=True, slots=True)
class History:
    """Stable traffic before the first canary line: H ticks that end at `t` (H,), requests and errors (H, P) of P
    instances (one where none are named), and the cumulative counts (H, C) of the recording's bounds, C may be 0.
    """

    t: Floats
    requests: Floats
    errors: Floats
    stable_buckets: Floats


@dataclass(frozen=True, slots=True)
class Recording:
    """One release, from the first canary line on.

    `t` (T,) ends of ticks in the recording's own seconds, increasing; the first tick began at `start`; `interval` is
    the usual length. Counts (T,) are increments, summed over instances; `share` (T,) the commanded part 0 to 1, NaN
    where unknown; `shadow_*` (T,) what every second stable instance, by name, served. `bounds` are those that both
    arms had throughout, `arm_bounds` what stable and the canary had each; buckets (T, C) are cumulative. `exposure`
    is the requests of a canary instance over those of a stable instance in the history.
    """

    release: str
    t: Floats
    start: float
    interval: float
    stable_requests: Floats
    stable_errors: Floats
    canary_requests: Floats
    canary_errors: Floats
    share: Floats
    shadow_requests: Floats
    shadow_errors: Floats
    bounds: tuple[float, ...]
    arm_bounds: tuple[tuple[float, ...], tuple[float, ...]]
    stable_buckets: Floats
    canary_buckets: Floats
    history: History | None = None
    exposure: float = 1.0
