"""`headgate explain`: what would happen if a Deployment were changed, before anybody changes it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from delivery.cli.access import Releases, connected, target
from delivery.cli.output import Output, OutputOption, difference, printed, show
from delivery.cli.releases import NamespaceOption
from delivery.cluster.client import Object
from delivery.cluster.kinds import DEPLOYMENT
from delivery.errors import HeadgateError, InvalidSpec
from delivery.intents.trigger import Wish, new_template
from delivery.reconcile.explaining import Change, Explanation, Happens, ReleasePlan
from delivery.report.wording import percent, span
from delivery.route_files.documents import is_of, parse

_STYLES = {Happens.REFUSED: "red", Happens.UNJUDGED: "yellow", Happens.NOTHING: "dim"}


@connected
def explain(
    releases: Releases,
    deployment: Annotated[str, typer.Argument(metavar="NAMESPACE/DEPLOYMENT")],
    namespace: NamespaceOption = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="manifests with the Deployment as it would be; - for stdin")
    ] = None,
    image: Annotated[str | None, typer.Option(help="the image it would get, with a fixed tag or a digest")] = None,
    container: Annotated[str | None, typer.Option(help="which gets the image, where the pod has several")] = None,
    version: Annotated[str | None, typer.Option(help="the application's own, as `headgate trigger` sets it")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell what would happen if a Deployment were changed: by an image, or by a manifest. Nothing is written.

    With neither, it tells about the Deployment as it is. The cluster tries the change out (a dry run), so your
    kubeconfig must allow you to update the Deployment.

    Example: headgate explain shop/web --image registry.example/shop/web:1.4.0
    """
    if file is not None and image is not None:
        raise HeadgateError("--file and --image: give one of them; a manifest names its images itself")
    where, name = target(deployment, releases, namespace)
    found = releases.explain(where, name, _change(file, image, container, version, f"{where}/{name}"))
    if output is Output.TABLE:
        show(_told(found, f"{where}/{name}"))
    else:
        printed({**asdict(found), "happens": found.happens.value}, output)


def _change(file: Path | None, image: str | None, container: str | None, version: str | None, which: str) -> Change:
    if file is not None:
        return _as_in(_deployment_of(file, which))
    if image is None:
        return lambda deployment: deployment
    wish = Wish(image, container, version)
    return lambda deployment: _with_template(deployment, new_template(deployment, wish))


def _as_in(manifest: Object) -> Change:
    """The manifest's template and annotations, on what else the cluster holds: as if it were applied."""

    def change(deployment: Object) -> Object:
        template = (manifest.get("spec") or {}).get("template")
        if not isinstance(template, dict):
            raise InvalidSpec(
                f"Deployment {manifest['metadata']['name']}: spec.template is missing; give the whole one"
            )
        annotations = {**_annotations(deployment), **_annotations(manifest)}
        changed = _with_template(deployment, template)
        return {**changed, "metadata": {**changed["metadata"], "annotations": annotations}}

    return change


def _with_template(deployment: Object, template: Mapping[str, Any]) -> Object:
    return {**deployment, "spec": {**deployment["spec"], "template": dict(template)}}


def _annotations(obj: Object) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def _deployment_of(file: Path, which: str) -> Object:
    """The Deployment of that name in the file. Raises HeadgateError."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as problem:
        raise HeadgateError(f"--file {file} cannot be read: {problem}") from problem
    namespace, _, name = which.partition("/")
    for obj in parse(text, str(file)):
        meta = obj["metadata"]
        if is_of(obj, DEPLOYMENT) and (meta.get("namespace") or namespace, meta["name"]) == (namespace, name):
            return obj
    raise InvalidSpec(f"--file {file}: no Deployment {which} in it; give the manifest that has it")


def _told(found: Explanation, which: str) -> RenderableType:
    says = Text.assemble((f"{which}: ", "bold"), Text(found.says, style=_STYLES.get(found.happens, "")))
    parts: list[RenderableType] = [says]
    changed = difference(yaml.safe_dump(found.before), yaml.safe_dump(found.after), "pod template")
    if changed and found.before:
        parts += [Text(""), Syntax(changed.rstrip(), "diff", theme="ansi_light", background_color="default")]
    if found.plan is not None:
        parts += [Text(""), _facts(found.plan), Text(""), _steps(found.plan)]
    return Group(*parts)


def _facts(plan: ReleasePlan) -> Table:
    table = Table.grid(padding=(0, 2))
    edited = ", ".join(plan.routes) or "one is made for the release, and taken away"
    rows = {
        "policy": plan.policy,
        "mesh": plan.mesh,
        "route": edited,
        "service": plan.service,
        "judged by": ", ".join(plan.metrics),
        "risk": f"a harmless version is rolled back in {percent(plan.wrong_rollback)} of releases at most, "
        f"a harmful one leaves a step in {percent(plan.wrong_advance)}",
        "undecided": f"{plan.on_inconclusive} when a step's time is up",
        "soonest": f"promoted after steps of {span(sum(step.at_least_s for step in plan.steps))} in all",
    }
    for name, value in rows.items():
        table.add_row(name, Text(value))
    return table


def _steps(plan: ReleasePlan) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("STEP", "SHARE", "CANARY PODS", "AT LEAST", "AT MOST", "GATE"):
        table.add_column(column)
    for number, step in enumerate(plan.steps, start=1):
        times = span(step.at_least_s), span(step.at_most_s)
        table.add_row(str(number), f"{step.weight:g} %", str(step.canary_pods), *times, step.gate or "")
    return table
