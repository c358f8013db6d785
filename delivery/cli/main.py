"""The `headgate` command."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from delivery.cli.asking import VERBS, asking, trigger
from delivery.cli.backtest import backtest
from delivery.cli.completion import completion
from delivery.cli.controller import controller
from delivery.cli.errors import Commands, fail
from delivery.cli.explain import explain
from delivery.cli.lint import lint
from delivery.cli.release_all import release_all
from delivery.cli.releases import get, list_releases, report, wait, watch
from delivery.cli.routes import app as routes
from delivery.resources.crds import write_definitions

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Progressive delivery for Kubernetes service meshes.",
)

COMMANDS = "headgate.commands"  # the entry-point group by which other packages add sub-commands


@app.command()
def crds(
    output: Annotated[Path, typer.Option(help="folder to write to")] = Path("manifests/crds"),
) -> None:
    """Write the CustomResourceDefinitions as YAML.

    Example: headgate crds --output manifests/crds
    """
    for path in write_definitions(output):
        typer.echo(path)


def _add_installed_commands() -> None:
    for found in entry_points(group=COMMANDS):
        try:
            app.add_typer(found.load(), name=found.name)
        except ImportError as missing:
            app.command(found.name, help=f"not available: {missing.name} is not installed")(_unavailable(found.name))


def _unavailable(name: str) -> Callable[[], None]:
    def explain() -> None:
        raise fail(f"'{name}' needs more packages: pip install 'headgate[{name}]'")

    return explain


app.command(name="list")(list_releases)
for _read in (get, watch, wait, report, trigger):
    app.command()(_read)
app.command()(lint)
app.command()(explain)
for _verb in VERBS:
    app.command(name=_verb)(asking(_verb))
app.command()(completion)
app.command()(controller)
app.command()(backtest)
app.command(name="release-all")(release_all)
app.add_typer(routes, name="routes")
_add_installed_commands()
