"""How a command reaches Releases: through the API, or straight through the cluster with the user's own rights."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, Protocol, get_type_hints

import typer

from delivery.cli.errors import fail
from delivery.cli.via_api import ViaApi
from delivery.cli.via_cluster import ViaCluster
from delivery.errors import HeadgateError
from delivery.intents.trigger import Triggered, Wish
from delivery.reconcile.explaining import Change, Explanation
from delivery.resources.release import Release, Verb

Summary = dict[str, Any]
"""The fields of the API's ReleaseSummary."""
Given = ParamSpec("Given")
ERROR = 2  # an exit code of its own: 1 says that a version was rolled back


class Releases(Protocol):
    """What commands do with Releases. Every method raises HeadgateError with a sentence for the user."""

    def listed(self, namespace: str | None) -> list[Summary]: ...

    def release(self, namespace: str, name: str, release_id: str | None) -> Release: ...

    def follow(self, namespace: str, name: str, release_id: str | None, timeout: float) -> Iterator[Summary | None]:
        """The Release as it is, and as it changes; None while there is none. Ends when it has or the time is up."""

    def ask(self, namespace: str, name: str, verb: Verb, reason: str) -> str:
        """Returns the name of the Release that was asked."""

    def trigger(self, namespace: str, deployment: str, wish: Wish) -> Triggered: ...

    def explain(self, namespace: str, deployment: str, change: Change) -> Explanation: ...

    def own_namespace(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Connection:
    """Where to go and as whom."""

    api: str | None
    token_file: Path | None
    ca_file: Path | None
    kubeconfig: Path | None
    context: str | None

    def open(self) -> AbstractContextManager[Releases]:
        """Raises InvalidSpec where it cannot be read, Refused where there is no token."""
        if self.api is not None:
            return ViaApi.open(self.api, _token(self.token_file), self.ca_file)
        return ViaCluster.open(self.kubeconfig or _usual_kubeconfig(), self.context)


_Options = {
    "api": (
        Annotated[
            str | None,
            typer.Option(envvar="HEADGATE_API", help="base URL of the controller's API; else the cluster itself"),
        ],
        None,
    ),
    "token_file": (
        Annotated[Path | None, typer.Option(help="file with the token for --api; else HEADGATE_TOKEN holds it")],
        None,
    ),
    "ca_file": (Annotated[Path | None, typer.Option(help="PEM file of the authority behind --api")], None),
    "kubeconfig": (
        Annotated[Path | None, typer.Option(help="by default that of KUBECONFIG, else ~/.kube/config, else the pod's")],
        None,
    ),
    "context": (Annotated[str | None, typer.Option(help="context of the kubeconfig")], None),
}


def connected(command: Callable[Concatenate[Releases, Given], None]) -> Callable[..., None]:
    """A command whose first parameter is the way to Releases: its options are the ones above, its errors one line."""
    hints = get_type_hints(command, include_extras=True)
    own = list(inspect.signature(command).parameters.values())[1:]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        connection = Connection(**{name: given.pop(name) for name in _Options})
        try:
            with connection.open() as releases:
                command(releases, **given)  # type: ignore[call-arg]  # typer gives what the signature names
        except HeadgateError as problem:
            raise fail(problem, ERROR) from problem
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in _Options.items()
    ]
    mine = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[each.name]) for each in own]
    run.__signature__ = inspect.Signature([*mine, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in (*mine, *added)}
    return run


def target(text: str, releases: Releases, namespace: str | None) -> tuple[str, str]:
    """NAMESPACE/NAME, or NAME in the namespace given or in the kubeconfig's."""
    named, slash, name = text.partition("/")
    if not slash:
        return namespace or releases.own_namespace(), text
    if not named or not name or "/" in name or namespace not in {None, named}:
        raise HeadgateError(f"{text!r} names no release; write NAMESPACE/NAME, or NAME with --namespace")
    return named, name


def _token(file: Path | None) -> str:
    if file is None:
        return os.environ.get("HEADGATE_TOKEN", "")
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise HeadgateError(f"--token-file {file} cannot be read: {problem}") from problem


def _usual_kubeconfig() -> Path | None:
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    path = Path(named) if named else Path.home() / ".kube" / "config"
    return path if named or path.is_file() else None
