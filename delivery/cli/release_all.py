"""`headgate release-all`: give every adopted Deployment back before Headgate is removed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from delivery.cli.errors import fail
from delivery.cluster.client import Cluster, Object
from delivery.errors import HeadgateError
from delivery.reconcile.uninstall import Verdict, Wish, adopted, give_back, look, wait_for_end


def release_all(
    resume: Annotated[bool, typer.Option("--resume", help="unpause what has nothing pending")] = False,
    leave_paused: Annotated[bool, typer.Option("--leave-paused", help="only let go; everything stays paused")] = False,
    resume_pending: Annotated[
        bool, typer.Option("--resume-pending", help="with --resume: also roll out templates that were not judged")
    ] = False,
    kubeconfig: Annotated[Path | None, typer.Option(help="kubeconfig file; without it the pod's account")] = None,
    context: Annotated[str | None, typer.Option(help="context of the kubeconfig")] = None,
    namespace: Annotated[str | None, typer.Option(help="this namespace only")] = None,
    timeout: Annotated[float, typer.Option(min=0, help="seconds to wait for active Releases to end")] = 300.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be done")] = False,
) -> None:
    """Give every adopted Deployment back, before Headgate is removed.

    Active Releases are asked to end first, by the controller, which must still run. Exit code 1 where something is
    left for you to do.

    Example: headgate release-all --resume --kubeconfig ~/.kube/config --dry-run
    """
    if resume == leave_paused or (resume_pending and not resume):
        raise typer.BadParameter("choose one of --resume (which may go with --resume-pending) and --leave-paused")
    wish = Wish(resume, resume_pending)
    try:
        cluster = Cluster.connect(kubeconfig, context)
        verdicts = [_one(cluster, each, wish, timeout, dry_run=dry_run) for each in adopted(cluster, namespace)]
    except HeadgateError as problem:
        raise fail(problem) from problem
    _tell(verdicts, dry_run=dry_run)
    raise typer.Exit(1 if any(verdict.left for verdict in verdicts) else 0)


def _one(cluster: Cluster, deployment: Object, wish: Wish, timeout: float, *, dry_run: bool) -> Verdict:
    if dry_run:
        return look(cluster, deployment, wish)
    wait_for_end(cluster, deployment, timeout)
    meta = deployment["metadata"]
    return give_back(cluster, meta["namespace"], meta["name"], wish)


def _tell(verdicts: list[Verdict], *, dry_run: bool) -> None:
    console = Console(soft_wrap=True)
    if verdicts:
        table = Table("Deployment", "would be" if dry_run else "was", "why", box=None, pad_edge=False)
        for verdict in verdicts:
            mark = "[bold]" if verdict.left else ""
            table.add_row(f"{verdict.namespace}/{verdict.name}", f"{mark}{verdict.doing.value}", verdict.why)
        console.print(table)
    left = sum(verdict.left for verdict in verdicts)
    console.print(f"{len(verdicts)} adopted Deployments, {left} left for you to look after")
