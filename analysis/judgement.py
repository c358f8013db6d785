"""From evidence to verdicts: the rule, what it rests on, and the estimates shown beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from analysis.course import Risks, Weighed
from analysis.outlook import wait_for
from analysis.proportion import Floats, Rows
from analysis.quality import Finding, findings, too_little
from analysis.quantiles import Brackets, brackets
from analysis.rate_interval import difference_interval, rate_interval
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

    errors: tuple[float, float]
    latency: tuple[float, float]
    evidence: tuple[float, float]
    rolls_back: bool
    advances: bool
    totals: list[float]
    ratio: list[float]
    rates: list[float]
    wait: float
    found: tuple[Finding, ...]
    quantiles: Brackets


def judgements(
    evidence: Evidence, settings: Sequence[ReleaseSettings], asked: Rows, now: Floats | None = None
) -> list[Judgement]:
    """One judgement a release; `asked` (R,) are steps that exist, `now` (R,) the present on the releases' clocks."""
    weighed = evidence.now().weigh(Risks.of(settings), asked)
    totals = evidence.totals
    # counts that are worth less because single instances are noisy: a correction to second order, as for evidence
    worth = totals / (evidence.phi * evidence.shadow.raised)[:, None]
    rates = (rate_interval(worth[:, k], worth[:, k + 1], INTERVAL_RISK) for k in (0, 2))
    n_s, e_s, n_c, e_c = worth.T
    difference = difference_interval(n_s, e_s, n_c, e_c, INTERVAL_RISK)
    columns = zip(
        _pairs(weighed.errors_rollback, weighed.errors_advance),
        _pairs(weighed.latency_rollback, weighed.latency_advance),
        _pairs(weighed.rollback, weighed.advance),
        weighed.rolls_back[:, 0].tolist(),
        weighed.advances[:, 0].tolist(),
        totals.tolist(),
        np.stack(ratio_interval(evidence.ratio, INTERVAL_RISK), axis=1).tolist(),
        np.stack([*(end for pair in rates for end in pair), *difference], axis=1).tolist(),
        wait_for(evidence, settings, asked, weighed).tolist(),
        findings(evidence, now),
        brackets(evidence.latency, INTERVAL_RISK),
        strict=True,
    )
    facts = (_Facts(*one) for one in columns)
    lacking = _too_little(evidence, settings, asked, weighed)
    return [_judgement(*one) for one in zip(settings, facts, lacking, strict=True)]


def _pairs(back: Floats, on: Floats) -> list[tuple[float, float]]:
    return list(zip(back[:, 0].tolist(), on[:, 0].tolist(), strict=True))


def _too_little(
    evidence: Evidence, settings: Sequence[ReleaseSettings], asked: Rows, weighed: Weighed
) -> list[tuple[Finding, ...]]:
    open_still = ~(weighed.rolls_back | weighed.advances)[:, 0] & (evidence.t > 0)
    phi = (evidence.phi * evidence.shadow.raised).tolist()
    lacking: list[tuple[Finding, ...]] = [()] * asked.size
    for index in np.flatnonzero(open_still).tolist():
        finding = too_little(settings[index], int(asked[index]), evidence.totals[index], phi[index])
        lacking[index] = (finding,) if finding else ()
    return lacking


def _judgement(settings: ReleaseSettings, facts: _Facts, lacking: tuple[Finding, ...]) -> Judgement:
    verdict, carried_by = _rule(settings, facts)
    n_s, e_s, n_c, e_c = facts.totals
    metrics = {"errors": _error_detail(facts)}
    if settings.judge_latency:
        metrics["latency"] = _evidence_detail(facts.latency) | {"quantiles": facts.quantiles}
    back, on = facts.evidence
    sentence = explain(
        verdict,
        totals=(n_s, e_s, n_c, e_c),
        log_evidence=back if verdict is Verdict.ROLL_BACK else on,
        carried_by=carried_by,
        quantiles=facts.quantiles,
        wait=facts.wait,
    )
    withholding = next((finding.message for finding in facts.found if finding.withholds), None)
    foreseeable = verdict is Verdict.UNDECIDED and withholding is None and isfinite(facts.wait)
    return Judgement(
        verdict=verdict,
        reason=withholding if withholding and verdict is Verdict.UNDECIDED else sentence,
        carried_by=carried_by,
        log_evidence_rollback=back,
        log_evidence_advance=on,
        stable_requests=n_s,
        stable_errors=e_s,
        canary_requests=n_c,
        canary_errors=e_c,
        metrics=metrics,
        seconds_to_decide=facts.wait if foreseeable else None,
        quality=facts.found + lacking,
    )


def _rule(settings: ReleaseSettings, facts: _Facts) -> tuple[Verdict, str | None]:
    """Rolling back goes before advancing; neither is undecided, and doubtful data never advances."""
    if facts.rolls_back:
        slower = settings.judge_latency and facts.latency[0] > facts.errors[0]
        return Verdict.ROLL_BACK, "latency" if slower else "errors"
    if facts.advances and not any(finding.withholds for finding in facts.found):
        slowest = settings.judge_latency and facts.latency[1] < facts.errors[1]
        return Verdict.ADVANCE, "latency" if slowest else "errors"
    return Verdict.UNDECIDED, None


def _evidence_detail(evidence: tuple[float, float]) -> dict[str, Any]:
    return {"log_evidence_rollback": evidence[0], "log_evidence_advance": evidence[1]}


def _error_detail(facts: _Facts) -> dict[str, Any]:
    n_s, e_s, n_c, e_c = facts.totals
    lower, likeliest, upper = facts.ratio
    stable_low, stable_high, canary_low, canary_high, *difference = facts.rates
    return {
        **_evidence_detail(facts.errors),
        "stable_rate": e_s / n_s if n_s > 0 else None,
        "stable_rate_interval": [stable_low, stable_high],
        "canary_rate": e_c / n_c if n_c > 0 else None,
        "canary_rate_interval": [canary_low, canary_high],
        "ratio": likeliest if e_s + e_c > 0 else None,
        "ratio_lower": lower,
        "ratio_upper": upper if isfinite(upper) else None,
        "difference": difference[1] if n_s > 0 and n_c > 0 else None,
        "difference_lower": difference[0],
        "difference_upper": difference[2],
    }
