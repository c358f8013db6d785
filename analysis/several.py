"""A release judged by further metrics beside its mesh's: one risk for all of them, and every one has to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import log
from typing import Any

from analysis.judgement import Judgement
from analysis.multiplicity import mean_of
from analysis.reason import round_down
from analysis.settings import ReleaseSettings
from analysis.verdict import Verdict


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """One more metric: natural logarithms of its evidence both ways, what it shows in half a sentence ("canary 5.1,
    stable 3.2"), and JSON-able details.
    """

    name: str
    log_rollback: float
    log_advance: float
    shown: str
    detail: dict[str, Any] = field(default_factory=dict)


def judged_with(base: Judgement, settings: ReleaseSettings, others: Sequence[MetricEvidence]) -> Judgement:
    """The judgement of all metrics together.

    Roll-back evidence is the mean of the e-values of all metrics (valid under any dependence, Vovk and Wang 2021), so
    the risk is spent once; an advance needs the evidence of each, and whatever withholds one of `base` withholds this.
    Without `others` it is `base`.
    """
    if not others:
        return base
    own = {name: base.metrics[name] for name in ("errors", "latency") if name in base.metrics}
    back = [each["log_evidence_rollback"] for each in own.values()] + [one.log_rollback for one in others]
    on = min(base.log_evidence_advance, *(one.log_advance for one in others))
    evidence = mean_of(back)
    metrics = base.metrics | {one.name: one.detail | _logs(one) for one in others}
    told = replace(base, metrics=metrics, log_evidence_rollback=evidence, log_evidence_advance=on)
    if evidence >= -log(settings.wrong_rollback):
        return _rolled_back(told, others, max(each["log_evidence_rollback"] for each in own.values()))
    lacking = min(others, key=lambda one: one.log_advance)
    if base.verdict is Verdict.ADVANCE and lacking.log_advance >= -log(settings.wrong_advance):
        return told
    if base.verdict is Verdict.UNDECIDED:
        return told
    shown = lacking if base.verdict is Verdict.ADVANCE else max(others, key=lambda one: one.log_rollback)
    reason = f"{shown.name}: {shown.shown}; that does not settle it yet"
    if base.verdict is Verdict.ROLL_BACK:
        reason = f"{base.reason}, which is not enough where {len(back)} metrics share the risk"
    return replace(told, verdict=Verdict.UNDECIDED, carried_by=None, reason=reason, seconds_to_decide=None)


def _rolled_back(told: Judgement, others: Sequence[MetricEvidence], own: float) -> Judgement:
    worst = max(others, key=lambda one: one.log_rollback)
    if told.verdict is Verdict.ROLL_BACK and worst.log_rollback <= own:
        return told
    chance = round_down(told.log_evidence_rollback)
    reason = f"{worst.name}: {worst.shown}; such a gap by chance is rarer than 1 in {chance}"
    return replace(told, verdict=Verdict.ROLL_BACK, carried_by=worst.name, reason=reason)


def _logs(one: MetricEvidence) -> dict[str, float]:
    return {"log_evidence_rollback": one.log_rollback, "log_evidence_advance": one.log_advance}
