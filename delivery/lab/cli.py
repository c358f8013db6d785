"""`headgate lab`: a release on one machine, all parts real."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from delivery.cli.errors import fail
from delivery.errors import HeadgateError
from delivery.lab.demo import show_demo
from delivery.lab.laboratory import assets_from_environment, laboratory
from delivery.lab.progress import Narrator
from delivery.lab.readiness import token_of
from delivery.lab.run import run_scenario
from delivery.lab.scenario import load, resolve, shipped
from delivery.lab.shop_routes import MeshName

ABOUT = "Releases in a lab on this machine: real Envoy, real Prometheus, no cluster."
app = typer.Typer(no_args_is_help=True)

TERMINATED = 128 + signal.SIGTERM

Embedded = Annotated[
    bool, typer.Option("--embedded", help="the embedded API server, even if KUBEBUILDER_ASSETS is set")
]


@app.callback(help=ABOUT)
def end_in_order() -> None:
    """Being told to stop is a way to end like any other: every part is stopped and every folder removed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))


@app.command()
def demo(
    embedded: Embedded = False,
    mesh: Annotated[MeshName, typer.Option(help="whose routes and metrics the shop has")] = MeshName.ISTIO,
) -> None:
    """Release a good version and a bad one, and show what was seen and decided.

    Example: headgate lab demo --mesh linkerd
    """
    try:
        ok = show_demo(_assets(embedded), Console(), mesh)
    except HeadgateError as problem:
        raise fail(problem) from problem
    raise typer.Exit(0 if ok else 1)


@app.command()
def run(
    file: Annotated[str, typer.Argument(help="scenario file, or the name of a shipped one (see `headgate lab list`)")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
    embedded: Embedded = False,
    mesh: Annotated[MeshName, typer.Option(help="whose routes and metrics the shop has")] = MeshName.ISTIO,
    keep: Annotated[Path | None, typer.Option(help="keep logs and configuration in this (new) folder")] = None,
) -> None:
    """Run one scenario and say what came of it.

    Example: headgate lab run errors --keep errors-lab
    """
    try:
        scenario = load(resolve(file))
        if keep is not None:
            keep.mkdir(parents=True)
        narrator = Narrator(Console(stderr=True), scenario)
        outcome = run_scenario(scenario, _assets(embedded), narrator, keep, mesh)
    except FileExistsError as problem:
        raise fail(f"--keep {keep}: exists already; name a new folder") from problem
    except HeadgateError as problem:
        raise fail(problem) from problem
    if as_json:
        typer.echo(json.dumps(outcome.to_json()))
    else:
        narrator.tell(outcome)


@app.command("list")
def list_scenarios() -> None:
    """The scenarios that come with the lab.

    Example: headgate lab list
    """
    for name, path in sorted(shipped().items()):
        typer.echo(f"{name:16} {path.read_text().splitlines()[0].lstrip('# ')}")


@app.command()
def up(
    kubeconfig: Annotated[Path, typer.Option(help="where to write the lab's kubeconfig")] = Path("lab.kubeconfig"),
    embedded: Embedded = False,
) -> None:
    """Start a lab, without an application, and keep it until Ctrl-C.

    Example: headgate lab up
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        with laboratory(_assets(embedded)) as lab:
            kubeconfig.touch(mode=0o600)
            kubeconfig.write_text(lab.plane.kubeconfig.read_text())
            typer.echo(f"control plane  {lab.plane.url} ({lab.plane.name}), kubeconfig in {kubeconfig}")
            typer.echo(f"mesh           {lab.envoy.url} (the Service's name as Host)")
            typer.echo(f"prometheus     {lab.prometheus.url}")
            typer.echo(f"API and pages  {lab.api_url} (token: {token_of(lab.plane.kubeconfig)})")
            typer.echo(f"metrics        {lab.health_url}/metrics")
            typer.echo("Ctrl-C ends it")
            stopping.wait()
    except HeadgateError as problem:
        raise fail(problem) from problem
    finally:
        kubeconfig.unlink(missing_ok=True)


def _assets(embedded: bool) -> Path | None:
    return None if embedded else assets_from_environment()
