"""What a reader wants to know first: the handful of numbers that stand right under the verdict."""

from __future__ import annotations

from dataclasses import dataclass

from delivery.report.intervals import ArmView
from delivery.report.timeline import PersonView
from delivery.report.view import ReportView
from delivery.report.wording import (
    count,
    evidence,
    instant,
    milliseconds_between,
    percent,
    percent_between,
    span,
)

_APPROVING = {"approve": "approved", "promote": "promoted", "resume": "resumed"}
_DEPLOY = "deploy"


@dataclass(frozen=True, slots=True)
class FigureView:
    """A number under its name, and what it is to be held against. `tone` is `good`, `bad` or ""."""

    name: str
    value: str
    note: str
    tone: str = ""


def key_figures(report: ReportView) -> tuple[FigureView, ...]:
    """What was seen, what it amounts to, what it cost, who had a say; only what the record knows."""
    return (
        *_errors(report),
        *_latency(report),
        *_evidence(report),
        _traffic(report),
        _time(report),
        *_cost(report),
        _people(report.people),
        _data(report),
    )


def _errors(report: ReportView) -> list[FigureView]:
    for metric in report.metrics:
        if metric.stable is not None and metric.canary is not None and metric.canary.rate is not None:
            canary, stable = metric.canary, metric.stable
            return [FigureView("Canary's error rate", percent(canary.rate), f"{_ends(canary)}; {_stable(stable)}")]
    return []


def _ends(arm: ArmView) -> str:
    return percent_between(arm.always or arm.wilson)


def _stable(arm: ArmView) -> str:
    return "stable not known" if arm.rate is None else f"stable {percent(arm.rate)} ({_ends(arm)})"


def _latency(report: ReportView) -> list[FigureView]:
    """The highest quantile that was asked for."""
    quantiles = next((m.quantiles for m in report.metrics if m.quantiles), ())
    if not quantiles:
        return []
    last = quantiles[-1]
    return [
        FigureView(
            f"Canary's latency, {last.name}",
            milliseconds_between(*last.canary_ms),
            f"stable {milliseconds_between(*last.stable_ms)}",
        )
    ]


def _evidence(report: ReportView) -> list[FigureView]:
    found = report.evidence
    ways = (
        ("Evidence for rollback", found.rollback, found.rollback_threshold, "bad"),
        ("Evidence to advance", found.advance, found.advance_threshold, "good"),
    )
    return [_held(name, value, threshold, tone) for name, value, threshold, tone in ways if value is not None]


def _held(name: str, value: float, threshold: float | None, tone: str) -> FigureView:
    if threshold is None:
        return FigureView(name, evidence(value), "threshold not known")
    reached = value >= threshold
    told = f"threshold {threshold:.2f}: {'reached' if reached else 'not reached'}"
    return FigureView(name, evidence(value), told, tone if reached else "")


def _traffic(report: ReportView) -> FigureView:
    traffic = report.traffic
    if not traffic.max_weight:
        return FigureView("Share of the traffic", "none", "the canary had no traffic")
    step = f"step {report.progress}; " if report.progress else ""
    return FigureView("Share of the traffic", f"at most {traffic.max_weight:g} %", f"{step}for {span(traffic.seconds)}")


def _time(report: ReportView) -> FigureView:
    began = "has not begun" if report.started_at is None else f"began {instant(report.started_at)}"
    return FigureView("Took" if report.final else "Takes so far", span(report.seconds), began)


def _cost(report: ReportView) -> list[FigureView]:
    cost = report.cost
    if cost is None:
        return []
    served = f"in {count(cost.requests)} requests to the canary"
    return [FigureView("Cost", f"{count(cost.errors)} errors", f"{served}{_beyond(cost.beyond_stable)}")]


def _beyond(errors: float | None) -> str:
    if errors is None:
        return ""
    return f", {count(abs(errors))} {'more' if errors >= 0 else 'fewer'} than at stable's rate"


def _people(people: tuple[PersonView, ...]) -> FigureView:
    set_off = next((f"set off by {person.by}" for person in people if person.verb == _DEPLOY and person.by), "")
    said = [person for person in people if person.verb in _APPROVING and person.answered]
    if not said:
        return FigureView("Approved by", "nobody", set_off or "evidence and policy decided")
    last = next((person for person in reversed(said) if person.verb != "resume"), None)
    if last is None:
        return FigureView("Resumed by", said[-1].by or "not signed", set_off)
    name = f"{_APPROVING[last.verb].capitalize()} by"
    return FigureView(name, last.by or "not signed", "; ".join(filter(None, (last.reason, set_off))))


def _data(report: ReportView) -> FigureView:
    if not report.quality:
        return FigureView("Quality of the data", "no doubts", "nothing was noted")
    many = len(report.quality)
    return FigureView(
        "Quality of the data", f"{many} note{'s' if many > 1 else ''}", report.quality[0].partition(":")[0]
    )
