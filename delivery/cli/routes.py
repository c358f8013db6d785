"""`headgate routes`: see an edit of route objects before anything makes it, and take it back."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from delivery.cli.errors import fail
from delivery.cli.output import difference
from delivery.cli.policy_file import policy_of
from delivery.errors import HeadgateError
from delivery.route_files.documents import Documents, named, parse, to_json, to_yaml
from delivery.route_files.plan import Wish, planned, restored, without_note

app = typer.Typer(no_args_is_help=True, help="See an edit of route objects in a file, and take it back.")


class Output(StrEnum):
    """How objects are written."""

    YAML = "yaml"
    DIFF = "diff"
    JSON = "json"


FILE = Annotated[Path, typer.Argument(help="YAML or JSON with the objects; - for standard input", show_default=False)]


@app.command()
def plan(
    file: FILE,
    service: Annotated[str, typer.Option(help="the Service whose traffic is split")],
    weight: Annotated[float, typer.Option(min=0, max=100, help="percent for the canary")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="of the Service, and of objects without one")] = (
        "default"
    ),
    deployment: Annotated[
        str | None, typer.Option(help="whose stable and canary; named as the Service if left out")
    ] = (None),
    policy: Annotated[Path | None, typer.Option(help="a DeliveryPolicy: its mesh, match, mirror and the like")] = None,
    stable_hash: Annotated[
        str, typer.Option(help="pod-template-hash of the stable pods, for a DestinationRule's subset")
    ] = "stable",
    output: Annotated[Output, typer.Option("--output", "-o", help="how to write it")] = Output.YAML,
) -> None:
    """What would be written for the routes in FILE at this weight. Nothing is applied.

    Every edited object carries in an annotation what `headgate routes restore` needs to give it back.

    Example: headgate routes plan routes.yaml --service web --namespace shop --weight 5 -o diff
    """
    try:
        objects = _read(file)
        wish = Wish(service, namespace, weight, deployment or service, policy_of(policy), stable_hash)
        done = planned(objects, wish)
        if len(done) > len(objects):
            typer.echo(
                f"headgate: no route in {file} carries Service {namespace}/{service}; {named(done[-1])} would be made",
                err=True,
            )
        _write(objects, done, output)
    except HeadgateError as problem:
        raise fail(problem) from problem


@app.command()
def restore(
    file: FILE,
    output: Annotated[Output, typer.Option("--output", "-o", help="how to write it")] = Output.YAML,
) -> None:
    """The objects as they were before `headgate routes plan`.

    Example: headgate routes restore planned.yaml
    """
    try:
        objects = _read(file)
        _write(objects, restored(objects), output)
    except HeadgateError as problem:
        raise fail(problem) from problem


def _read(file: Path) -> Documents:
    if str(file) == "-":
        return parse(sys.stdin.read(), "standard input")
    try:
        return parse(file.read_text(), str(file))
    except (OSError, UnicodeDecodeError) as problem:
        raise HeadgateError(f"{file}: cannot be read: {problem}") from problem


def _write(before: Documents, after: Documents, output: Output) -> None:
    if output is Output.DIFF:
        typer.echo(_difference(before, after), nl=False)
    else:
        typer.echo(to_json(after) if output is Output.JSON else to_yaml(after), nl=False)


def _difference(before: Documents, after: Documents) -> str:
    """A unified diff of each object that changes; one that is made or taken away is on one side only."""
    old, new = {named(obj): [obj] for obj in before}, {named(obj): [obj] for obj in after}

    def text(side: dict[str, Documents], name: str) -> str:
        return to_yaml(without_note(each) for each in side.get(name, []))

    return "".join(difference(text(old, name), text(new, name), name) for name in dict.fromkeys((*old, *new)))
