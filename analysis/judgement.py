"""From evidence to verdicts: the rule, what it rests on, and the estimates shown beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log
from typing import Any

import numpy as np

from analysis.latency_evidence import Brackets
from analysis.outlook import wait_for
from analysis.proportion import Rows
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
class _Facts:
    """What one release is judged by: log evidence of each metric and in all, and the estimates beside it."""

    errors: float
    latency: float
    rollback: float
    advance: float
    totals: list[float]
    ratio: list[float]
    wait: float
    found: tuple[Finding, ...]
    quantiles: Brackets


def judgements(evidence: Evidence, settings: Sequence[ReleaseSettings], asked: Rows) -> list[Judgement]:
    """One judgement a release; `asked` (R,) are steps that exist.

    Roll-back evidence is the mean over the judged metrics: one dead-sure metric suffices and the risk is spent once.
    """
    t = evidence.t
    errors, latency = evidence.errors.log_rollback(t), evidence.latency.log_rollback(t)
    rollback = np.where(evidence.latency.judged, np.logaddexp(errors, latency) - np.log(2.0), errors)
    advance = evidence.errors.log_advance(t)[np.arange(asked.size), asked]
    columns = zip(
        *(column.tolist() for column in (errors, latency, rollback, advance, evidence.totals)),
        np.stack(ratio_interval(evidence.ratio, INTERVAL_RISK), axis=1).tolist(),
        wait_for(evidence, settings, asked, rollback, advance).tolist(),
        findings(evidence),
        evidence.latency.quantiles(),
        strict=True,
    )
    return [_judgement(release, _Facts(*facts)) for release, facts in zip(settings, columns, strict=True)]


def _judgement(settings: ReleaseSettings, facts: _Facts) -> Judgement:
    verdict, carried_by = _rule(settings, facts)
    n_s, e_s, n_c, e_c = facts.totals
    metrics = {"errors": _error_detail(facts)}
    if settings.judge_latency:
        metrics["latency"] = {"log_evidence_rollback": facts.latency, "quantiles": facts.quantiles}
    sentence = explain(
        verdict,
        totals=(n_s, e_s, n_c, e_c),
        log_evidence=facts.rollback if verdict is Verdict.ROLL_BACK else facts.advance,
        carried_by=carried_by,
        quantiles=facts.quantiles,
        wait=facts.wait,
    )
    return Judgement(
        verdict=verdict,
        reason=facts.found[0].message if facts.found and verdict is Verdict.UNDECIDED else sentence,
        carried_by=carried_by,
        log_evidence_rollback=facts.rollback,
        log_evidence_advance=facts.advance,
        stable_requests=n_s,
        stable_errors=e_s,
        canary_requests=n_c,
        canary_errors=e_c,
        metrics=metrics,
        seconds_to_decide=facts.wait if verdict is Verdict.UNDECIDED and isfinite(facts.wait) else None,
        quality=facts.found,
    )


def _rule(settings: ReleaseSettings, facts: _Facts) -> tuple[Verdict, str | None]:
    """Rolling back goes before advancing; neither is undecided, and doubtful data never advances."""
    if facts.rollback >= -log(settings.wrong_rollback):
        slower = settings.judge_latency and facts.latency > facts.errors
        return Verdict.ROLL_BACK, "latency" if slower else "errors"
    if not facts.found and facts.advance >= -log(settings.wrong_advance):
        return Verdict.ADVANCE, "errors"
    return Verdict.UNDECIDED, None


def _error_detail(facts: _Facts) -> dict[str, Any]:
    n_s, e_s, n_c, e_c = facts.totals
    lower, likeliest, upper = facts.ratio
    return {
        "log_evidence_rollback": facts.errors,
        "log_evidence_advance": facts.advance,
        "stable_rate": e_s / n_s if n_s > 0 else None,
        "canary_rate": e_c / n_c if n_c > 0 else None,
        "ratio": likeliest if e_s + e_c > 0 else None,
        "ratio_lower": lower,
        "ratio_upper": upper if isfinite(upper) else None,
    }
