"""What telemetry hands on: exact increments, and why there are none where there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.proportion import Floats
from delivery.telemetry.reasons import Reason

SAME_INSTANT_S = 1e-5
STABLE, CANARY = "stable", "canary"


@dataclass(frozen=True, slots=True)
class ArmIncrement:
    """One arm in one tick. `buckets`: (upper bound, requests at or below it), sorted, the last may be infinite."""

    requests: float
    errors: float
    buckets: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One tick, (start, end] in seconds since the epoch; `restarted` is the part of the counters that began anew,
    `shadow` the requests and errors of a fixed half of stable's instances. Of the policy's own metrics, by name and
    stable's first: `counts` what was added, `values` what they were, None where nothing was shown.
    """

    start: float
    end: float
    stable: ArmIncrement
    canary: ArmIncrement
    restarted: float = 0.0
    shadow: tuple[float, float] = (0.0, 0.0)
    counts: Mapping[str, tuple[ArmIncrement, ArmIncrement]] = field(default_factory=dict)
    values: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)


def counted_before(sample: Sample, data_through: float) -> bool:
    """Whether the tick was counted by a record that stands at `data_through`, which is kept to the microsecond."""
    return sample.end <= data_through + SAME_INSTANT_S


@dataclass(frozen=True, slots=True)
class StableHistory:
    """Stable before a release: H ticks between the instants `t` (H + 1,), requests and errors (H, P) of P instances,
    and the cumulative latency counts of its last minutes as in ArmIncrement.
    """

    t: Floats
    requests: Floats
    errors: Floats
    latency: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class CustomReading:
    """One metric of the policy's own: its resolved queries by `arm.part`, their last answer, what stood in the way."""

    queries: Mapping[str, str]
    answer: Mapping[str, float]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The ticks collected, up to which instant, and what stood in the way of more; stable's history where asked.

    `queries` are this release's own, though all were asked together: a person can ask them again.
    """

    samples: tuple[Sample, ...]
    data_through: float
    problem: str | None = None
    reason: Reason | None = None
    queries: tuple[str, ...] = ()
    history: StableHistory | None = None
    custom: Mapping[str, CustomReading] = field(default_factory=dict)
