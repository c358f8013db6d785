"""The comparison as Markdown."""

from collections.abc import Iterator, Sequence

from benchmarks.peers.earlier import OURS, Earlier
from benchmarks.peers.latency import LatencyAlarms, LatencyLine
from benchmarks.peers.measure import Comparison, Line, UntilEnd, Way
from benchmarks.peers.traffic import HORIZON, SCENARIOS, TICK

ABOUT = {
    Way.NOMINAL: "As their authors set them; ours at its default risk of 1 %.",
    Way.MATCHED: (
        "Each threshold is the one that 1 % of healthy runs at this very stable rate exceed (other runs than those counted "
        "here). Nobody knows the stable rate to such precision beforehand: this flatters every method, ours included."
    ),
    Way.ONE_FOR_ALL: "One threshold a method, the highest of its three matched ones: what could be configured once.",
}
HEAD = (
    "method",
    "threshold",
    "false alarms, % (95 %)",
    "found, %",
    "median, s",
    "p90, s",
    "mean within 30 min, s",
    "excess errors",
    "mean / limit",
)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def delay(seconds: float) -> str:
    """A delay, or that the horizon was reached."""
    return f"{seconds:.0f}" if seconds <= HORIZON else f">{HORIZON:.0f}"


def percent(low: float, high: float) -> str:
    """An interval of rates."""
    return f"{100 * low:.2f} to {100 * high:.2f}"


def main_tables(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """A section for each way to choose thresholds, a table a scenario in it."""
    for way, about in ABOUT.items():
        yield from ("", f"## Thresholds {way.value}", "", about)
        for comparison in comparisons:
            share = f"{100 * comparison.share:g} % share, limit {comparison.limit:.1f} s"
            yield from ("", f"### {comparison.scenario.name} errors, {share}", "")
            yield from table(HEAD, [_row(comparison, line) for line in comparison.lines if line.way is way])


def _row(comparison: Comparison, line: Line) -> list[str]:
    name = f"**{line.method}**" if line.method == OURS else line.method
    return [
        name if line.valid else f"{name} (not valid)",
        line.setting,
        f"{100 * line.alarms / line.healthy:.2f} ({percent(*line.alarm_interval())})",
        f"{100 * line.power:.1f}",
        delay(line.quantile(0.5)),
        delay(line.quantile(0.9)),
        f"{line.restricted.mean():.1f}",
        f"{line.excess.mean():.1f}",
        _times_limit(comparison, line),
    ]


def _times_limit(comparison: Comparison, line: Line) -> str:
    until_end = comparison.to_the_end.get((line.method, line.way))
    if until_end is not None:
        return _ratio(until_end, comparison.limit)
    least = "" if line.power == 1.0 else ">= "
    return f"{least}{line.restricted.mean() / comparison.limit:.2f}"


def _ratio(until_end: UntilEnd, limit: float) -> str:
    least = "" if until_end.unended == 0.0 else ">= "
    return f"{least}{until_end.mean / limit:.2f} ± {1.96 * until_end.error / limit:.2f}"


def earlier_section(earlier: Sequence[Earlier]) -> Iterator[str]:
    """Plainly: who beats ours."""
    yield from ("", "## Where a valid method is earlier than ours", "")
    if not earlier:
        yield "Nowhere: neither in the mean, beyond chance, nor in the median."
        return
    yield (
        "Valid: the 95 % interval of its false alarm rate reaches 1 %. The mean counts runs without an alarm as ending at "
        f"{HORIZON:.0f} s; the difference is taken run by run, positive where ours is later, with its 95 % interval. Both "
        "medians are given; each line is there for its mean or its median."
    )
    yield ""
    head = (
        "scenario",
        "method",
        "thresholds",
        "compared with ours",
        "ours later in the mean by, s",
        "median, s: it, ours",
    )
    yield from table(head, [_earlier_row(one) for one in earlier])


def _earlier_row(one: Earlier) -> list[str]:
    return [
        one.comparison.scenario.name,
        one.line.method,
        one.line.way.value,
        one.ours.way.value,
        f"{one.seconds:.1f} ± {one.half_width:.1f}",
        f"{delay(one.line.quantile(0.5))}, {delay(one.ours.quantile(0.5))}",
    ]


def share_table(comparisons: Sequence[Comparison], oracle: str) -> Iterator[str]:
    """Ours and the oracle at all shares, without a horizon."""
    yield from (
        "",
        "## Other shares",
        "",
        f"Ours and the oracle as published; means without a horizon, looks every {TICK:g} s.",
        "",
    )
    head = ("scenario", "share, %", "limit, s", "false alarms, % (95 %)", "found, %", "median, s", "p90, s")
    rows = [_share_row(comparison, oracle) for comparison in comparisons]
    yield from table((*head, "mean, s", "mean / limit", "oracle: mean / limit"), rows)


def _share_row(comparison: Comparison, oracle: str) -> list[str]:
    line, ended = (source(OURS, Way.NOMINAL) for source in (comparison.line, lambda *key: comparison.to_the_end[key]))
    return [
        comparison.scenario.name,
        f"{100 * comparison.share:g}",
        f"{comparison.limit:.1f}",
        f"{100 * line.alarms / line.healthy:.2f} ({percent(*line.alarm_interval())})",
        f"{100 * line.power:.1f}",
        delay(line.quantile(0.5)),
        delay(line.quantile(0.9)),
        f"{ended.mean:.1f}",
        _ratio(ended, comparison.limit),
        _ratio(comparison.to_the_end[oracle, Way.NOMINAL], comparison.limit),
    ]


def latency_section(lines: Sequence[LatencyLine], alarms: Sequence[LatencyAlarms]) -> Iterator[str]:
    """Delays and false alarms of the latency evidence."""
    yield from ("", "## Latency", "", LATENCY, "")
    head = ("canary", "share, %", "looks every, s", "stable known for, s", "limit, s", "told the law, s")
    yield from table((*head, "median, s", "p90, s", "mean, s", "mean / limit"), [_latency_row(line) for line in lines])
    yield from ("", "Healthy canaries, ten minutes each:", "")
    head = ("share, %", "looks every, s", "stable known for, s", "runs", "false alarms, % (95 %)")
    yield from table(head, [_alarm_row(one) for one in alarms])


LATENCY = (
    "100 requests/s, Istio's bounds, stable lognormal with median 80 ms and sigma 0.6, no tolerance, latency judged alone "
    '(judged beside the error rate it shares the stake, which costs ln 2 of evidence). "Limit" is that of every test that '
    'is valid for all canaries stochastically no slower than stable; "told the law" that of a test that is told which '
    "law to expect, the design's figure. They are one for a shift. For the tail they differ: the design's 20.2 s at 10 % "
    "belong to a law whose both halves are wider, where half of the information lies in fast requests being *faster*, "
    "which a test that never blames a faster canary must not count. With only the slow half wider it is 46.1 s, and "
    "46.9 s for every valid test under either law."
)


def _latency_row(line: LatencyLine) -> list[str]:
    at = line.situation
    return [
        line.law,
        f"{100 * at.share:g}",
        f"{at.look:g}",
        f"{at.past:g}",
        f"{line.limit:.1f}",
        f"{line.two_sided:.1f}",
        f"{line.quantile(0.5):.0f}",
        f"{line.quantile(0.9):.0f}",
        f"{line.mean:.1f}",
        f"{line.mean / line.limit:.2f}",
    ]


def _alarm_row(one: LatencyAlarms) -> list[str]:
    at = one.situation
    rate = f"{100 * one.alarms / one.runs:.2f} ({percent(*one.interval)}){'' if one.valid else ' not valid'}"
    return [f"{100 * at.share:g}", f"{at.look:g}", f"{at.past:g}", str(one.runs), rate]


def introduction(command: str, runs: int, healthy: int, seed: int, machine: str) -> Iterator[str]:
    """What was run, and how to read it."""
    names = ", ".join(scenario.name for scenario in SCENARIOS)
    yield from (
        "# How soon a bad canary is found",
        "",
        f"`{command}`",
        "",
        f"Seed {seed}; {runs} broken runs and {healthy} healthy ones of every kind; {machine}.",
        "",
        f"Error rates of stable and canary: {names}. 100 requests/s in all, Poisson; errors binomial; a tick every "
        f"{TICK:g} s; {HORIZON / 60:g} min. Every method sees the same counts of the same runs. A healthy run has the stable "
        "rate in both arms, and every alarm in it is false. Delays run from the first request to the canary; a run without "
        "an alarm counts as infinite in median and p90. Excess errors: the canary's beyond stable's rate, until the rollback "
        "or the horizon. *Not valid*: more than 1 % of false alarms, even at the lower end of the 95 % interval.",
        "",
        "Limit: ln(100) / information, what the mean delay of no method can beat that alarms falsely in at most 1 % of "
        "runs however long they last. Mean / limit of ours and of the oracle is measured without a horizon (ten times the "
        "limit); that of the others within 30 min, where `>=` marks that some runs found nothing. A method may fall below 1 "
        "where its false alarms are more than 1 % or its looks end.",
        "",
        "![share of broken canaries found over time](detection.svg)",
    )
