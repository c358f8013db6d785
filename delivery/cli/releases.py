"""Commands that read Releases: list, get, watch, wait, report."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from delivery.cli.access import Releases, connected, target
from delivery.cli.live_view import live_view
from delivery.cli.outcome import Outcome, outcome_of, said
from delivery.cli.output import Output, OutputOption, now, printed, release_table, show
from delivery.errors import HeadgateError
from delivery.report.as_json import to_json
from delivery.report.charts import to_svg
from delivery.report.html import to_html
from delivery.report.markdown import to_markdown
from delivery.report.release_report import render, to_text
from delivery.resources.duration import parse_duration
from delivery.resources.release import Release, release_object

NameArgument = Annotated[str, typer.Argument(metavar="NAMESPACE/NAME", help="a Release, or its Deployment")]
NamespaceOption = Annotated[str | None, typer.Option("--namespace", "-n", help="where NAME alone is given")]
IdOption = Annotated[str | None, typer.Option("--release-id", help="the Deployment's Release of this id")]
FOREVER_S = 10 * 365 * 86_400.0


class ReportForm(StrEnum):
    """`markdown` is short enough for a comment on a pull request."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"
    MARKDOWN = "markdown"
    SVG = "svg"


def seconds(text: str) -> float:
    """30s, 5m, 1h30m. Raises typer.BadParameter."""
    try:
        return parse_duration(text)
    except ValueError as problem:
        raise typer.BadParameter(f"{text!r} is no duration; write it like 90s, 30m or 1h30m") from problem


@connected
def list_releases(
    releases: Releases,
    namespace: NamespaceOption = None,
    active: Annotated[bool, typer.Option("--active", help="only those that have not ended")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """List Releases, active ones first, of one namespace or of all.

    Example: headgate list --namespace shop --active
    """
    found = [one for one in releases.listed(namespace) if not (active and one["finishedAt"])]
    if output is not Output.TABLE:
        printed(found, output)
    elif found:
        show(release_table(found, now()))
    else:
        typer.echo("no releases")


@connected
def get(
    releases: Releases,
    name: NameArgument,
    namespace: NamespaceOption = None,
    release_id: IdOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one Release: what changed, what was seen, what was decided and why.

    Example: headgate get shop/web
    """
    release = releases.release(*target(name, releases, namespace), release_id)
    if output is Output.TABLE:
        show(render(release))
    else:
        printed(release_object(release), output)


@connected
def watch(
    releases: Releases, name: NameArgument, namespace: NamespaceOption = None, release_id: IdOption = None
) -> None:
    """Follow one Release until it ends: weights, error rates of both arms, evidence.

    Example: headgate watch shop/web
    """
    where, which = target(name, releases, namespace)
    console = Console()
    with Live(console=console, auto_refresh=False, transient=False) as screen:
        for summary in releases.follow(where, which, release_id, FOREVER_S):
            if console.is_terminal:
                screen.update(live_view(summary, f"{where}/{which}", now()), refresh=True)
            elif summary is not None:
                typer.echo(f"{summary['phase']} {summary['weight']:g} % {summary['message']}")


@connected
def wait(
    releases: Releases,
    name: NameArgument,
    namespace: NamespaceOption = None,
    release_id: IdOption = None,
    timeout: Annotated[str, typer.Option(help="how long at most, as 30m")] = "30m",
    through_pauses: Annotated[
        bool, typer.Option("--through-pauses", help="wait on where a person is asked something")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Wait until a Release has ended. Exit code 0: promoted, 1: rolled back, 2: an error, 3: undecided.

    Undecided is what pauses for a person (unless --through-pauses), ends without a judgement, or takes longer.

    Example: headgate wait shop/web --release-id build-1841 --timeout 30m
    """
    where, which = target(name, releases, namespace)
    latest: dict[str, Any] | None = None
    told = ""
    for latest in releases.follow(where, which, release_id, seconds(timeout)):
        line = said(latest)
        if output is Output.TABLE and line != told:
            typer.echo(line, err=True)
            told = line
        if latest is not None and latest["question"] and not through_pauses:
            break
    outcome = outcome_of(latest)
    if output is Output.TABLE:
        typer.echo(f"{where}/{which}: {outcome.value}" + (f": {latest['message']}" if latest else ""))
    else:
        printed({"outcome": outcome.value, "release": latest}, output)
    raise typer.Exit(EXIT_CODES[outcome])


EXIT_CODES = {Outcome.PROMOTED: 0, Outcome.ROLLED_BACK: 1, Outcome.FAILED: 2, Outcome.UNDECIDED: 3}


@connected
def report(
    releases: Releases,
    name: NameArgument,
    namespace: NamespaceOption = None,
    release_id: IdOption = None,
    form: Annotated[ReportForm, typer.Option("--format", "-f", help="what kind of report")] = ReportForm.TEXT,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="file to write, not standard output")] = None,
) -> None:
    """Write the report of a Release: as a page, for a pull request's comment, for a program.

    Example: headgate report shop/web --format html --output report.html
    """
    release = releases.release(*target(name, releases, namespace), release_id)
    text = rendered(release, form, now())
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(text)
    except OSError as problem:
        raise HeadgateError(f"--output {output} cannot be written: {problem.strerror}") from problem
    typer.echo(output)


def rendered(release: Release, form: ReportForm, at: float) -> str:
    """The report as text of that form."""
    if form is ReportForm.TEXT:
        return to_text(release)
    if form is ReportForm.JSON:
        return json.dumps(to_json(release, at), indent=2, allow_nan=False)
    return {ReportForm.HTML: to_html, ReportForm.MARKDOWN: to_markdown, ReportForm.SVG: to_svg}[form](release, at)
