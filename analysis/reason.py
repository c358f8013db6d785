"""Judgements in a sentence that a person understands."""

from collections.abc import Mapping, Sequence
from math import exp, inf, log

from analysis.verdict import Verdict


def explain(
    verdict: Verdict,
    *,
    totals: tuple[float, float, float, float],
    log_evidence: float,
    carried_by: str | None,
    quantiles: Mapping[str, Mapping[str, Sequence[float | None]]],
    wait: float,
) -> str:
    """Say why; totals are stable requests, stable errors, canary requests, canary errors, quantiles bucket
    intervals in ms.
    """
    n_s, e_s, n_c, e_c = totals
    if n_c <= 0 or n_s <= 0:
        return f"{_silent(n_s, n_c)} served a request yet"
    rates = f"canary fails {percent(e_c / n_c)} of requests, stable {percent(e_s / n_s)}"
    if verdict is Verdict.ROLL_BACK:
        gap = slower(quantiles) if carried_by == "latency" else rates
        return f"{gap}; such a gap by chance is rarer than 1 in {round_down(log_evidence)}"
    if verdict is Verdict.ADVANCE:
        chance = f"less than once in {round_down(log_evidence)}"
        return f"{rates}; a canary as bad as this step forbids would look this good {chance}"
    if wait == inf:
        return f"{rates}; that does not settle it yet, and rates this near the tolerance may never"
    return f"{rates}; that does not settle it yet, about {duration(wait)} more at this traffic would decide"


def _silent(n_s: float, n_c: float) -> str:
    if n_s <= 0:
        return "neither version has" if n_c <= 0 else "stable has not"
    return "the canary has not"


def slower(quantiles: Mapping[str, Mapping[str, Sequence[float | None]]]) -> str:
    """Where a quantile is sure to lie in a higher bucket of the canary, the most usual quantile first."""
    for name, ends in quantiles.items():
        (_, stable_high), (canary_low, canary_high) = ends["stable_ms"], ends["canary_ms"]
        if stable_high is not None and canary_low is not None and canary_low >= stable_high:
            beyond = f"over {canary_low:g} ms" if canary_high is None else f"{canary_low:g} to {canary_high:g} ms"
            tail = f"stable of at most {stable_high:g} ms, as far as buckets tell"
            return f"canary answers with a {name} of {beyond}, {tail}"
    return "canary is slower than stable, within the width of the buckets"


def percent(rate: float) -> str:
    """A rate with as many digits as it needs: 4.8 %, 0.1 %, 0.02 %."""
    points = 100.0 * rate
    if points == 0:
        return "0 %"
    digits = 1 if points >= 0.095 else 2 if points >= 0.0095 else 3
    return f"{points:.{digits}f} %"


def round_down(log_evidence: float) -> str:
    """exp(log evidence) rounded down to its first digit, with thousands separators; at most a billion."""
    number = exp(min(max(log_evidence, 0.0), log(1e9)) + 1e-9)
    magnitude = 10 ** (len(str(int(number))) - 1)
    return f"{int(number) // magnitude * magnitude:,}"


def duration(seconds: float) -> str:
    """45 s, 12 min, 3.5 h or 4 days."""
    for limit, unit, size in ((120.0, "s", 1.0), (7200.0, "min", 60.0), (172800.0, "h", 3600.0)):
        if seconds < limit:
            return f"{max(1, round(seconds / size))} {unit}"
    return f"{round(seconds / 86400.0):,} days"
