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
from delivery.route_files.documents import Documents, group_of, named, parse
from delivery.route_files.note import without_note
from delivery.route_files.plan import planned, restored
from delivery.route_files.texts import to_json, to_yaml
from delivery.route_files.wish import Wish
from mesh_adapters.adapter import CLUSTER_DOMAIN

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
    weight: Annotated[float, typer.Option(help="percent for the canary, from 0 to 100")],
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
    cluster_domain: Annotated[str, typer.Option(help="what fully qualified hosts end in")] = CLUSTER_DOMAIN,
    output: Annotated[Output, typer.Option("--output", "-o", help="how to write it")] = Output.YAML,
) -> None:
    """What would be written for the routes in FILE at this weight. Nothing is applied.

    Every edited object carries in an annotation what `headgate routes restore` needs to give it back.

    Example: headgate routes plan routes.yaml --service web --namespace shop --weight 5 -o diff
    """
    try:
        objects = _read(file)
        named_as = service if deployment is None else deployment
        wish = Wish(service, namespace, weight, named_as, policy_of(policy), stable_hash, cluster_domain)
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
    old, new = _by_key(before), _by_key(after)
    keys = list(dict.fromkeys((*old, *new)))
    names = [named((new.get(key) or old[key])[0]) for key in keys]

    def text(side: dict[tuple[str, str], Documents], key: tuple[str, str]) -> str:
        return to_yaml(without_note(each) for each in side.get(key, []))

    return "".join(
        difference(text(old, key), text(new, key), name if names.count(name) == 1 else f"{name} of {key[0]}")
        for key, name in zip(keys, names, strict=True)
    )


def _by_key(objects: Documents) -> dict[tuple[str, str], Documents]:
    """By group and name: kinds of two groups may have one name."""
    found: dict[tuple[str, str], Documents] = {}
    for obj in objects:
        found.setdefault((group_of(obj), named(obj)), []).append(obj)
    return found
