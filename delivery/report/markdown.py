"""The report as a comment on a pull request: short, and nothing of a Release's text takes effect in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from delivery.report.intervals import ArmView
from delivery.report.metric_view import MetricView
from delivery.report.versions import VersionView
from delivery.report.view import ReportView, view
from delivery.report.wording import (
    clipped,
    count,
    evidence,
    milliseconds_between,
    number,
    percent,
    percent_between,
    printable,
    span,
    words,
)
from delivery.resources.release import Release

LONGEST_CELL = 300
LONGEST_BLOCK = 12_000
LONGEST_COMMENT = 60_000  # GitHub takes 65,536 characters; details are left out before that
MOST_LINES = 20
_ACTIVE = re.compile(r"([\\`*_\[\]()#|~$!])")
_BEGINS_A_BLOCK = re.compile(r"^(\d*)([-+=.)])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LINKED = re.compile(r"(@|#|\bGH-|://|\bwww\.)", re.IGNORECASE)


def to_markdown(release: Release, now: float) -> str:
    """The report in GitHub's Markdown; `now`, seconds since the epoch, matters while the Release is in progress."""
    report = view(release, now)
    short = [
        f"### {escaped(report.key)}: {words(report.phase)}",
        escaped(report.sentence, 1000),
        _versions(report),
        _metrics(report.metrics),
        _evidence(report),
        "\n".join(f"- {escaped(line)}" for line in report.quality[:MOST_LINES]),
    ]
    long = [
        _details("Timeline", _timeline(report)),
        _details("Decisions", _decisions(report)),
        _details("Queries", _fenced("\n".join(report.queries)) if report.queries else ""),
        _details("Policy", _fenced(report.policy_yaml, "yaml")),
    ]
    while long and sum(map(len, (*short, *long))) > LONGEST_COMMENT:
        long.pop()
    return "\n\n".join(part for part in (*short, *long) if part) + "\n"


def escaped(text: str, most: int = LONGEST_CELL) -> str:
    """The text on one line with nothing in it that Markdown, HTML or a forge acts on: no markup, link or mention."""
    line = " ".join(clipped(printable(text), most).split())
    apart = _LINKED.sub(lambda found: _apart(found[1]), line)
    marked = _ACTIVE.sub(r"\\\1", apart)
    begun = _BEGINS_A_BLOCK.sub(r"\1\\\2", marked)
    return "".join(_ENTITIES.get(char, char) for char in begun)


def _apart(found: str) -> str:
    """A space of no width where a forge would see an address, a person or an issue."""
    return f"{found[0]}\u200b{found[1:]}" if found == "://" else f"{found}\u200b"


def _code(text: str) -> str:
    return f"<code>{escaped(text)}</code>"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Of cells that are escaped already."""
    lines = [" | ".join(headings), " | ".join("---" for _ in headings), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _versions(report: ReportView) -> str:
    both = (report.stable, report.canary)
    rows = [
        ["App version", *(escaped(version.app_version or "not given") for version in both)],
        ["Pod version", *(_code(version.pod_version) for version in both)],
        ["Images", *(_images(version) for version in both)],
        ["Template", *(_code(version.template_hash) for version in both)],
    ]
    return _table(["", "Stable", "Canary"], rows)


def _images(version: VersionView) -> str:
    shown = (
        f"{_code(image.repository)} {_code(image.tag or 'no tag')}{f' {_code(image.digest)}' if image.digest else ''}"
        for image in version.images
    )
    return "<br>".join(shown) or "none"


def _metrics(metrics: Sequence[MetricView]) -> str:
    if not metrics:
        return "No traffic was judged."
    rows = [
        [escaped(metric.name), *(escaped(shown) for shown in row), evidence(metric.rollback), evidence(metric.advance)]
        for metric in metrics
        for row in _shown(metric)
    ]
    return _table(["Metric", "Stable", "Canary", "For rollback", "For advance"], rows)


def _shown(metric: MetricView) -> list[tuple[str, str]]:
    """Stable and canary, a line for each number the metric has."""
    if metric.stable is not None and metric.canary is not None:
        return [(_rate(metric.stable), _rate(metric.canary))]
    if metric.quantiles:
        return [
            (f"{q.name}: {milliseconds_between(*q.stable_ms)}", f"{q.name}: {milliseconds_between(*q.canary_ms)}")
            for q in metric.quantiles
        ]
    if metric.values is not None:
        return [(number(metric.values.stable), number(metric.values.canary))]
    return [(metric.problem or "nothing yet", "nothing yet")]


def _rate(arm: ArmView) -> str:
    return f"{percent(arm.rate)} ({percent_between(arm.wilson)}) of {count(arm.requests)}"


def _evidence(report: ReportView) -> str:
    found, cost = report.evidence, report.cost
    if found.rollback is None:
        return ""
    told = (
        f"Evidence of all metrics, natural logarithms: for rollback {evidence(found.rollback)} "
        f"(threshold {number(found.rollback_threshold)}), for advance {evidence(found.advance)} "
        f"(threshold {number(found.advance_threshold)})."
    )
    if cost is None:
        return told
    beyond = "" if cost.beyond_stable is None else f", {number(cost.beyond_stable)} beyond stable's rate"
    return f"{told} The canary served {count(cost.requests)} requests with {count(cost.errors)} errors{beyond}."


def _timeline(report: ReportView) -> str:
    rows = [
        [
            span(line.after),
            words(line.phase) if line.phase else escaped(line.reason),
            "" if line.weight is None else f"{line.weight:g} %",
            escaped(line.message),
            escaped(line.by),
        ]
        for line in report.timeline[-MOST_LINES:]
    ]
    return _table(["After", "What", "Canary", "Why", "By"], rows) if rows else ""


def _decisions(report: ReportView) -> str:
    rows = [
        [span(each.after), f"{each.weight:g} %", escaped(words(each.verdict)), escaped(each.reason)]
        for each in report.decisions[-MOST_LINES:]
    ]
    return _table(["After", "Canary", "Verdict", "Why"], rows) if rows else ""


def _details(title: str, inside: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{inside}\n\n</details>" if inside else ""


def _fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any in the text."""
    shown = clipped(printable(text).rstrip(), LONGEST_BLOCK)
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{shown}\n{fence}"
