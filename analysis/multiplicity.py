"""Many releases, or many metrics, looked at together. Evidence is in natural logarithms of e-values."""

from collections.abc import Sequence
from math import exp, isinf, isnan, log

import numpy as np
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.proportion import Floats


def discoveries(log_evidence: Floats, alpha: float) -> NDArray[np.bool_]:
    """Which of K releases to believe in at once: log evidence (K,) -> (K,) bool, the e-BH procedure (Wang and Ramdas,
    "False discovery rate control with e-values", 2022).

    The k strongest where k is the largest number with `e_(k) >= K/(k alpha)`. Of the releases found, the expected share
    of those whose hypothesis holds is at most alpha, however the e-values depend on each other and whenever one looks.
    The evidence has to be the present one: the highest so far is not an e-value. A release without data has
    log evidence 0; K = 0 finds nothing. Raises AnalysisError for NaN and for alpha outside (0, 1).
    """
    if not 0.0 < alpha < 1.0:
        raise AnalysisError(f"the share of false discoveries allowed is {alpha}: choose alpha within (0, 1)")
    log_evidence = np.asarray(log_evidence, dtype=float)
    _known(log_evidence)
    hypotheses = log_evidence.size
    rank = np.arange(1, hypotheses + 1)
    enough = np.sort(log_evidence)[::-1] >= np.log(hypotheses / rank / alpha)
    found = int(rank[enough].max(initial=0))
    strongest = np.argsort(-log_evidence, kind="stable")[:found]
    mask = np.zeros(hypotheses, dtype=bool)
    mask[strongest] = True
    return mask


def combined(log_evidence: Floats, weights: Floats) -> Floats:
    """Several metrics under one risk: log evidence (R, M) and weights (M,) or (R, M) -> log of the weighted mean of the
    e-values (R,).

    A mean of e-values is an e-value under any dependence, so one sure metric suffices; that costs it ln(1/weight). The
    weights are stakes laid before the evidence came: not negative, of each release at least one positive, taken
    relative to their sum. Raises AnalysisError naming the release otherwise.
    """
    log_evidence, weights = np.broadcast_arrays(np.asarray(log_evidence, dtype=float), np.asarray(weights, dtype=float))
    _known(log_evidence)
    total = weights.sum(axis=-1)
    wrong = ~((weights >= 0.0).all(axis=-1) & (total > 0.0) & np.isfinite(total))
    if wrong.any():
        release = int(np.flatnonzero(wrong)[0])
        told = f"weights of release {release}: {weights[release]}"
        raise AnalysisError(f"{told}; lay a finite stake on some metric, none below 0")
    staked = weights > 0.0
    stakes = np.log(np.where(staked, weights, 1.0)) - np.log(total)[..., None]
    return np.asarray(np.logaddexp.reduce(np.where(staked, log_evidence + stakes, -np.inf), axis=-1))


def mean_of(log_evidence: Sequence[float]) -> float:
    """`combined` of one release's metrics with equal stakes, where arrays would cost more than they hold. Raises
    AnalysisError for NaN."""
    if any(isnan(one) for one in log_evidence):
        raise AnalysisError("log evidence of a metric is NaN: leave out what is not known, or send 0")
    highest = max(log_evidence)
    if isinf(highest):
        return highest
    return highest + log(sum(exp(one - highest) for one in log_evidence) / len(log_evidence))


def _known(log_evidence: Floats) -> None:
    unknown = np.isnan(log_evidence)
    if unknown.any():
        release = int(np.argwhere(unknown)[0][0])
        raise AnalysisError(f"log evidence of release {release} is NaN: leave out what is not known, or send 0")
