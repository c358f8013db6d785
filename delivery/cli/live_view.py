"""A Release as it goes on, on a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from delivery.cli.output import COLOURS, age, phase, version
from delivery.report.intervals import wilson
from delivery.report.wording import milliseconds_between

BAR = 30


def live_view(summary: dict[str, Any] | None, name: str, now: float) -> RenderableType:
    """Weight, both arms' error rates and quantiles with 95 % intervals, and how far the evidence is."""
    if summary is None:
        return Text(f"{name}: no such release yet")
    head = Text.assemble(phase(summary["phase"]), f"  {summary['message']}")
    facts = Table.grid(padding=(0, 2))
    facts.add_row("version", Text(version(summary)))
    facts.add_row("weight", _bar(summary["weight"], 100.0), f"{summary['weight']:g} %  step {summary['progress']}")
    facts.add_row("since", age(summary["startedAt"], now))
    parts: list[RenderableType] = [head, facts]
    if summary["evidence"]:
        parts.append(_evidence(summary["evidence"]))
    if summary["question"]:
        parts.append(Text(summary["question"], style="yellow"))
    colour = COLOURS.get(summary["phase"], "cyan")
    return Panel(Group(*parts), title=Text(f"{summary['namespace']}/{summary['name']}"), border_style=colour)


def _evidence(look: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    for arm in ("stable", "canary"):
        table.add_row(f"{arm} errors", "", _rate(look[f"{arm}Errors"], look[f"{arm}Requests"]))
    for quantile in look["latency"]:
        for arm in ("stable", "canary"):
            table.add_row(f"{arm} {quantile['quantile']}", "", milliseconds_between(*quantile[arm]))
    for word, field in (("to roll back", "rollback"), ("to advance", "advance")):
        wanted = look[f"{field}At"]
        table.add_row(word, _bar(look[field], wanted), f"{look[field]:.1f} of {wanted:.1f}")
    return table


def _bar(value: float, of: float) -> ProgressBar:
    return ProgressBar(total=of, completed=min(of, max(0.0, value)), width=BAR)


def _rate(errors: float, requests: float) -> str:
    if not requests:
        return "no requests"
    interval = wilson(errors, requests)
    between = f"{interval[0]:.2%} to {interval[1]:.2%}, " if interval else ""
    return f"{errors / requests:.2%}  ({between}{errors:.0f} of {requests:.0f})"
