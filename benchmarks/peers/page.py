"""The comparison as Markdown."""

from collections.abc import Iterator, Sequence

from benchmarks.peers.earlier import OURS, Earlier
from benchmarks.peers.latency import LatencyAlarms, LatencyLine
from benchmarks.peers.measure import Comparison, Line, UntilEnd, Way, rate_interval
from benchmarks.peers.traffic import HORIZON, RAMP, SCENARIOS, TICK

RampAlarms = dict[tuple[str, Way], int]
ABOUT = {
    Way.NOMINAL: "As their authors set them; ours at its default risk of 1 %.",
    Way.MATCHED: """\
Each threshold is the one that 1 % of other healthy runs at this very stable rate exceeded, less one standard error.
Nobody knows the stable rate to such precision beforehand: this flatters every method, ours included.""",
    Way.ONE_FOR_ALL: "One threshold a method, the highest of its three matched ones: what could be configured once.",
}
HOW_TO_READ = """\
100 requests/s in all, Poisson; errors binomial. Every method sees the same counts of the same runs. A healthy run has
the stable rate in both arms, and every alarm in it is false. Delays run from the first request to the canary; a run
without an alarm counts as infinite in median and p90. Excess errors: the canary's beyond stable's rate, until the
rollback or the end. *Not valid*: more than 1 % of false alarms, even at the lower end of the 95 % interval.

Limit: ln(100) / information, what no method's mean delay can beat that alarms falsely in at most 1 % of runs however
long they last. Mean / limit of ours and of the oracle is measured without a horizon (ten times the limit); that of
the others within 30 min, where `>=` marks that some runs found nothing. Below 1 come methods with more false alarms,
and methods that stop looking: their risk need not last beyond the horizon."""
THE_OTHERS = """\
How the others are set, and where they differ from the products they are named after:

- *Flagger style*: the canary's success rate over the last interval must be 99 %. Failed checks are counted in all, not
  in a row; the fifth sets off the rollback when the next check is due, one interval later. No traffic is a failed
  check. The weight stays where it is, so that nothing but the test decides.
- *Kayenta style*: the error rates of the last 50 ticks of 10 s, every 60 s from the first 50 on; 98 % interval for the
  shift of location, "high" when its lower end exceeds a quarter of the estimate (the judge's defaults); only "high"
  counts. The threshold stands for the interval; matched, it may be so low that it is none any more.
- *Fixed horizon*, *every look*: pooled two-proportion z of all counts so far, 1 % one-sided.
- *Alpha spending*: the same z at 30 looks, 1 % one-sided spent as t^2 over the 30 min, boundaries of Lan and DeMets for
  normal counts. Small counts of errors are not normal, which is why it gives more than 1 % of false alarms.
- *Stratified*: the same two with counts compared within each tick (within each look for alpha spending) and then added
  up; nobody's product, but what a careful statistician would do.
- *Oracle*: likelihood ratio of the two true rates against their mean.
- *Ours*: the error-rate evidence of this repository, ratio margin only, `wrong_rollback` 1 %, dispersion 1."""
EARLIER = """\
With thresholds found by simulation, the table lists them.

Valid: the 95 % interval of its false alarm rate reaches down to 1 %. The mean counts runs without an alarm as ending
with the horizon; the difference is taken run by run, positive where ours is later, with its 95 % interval. A method
is listed for its mean (beyond chance) or its median. The last column is from the section after this one."""
RAMP_ABOUT = f"""\
False alarms, % (95 %), of the same methods at the same thresholds over 30 min in which a healthy canary gets
{", ".join(f"{100 * share:g}" for share in RAMP)} % of the traffic, ten minutes each, while the error rate of *both*
arms doubles with every step. Methods that pool all counts so far see a canary whose traffic came when everybody failed
more (Simpson's paradox): what was a valid threshold for steady traffic is none here. The fixed-horizon test looks at
the end of the first step only."""
LATENCY = """\
100 requests/s, Istio's bounds, stable lognormal with median 80 ms and sigma 0.6, no tolerance, latency judged alone
(beside the error rate it shares the stake, which costs ln 2 of evidence). No rule is earlier than its first look: at
looks every 10 s, mean / limit is at least 10 s / limit.

"Limit" is that of every test that is valid for all canaries stochastically no slower than stable; "told the law" that
of a test that knows which law to expect. For a shift they are one. For the tail they are not: the 20.2 s at a 10 %
share that the design names belong to a law both of whose halves are wider, and more than half of that information is
fast requests being *faster*, which a test that never blames a faster canary cannot count. With only the slow half
wider it is 46.1 s. For every test that never blames a faster canary it is 46.9 s under either law."""
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
        yield from ("", f"## {way.value.capitalize()}", "", about)
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


def earlier_section(earlier: Sequence[Earlier], ramp: Sequence[RampAlarms], runs: int) -> Iterator[str]:
    """Plainly: who beats ours, and what its false alarms are when traffic changes."""
    yield from ("", "## Where a valid method is earlier than ours", "")
    if not earlier:
        yield "Nowhere: neither in the mean, beyond chance, nor in the median."
        return
    published = sorted({one.line.method for one in earlier if one.line.way is Way.NOMINAL})
    yield f"As published, these are valid and earlier: {', '.join(published) or 'none'}. {EARLIER}"
    yield ""
    head = (
        "scenario",
        "method",
        "thresholds",
        "compared with ours",
        "ours later in the mean by, s",
        "median, s: it, ours",
        "its false alarms when traffic changes, %",
    )
    by_scenario = dict(zip(SCENARIOS, ramp, strict=True))
    yield from table(head, [_earlier_row(one, by_scenario[one.comparison.scenario], runs) for one in earlier])


def _earlier_row(one: Earlier, ramp: RampAlarms, runs: int) -> list[str]:
    return [
        one.comparison.scenario.name,
        one.line.method,
        one.line.way.value,
        one.ours.way.value,
        f"{one.seconds:.1f} ± {one.half_width:.1f}",
        f"{delay(one.line.quantile(0.5))}, {delay(one.ours.quantile(0.5))}",
        f"{100 * ramp[one.line.method, one.line.way] / runs:.2f}",
    ]


def ramp_section(alarms: Sequence[RampAlarms], runs: int) -> Iterator[str]:
    """False alarms when traffic changes: counts by method and way, scenario by scenario."""
    yield from ("", "## When traffic changes", "", RAMP_ABOUT, "")
    head = ["method", "thresholds", *(f"from {100 * scenario.stable:g} % errors" for scenario in SCENARIOS)]
    yield from table(head, [_ramp_row(key, [by[key] for by in alarms], runs) for key in alarms[0]])


def _ramp_row(key: tuple[str, Way], counts: Sequence[int], runs: int) -> list[str]:
    method, way = key
    name = f"**{method}**" if method == OURS else method
    rates = [f"{100 * count / runs:.2f} ({percent(*rate_interval(count, runs))})" for count in counts]
    return [name, way.value, *rates]


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
    line, ended = comparison.line(OURS, Way.NOMINAL), comparison.to_the_end[OURS, Way.NOMINAL]
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
    columns = ("share, %", "looks every, s", "stable known for, s", "runs", "false alarms, % (95 %)")
    yield from table(columns, [_alarm_row(one) for one in alarms])


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
    yield from ("# How soon a bad canary is found", "", f"`{command}`", "")
    yield f"Seed {seed}; {runs} broken runs and {healthy} healthy ones of every kind; {machine}."
    yield f"\nError rates of stable and canary: {names}. A tick every {TICK:g} s, {HORIZON / 60:g} min."
    yield from (HOW_TO_READ, "", THE_OTHERS, "", "![share of broken canaries found over time](detection.svg)")
