"""From evidence to verdicts: the rule, what it rests on, and the estimates shown beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log
from typing import Any

import numpy as np

from analysis.latency_evidence import Brackets
from analysis.outlook import wait_for
from analysis.proportion import Floats, Rows
from analysis.quality import Finding, findings
from analysis.ratio_interval import ratio_interval
from analysis.reason import explain
from analysis.settings import ReleaseSettings
from analysis.state import Evidence
from analysis.verdict import Verdict

INTERVAL_RISK = 0.05


@dataclass(frozen=True, slots=True)
class Judgement:
    """One release, judged now. Evidence is in natural logarithms: compare with ln(1/wrong_rollback) and
    ln(1/wrong_advance). `carried_by` is the metric ("errors", "latency") that decided, None while undecided.
    `metrics` holds JSON-able details per metric.
    """

    verdict: Verdict
    reason: str
    carried_by: str | None
    log_evidence_rollback: float
    log_evidence_advance: float
    stable_requests: float
    stable_errors: float
    canary_requests: float
    canary_errors: float
    metrics: dict[str, Any]
    seconds_to_decide: float | None
    quality: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Weighed:
    """All evidence of R releases, (R,) each: the metrics' own, and the roll-back total of one risk budget."""

    errors: Floats
    latency: Floats
    rollback: Floats
    advance: Floats


def weigh(evidence: Evidence, asked: Rows) -> Weighed:
    """Roll-back evidence is the mean over the judged metrics, so one dead-sure metric suffices and the risk
    is spent once.
    """
    t, judged = evidence.t, evidence.latency.judged
    errors, latency = evidence.errors.log_rollback(t), evidence.latency.log_rollback(t)
    both = np.logaddexp(errors, latency) - np.log(2.0)
    advance = evidence.errors.log_advance(t)[np.arange(asked.size), asked]
    return Weighed(errors, latency, np.where(judged, both, errors), advance)


def judgements(evidence: Evidence, settings: Sequence[ReleaseSettings], asked: Rows) -> list[Judgement]:
    """One judgement a release; `asked` (R,) are steps that exist."""
    weighed = weigh(evidence, asked)
    waits = wait_for(evidence, settings, asked, weighed.rollback, weighed.advance).tolist()
    ratios = np.stack(ratio_interval(evidence.ratio, INTERVAL_RISK), axis=1).tolist()
    totals, found, quantiles = evidence.totals.tolist(), findings(evidence), evidence.latency.quantiles()
    return [
        _judgement(
            release,
            evidence,
            index,
            weighed,
            totals[index],
            ratios[index],
            waits[index],
            found[index],
            quantiles[index],
        )
        for index, release in enumerate(settings)
    ]


def _judgement(
    settings: ReleaseSettings,
    evidence: Evidence,
    index: int,
    weighed: Weighed,
    totals: list[float],
    ratio: list[float],
    wait: float,
    found: tuple[Finding, ...],
    quantiles: Brackets,
) -> Judgement:
    rollback, advance = float(weighed.rollback[index]), float(weighed.advance[index])
    errors, latency = float(weighed.errors[index]), float(weighed.latency[index])
    verdict, carried_by = _rule(settings, rollback, advance, errors, latency, withheld=bool(found))
    decisive = rollback if verdict is Verdict.ROLL_BACK else advance
    n_s, e_s, n_c, e_c = totals
    metrics = {"errors": _error_detail(errors, advance, totals, ratio)}
    if settings.judge_latency:
        metrics["latency"] = {"log_evidence_rollback": latency, "quantiles": quantiles}
    sentence = explain(
        verdict,
        totals=(n_s, e_s, n_c, e_c),
        log_evidence=decisive,
        carried_by=carried_by,
        quantiles=quantiles,
        wait=wait,
    )
    return Judgement(
        verdict=verdict,
        reason=found[0].message if found and verdict is Verdict.UNDECIDED else sentence,
        carried_by=carried_by,
        log_evidence_rollback=rollback,
        log_evidence_advance=advance,
        stable_requests=n_s,
        stable_errors=e_s,
        canary_requests=n_c,
        canary_errors=e_c,
        metrics=metrics,
        seconds_to_decide=wait if verdict is Verdict.UNDECIDED and isfinite(wait) else None,
        quality=found,
    )


def _rule(
    settings: ReleaseSettings, rollback: float, advance: float, errors: float, latency: float, *, withheld: bool
) -> tuple[Verdict, str | None]:
    """Rolling back goes before advancing; neither is undecided, and doubtful data never advances."""
    if rollback >= -log(settings.wrong_rollback):
        slower = settings.judge_latency and latency > errors
        return Verdict.ROLL_BACK, "latency" if slower else "errors"
    if not withheld and advance >= -log(settings.wrong_advance):
        return Verdict.ADVANCE, "errors"
    return Verdict.UNDECIDED, None


def _error_detail(rollback: float, advance: float, totals: list[float], ratio: list[float]) -> dict[str, Any]:
    n_s, e_s, n_c, e_c = totals
    lower, likeliest, upper = ratio
    return {
        "log_evidence_rollback": rollback,
        "log_evidence_advance": advance,
        "stable_rate": e_s / n_s if n_s > 0 else None,
        "canary_rate": e_c / n_c if n_c > 0 else None,
        "ratio": likeliest if e_s + e_c > 0 else None,
        "ratio_lower": lower,
        "ratio_upper": upper if isfinite(upper) else None,
    }
