"""`headgate backtest`: what would have been decided on recorded telemetry."""

from __future__ import annotations

import json
import math
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from delivery.backtest.json_lines import read_recordings
from delivery.backtest.policy_run import deeds
from delivery.backtest.prometheus_range import read_range
from delivery.backtest.recording import Recording
from delivery.backtest.replay import Outcome
from delivery.backtest.told import WORDS, judged, outcome_object
from delivery.cli.errors import fail
from delivery.cli.policy_file import policy_of
from delivery.errors import HeadgateError
from delivery.resources.policy import DeliveryPolicySpec
from delivery.telemetry.access import Access
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import Prometheus
from mesh_adapters.istio.series import ISTIO

TICKS_SHOWN = 40
HISTORY_S = 3600.0
RANGE_TIMEOUT_S = 60


def backtest(
    file: Annotated[str | None, typer.Option("--input", help="JSON lines, gzip or not; - for standard input")] = None,
    policy: Annotated[
        Path | None, typer.Option(help="YAML of a DeliveryPolicy, or of its spec; the default one if left out")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a release")] = False,
    all_ticks: Annotated[bool, typer.Option("--all-ticks", help=f"show every tick, not {TICKS_SHOWN} of them")] = False,
    prometheus: Annotated[str | None, typer.Option(help="read from this Prometheus instead of a file")] = None,
    workload: Annotated[str | None, typer.Option(help="NAMESPACE/NAME of the stable workload")] = None,
    canary: Annotated[str | None, typer.Option(help="name of the canary workload; NAME-canary if left out")] = None,
    start: Annotated[
        str | None, typer.Option(help="when the canary's traffic began: seconds since the epoch or ISO 8601")
    ] = None,
    end: Annotated[str | None, typer.Option(help="until when")] = None,
) -> None:
    """Judge recorded telemetry as the controller would have done.

    Example: headgate backtest --input recorded.jsonl --policy policy.yaml
    """
    try:
        chosen = policy_of(policy)
        recordings = (
            _from_prometheus(prometheus, workload, canary, start, end, chosen) if prometheus else _from_file(file)
        )
        outcomes = _judged(recordings, chosen, every_step=not as_json)
    except HeadgateError as problem:
        raise fail(problem) from problem
    if as_json:
        for outcome in outcomes:
            sys.stdout.write(json.dumps(outcome_object(outcome), allow_nan=False) + "\n")
        return
    console = Console()
    for outcome in outcomes:
        _show(console, outcome, chosen, all_ticks)


def _from_file(file: str | None) -> list[Recording]:
    if file is None:
        raise HeadgateError("nothing to judge: give --input FILE, or --prometheus URL with --workload and --start")
    if file != "-" and not Path(file).is_file():
        raise HeadgateError(f"input {file} cannot be read: no such file")
    size = None if file == "-" else Path(file).stat().st_size
    with _bar() as progress:
        task = progress.add_task("reading", total=size)
        return read_recordings(file, lambda consumed: progress.update(task, completed=consumed))


def _from_prometheus(
    url: str,
    workload: str | None,
    canary: str | None,
    start: str | None,
    end: str | None,
    policy: DeliveryPolicySpec,
) -> list[Recording]:
    namespace, _, name = (workload or "").partition("/")
    if not namespace or not name:
        raise HeadgateError(f"--workload {workload or ''!r} names no workload; write it like shop/cart")
    if start is None or end is None:
        raise HeadgateError("--prometheus needs --start and --end: seconds since the epoch or ISO 8601")
    since, until = _instant("--start", start), _instant("--end", end)
    if until <= since:
        raise HeadgateError(f"--end {end} is not later than --start {start}")
    need = Need(
        release=f"{namespace}/{name}",
        namespace=namespace,
        stable_name=name,
        canary_name=canary or f"{name}-canary",
        interval=policy.analysis.interval,
        data_through=since,
        latency=True,
    )
    return [read_range(Prometheus(Access(url, timeout_s=RANGE_TIMEOUT_S)), ISTIO, need, until, HISTORY_S)]


def _instant(option: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = datetime.fromisoformat(text).timestamp()
        except ValueError as problem:
            raise HeadgateError(f"{option} {text} is no instant; write 1763884800 or 2025-11-23T08:00:00Z") from problem
    if not math.isfinite(seconds):
        raise HeadgateError(f"{option} {text} is no instant")
    return seconds


def _judged(recordings: list[Recording], policy: DeliveryPolicySpec, *, every_step: bool) -> list[Outcome]:
    with _bar() as progress:
        task = progress.add_task("judging", total=len(recordings))
        return judged(
            recordings, policy, every_step=every_step, progress=lambda done: progress.update(task, completed=done)
        )


def _bar() -> Progress:
    """On standard error, and only where somebody watches it."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _show(console: Console, outcome: Outcome, policy: DeliveryPolicySpec, all_ticks: bool) -> None:
    judgement = outcome.judgement
    when = "by the end of the data" if outcome.decided_at is None else f"at {outcome.decided_at:g} s"
    console.print(f"[bold]{outcome.release or 'release'}: {WORDS[judgement.verdict]}[/] {when}")
    console.print(judgement.reason, highlight=False)
    for finding in (*judgement.quality, *outcome.notes):
        console.print(f"{finding.code}: {finding.message}", highlight=False)
    console.print(_course(outcome, policy, all_ticks))
    console.print("By the policy:")
    for deed in deeds(outcome, policy):
        console.print(f"  {deed.t:>10g} s  {deed.what}", highlight=False)
    console.print()


def _course(outcome: Outcome, policy: DeliveryPolicySpec, all_ticks: bool) -> Table:
    risk, (t, _) = policy.analysis.risk, outcome.course.joined()
    back, on = outcome.course.evidence()
    limits = math.log(1 / risk.wrong_rollback), math.log(1 / risk.wrong_advance)
    table = Table(title="evidence after each tick (natural logarithm)", title_justify="left")
    for name in ("t (s)", f"roll back (of {limits[0]:.2f})", f"advance (of {limits[1]:.2f})", "verdict"):
        table.add_column(name, justify="right")
    shown = np.arange(t.size) if all_ticks else np.unique(np.linspace(0, t.size - 1, TICKS_SHOWN).astype(int))
    for k in shown.tolist() if t.size else []:
        final = k == t.size - 1 and outcome.decided_at is not None
        verdict = WORDS[outcome.judgement.verdict] if final else "-"
        table.add_row(f"{t[k]:g}", f"{back[k]:.2f}", f"{on[k]:.2f}", verdict)
    return table
