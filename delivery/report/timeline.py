"""What happened when, who asked for what, and how much traffic the canary had meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from delivery.resources.release import Intent, Phase, Release, Transition


@dataclass(frozen=True, slots=True)
class PersonView:
    """What somebody asked for. `verb` is `deploy` for the request that set the image; `answered` tells whether
    Headgate has acted on it or refused it.
    """

    verb: str
    by: str
    reason: str
    at: float | None
    answered: bool


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One line of the story, `after` seconds from its beginning. `kind` is `phase`, `person` or `correction`; `weight`
    in percent as verified then, None where none was recorded.
    """

    at: float
    after: float
    kind: str
    phase: str | None
    reason: str
    message: str
    weight: float | None
    by: str


@dataclass(frozen=True, slots=True)
class WeightPoint:
    """From `after` seconds on the canary had `weight` percent, until the next point."""

    at: float
    after: float
    weight: float


@dataclass(frozen=True, slots=True)
class TrafficView:
    """Percent. `course` follows the diary: between two lines the canary has what the later one verified."""

    desired_weight: float | None
    verified_weight: float | None
    max_weight: float
    seconds: float | None
    corrections: int
    course: tuple[WeightPoint, ...]


def beginning(release: Release, now: float) -> float:
    """When the Release began, as far as its record tells; `now` for one that has not."""
    status = release.status
    known = [status.started_at, status.history[0].at if status.history else None, status.analysis.started_at]
    return next((at for at in known if at is not None), now)


def person_views(release: Release) -> tuple[PersonView, ...]:
    """Who set the image, where a request did, and who asked for what since, in order."""
    trigger, done = release.spec.trigger, release.status.intents_done
    deploys = () if trigger is None else (PersonView("deploy", trigger.by, trigger.reason, trigger.at, True),)
    intents = enumerate(release.spec.intents)
    return (*deploys, *(PersonView(i.verb, i.by, i.reason, i.at, at < done) for at, i in intents))


def timeline(release: Release, start: float) -> tuple[TimelineLine, ...]:
    """Phases, people's wishes and corrected outside edits, in the order of their times; a wish before its effect."""
    spec, status = release.spec, release.status
    lines = [_phase_line(line, start) for line in status.history]
    lines += [_person_line(intent, start) for intent in spec.intents if intent.at is not None]
    lines += [_correction(at, start) for at in status.traffic.corrections]
    if spec.trigger is not None and spec.trigger.at is not None:
        at, by, why = spec.trigger.at, spec.trigger.by, spec.trigger.reason
        lines.append(TimelineLine(at, at - start, "person", None, "deploy", why, None, by))
    return tuple(sorted(lines, key=lambda line: (line.at, line.kind != "person")))


def traffic_view(release: Release, start: float, now: float) -> TrafficView:
    """The canary's share, now and over time."""
    traffic = release.status.traffic
    first, last = traffic.first_weight_at, traffic.zero_weight_at
    until = last if last is not None else release.status.finished_at or now
    return TrafficView(
        desired_weight=traffic.desired_weight,
        verified_weight=traffic.verified_weight,
        max_weight=traffic.max_weight,
        seconds=None if first is None else max(0.0, until - first),
        corrections=len(traffic.corrections),
        course=_weights(release, start, now),
    )


def _weights(release: Release, start: float, now: float) -> tuple[WeightPoint, ...]:
    status, traffic = release.status, release.status.traffic
    if traffic.first_weight_at is None or not status.history:
        return ()
    found = [(start, 0.0)]
    for line, later in pairwise(status.history):
        found += _held(release, line, later.weight)
    last, present = status.history[-1], traffic.verified_weight
    found += _held(release, last, last.weight if present is None else present)
    kept = dict(found)
    end = max(status.finished_at or now, *kept)
    kept[end] = kept[max(kept)]
    return tuple(WeightPoint(at, at - start, kept[at]) for at in sorted(kept))


def _held(release: Release, line: Transition, weight: float) -> list[tuple[float, float]]:
    """The weights from a line of the diary on, as instants and percent, given what stood at the end."""
    traffic = release.status.traffic
    first, zero = traffic.first_weight_at or line.at, traffic.zero_weight_at
    ended = zero if zero is not None and zero >= line.at else None
    if line.phase is Phase.PROMOTING and weight < traffic.max_weight:
        # the diary has no line for the whole traffic during a rollout, nor for its end
        return [(line.at, traffic.max_weight), *([] if ended is None else [(ended, 0.0)])]
    if line.phase is Phase.ROLLING_BACK and weight == 0 and ended is not None:
        return [(ended, 0.0)]
    return [(max(line.at, first) if weight else line.at, weight)]


def _phase_line(line: Transition, start: float) -> TimelineLine:
    after = line.at - start
    return TimelineLine(line.at, after, "phase", line.phase.value, line.reason, line.message, line.weight, "")


def _person_line(intent: Intent, start: float) -> TimelineLine:
    at = intent.at or start
    return TimelineLine(at, at - start, "person", None, intent.verb, intent.reason, None, intent.by)


def _correction(at: float, start: float) -> TimelineLine:
    told = "an edit of the split from outside was put right"
    return TimelineLine(at, at - start, "correction", None, "SplitCorrected", told, None, "")
