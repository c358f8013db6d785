"""Judgements in a sentence that a person understands."""

from math import exp, inf, log

from analysis.verdict import Verdict


def explain(
    verdict: Verdict,
    *,
    totals: tuple[float, float, float, float],
    log_evidence: float,
    carried_by: str | None,
    wait: float,
) -> str:
    """Say why; totals are stable requests, stable errors, canary requests, canary errors."""
    n_s, e_s, n_c, e_c = totals
    if n_c <= 0 or n_s <= 0:
        silent = (
            "neither version has" if n_c <= 0 and n_s <= 0 else "the canary has not" if n_c <= 0 else "stable has not"
        )
        return f"{silent} served a request yet"
    rates = f"canary fails {percent(e_c / n_c)} of requests, stable {percent(e_s / n_s)}"
    if verdict is Verdict.ROLL_BACK and carried_by == "latency":
        return f"the canary is slower than stable; such a gap by chance is rarer than {odds(log_evidence)}"
    if verdict is Verdict.ROLL_BACK:
        return f"{rates}; such a gap by chance is rarer than {odds(log_evidence)}"
    if verdict is Verdict.ADVANCE:
        chance = f"less than once in {round_down(log_evidence)}"
        return f"{rates}; a canary as bad as this step forbids would look this good {chance}"
    further = "more traffic is needed" if wait == inf else f"about {duration(wait)} more at this traffic would decide"
    return f"{rates}; that does not settle it yet, {further}"


def percent(rate: float) -> str:
    """A rate with as many digits as it needs: 4.8 %, 0.1 %, 0.02 %."""
    points = 100.0 * rate
    if points == 0:
        return "0 %"
    digits = 1 if points >= 0.095 else 2 if points >= 0.0095 else 3
    return f"{points:.{digits}f} %"


def odds(log_evidence: float) -> str:
    """exp(log evidence) as "1 in 10,000", rounded down to one digit; capped at a billion."""
    return f"1 in {round_down(log_evidence)}"


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
