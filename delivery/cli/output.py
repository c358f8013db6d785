"""What commands print: tables for people, JSON and YAML for programs."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from delivery.clock import from_rfc3339


class Output(StrEnum):
    """How a command answers."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="how to answer")]
COLOURS = {
    "Succeeded": "green",
    "RolledBack": "red",
    "RollingBack": "red",
    "Failed": "red",
    "Stalled": "red",
    "Paused": "yellow",
    "Superseded": "dim",
    "Bypassed": "dim",
}


def printed(value: Any, form: Output) -> None:
    """As JSON or YAML."""
    if form is Output.JSON:
        typer.echo(json.dumps(value, indent=2, allow_nan=False))
    else:
        typer.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), nl=False)


def difference(before: str, after: str, name: str) -> str:
    """A unified diff of two texts; "" where they are the same."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    return "".join(difflib.unified_diff(old, new, fromfile=name, tofile=name))


def phase(name: str) -> Text:
    """In its colour, where colours are wanted at all."""
    return Text(name, style=COLOURS.get(name, "cyan"))


def release_table(summaries: Iterable[dict[str, Any]], now: float) -> Table:
    """One line a Release."""
    table = Table(box=None, pad_edge=False)
    for name in ("NAMESPACE", "DEPLOYMENT", "VERSION", "PHASE", "STEP", "WEIGHT", "CANARY ERRORS", "AGE", "NAME"):
        table.add_column(name, justify="right" if name in {"WEIGHT", "AGE"} else "left", overflow="fold")
    for one in summaries:
        table.add_row(
            Text(one["namespace"]),
            Text(one["deployment"]),
            Text(version(one)),
            phase(one["phase"]),
            one["progress"],
            f"{one['weight']:g} %",
            errors(one),
            age(one["startedAt"], now),
            Text(one["name"]),
        )
    return table


def version(summary: dict[str, Any]) -> str:
    """The application's, else the image's tag or digest."""
    images = [image.rpartition("/")[2] for image in summary["canaryImages"]]
    return str(summary["appVersion"] or ", ".join(image.partition(":")[2] or image for image in images))


def errors(summary: dict[str, Any]) -> str:
    """The canary's error rate so far."""
    look = summary["evidence"]
    if not look or not look["canaryRequests"]:
        return ""
    return f"{look['canaryErrors'] / look['canaryRequests']:.2%} of {look['canaryRequests']:.0f}"


def age(since: str | None, now: float) -> str:
    """As kubectl writes it, in its largest unit."""
    if since is None:
        return ""
    seconds = max(0, int(now - from_rfc3339(since)))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def show(renderable: Any) -> None:
    """On standard output; rich leaves colours out where NO_COLOR is set or nobody looks."""
    Console(soft_wrap=not Console().is_terminal).print(renderable)


def now() -> float:
    return time.time()
