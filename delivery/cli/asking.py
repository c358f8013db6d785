"""Commands that ask for something: trigger, approve, promote, pause, resume, abort, retry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from delivery.cli.access import Releases, connected, target
from delivery.cli.output import Output, OutputOption, printed
from delivery.cli.releases import NameArgument, NamespaceOption
from delivery.intents.trigger import Wish
from delivery.resources.release import Verb

ReasonOption = Annotated[str, typer.Option("--reason", "-m", help="why, for the record")]
VERBS: dict[Verb, str] = {
    "approve": "Let a Release that is Paused leave its step.",
    "promote": "Roll the new version out now, without waiting for the rest of the evidence.",
    "pause": "Keep a Release at its weight.",
    "resume": "Go on with the step of a Release that is Paused.",
    "abort": "Withdraw the new version.",
    "retry": "Deliver a version again that was rolled back.",
}


@connected
def trigger(
    releases: Releases,
    deployment: Annotated[str, typer.Argument(metavar="NAMESPACE/DEPLOYMENT")],
    image: Annotated[str, typer.Option(help="with a fixed tag or a digest")],
    namespace: NamespaceOption = None,
    version: Annotated[str | None, typer.Option(help="the application's own; a label of the pods")] = None,
    release_id: Annotated[str | None, typer.Option(help="yours, to find the release again")] = None,
    container: Annotated[str | None, typer.Option(help="needed where the pod has several")] = None,
    policy: Annotated[str | None, typer.Option(help="where the Deployment has none yet")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="the same request, however often it is sent")] = None,
    reason: ReasonOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Give a Deployment a new image, which begins a Release.

    Example: headgate trigger shop/web --image registry.example/shop/web:1.4.0 --version 1.4.0 --release-id build-1841
    """
    where, name = target(deployment, releases, namespace)
    wish = Wish(image, container, version, release_id, policy, idempotency_key, reason=reason)
    done = releases.trigger(where, name, wish)
    if output is not Output.TABLE:
        said = {"releaseId": done.release_id, "changed": done.changed, "replayed": done.replayed}
        printed({"namespace": where, "deployment": name, **said}, output)
    elif done.replayed:
        typer.echo(f"{where}/{name}: release {done.release_id} was triggered before with this key; nothing was started")
    elif done.changed:
        typer.echo(f"{where}/{name}: release {done.release_id} triggered; follow it with: headgate wait {where}/{name}")
    else:
        typer.echo(f"{where}/{name}: it has this image already; nothing was started")


def asking(verb: Verb) -> Callable[..., None]:
    """The command that puts this verb on a Release."""

    @connected
    def command(
        releases: Releases, name: NameArgument, namespace: NamespaceOption = None, reason: ReasonOption = ""
    ) -> None:
        where, which = target(name, releases, namespace)
        asked = releases.ask(where, which, verb, reason)
        typer.echo(f"{where}/{asked}: {verb} asked; the controller answers")

    command.__doc__ = f'{VERBS[verb]}\n\nExample: headgate {verb} shop/web --reason "looked at the report"'
    return command
