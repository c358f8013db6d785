"""The `headgate` command."""

from __future__ import annotations

import math
import signal
import sys
import threading
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer

from delivery.cli.backtest import backtest
from delivery.cli.errors import fail
from delivery.cli.prometheus_access import AccessFile, access_of
from delivery.cli.release_all import release_all
from delivery.cli.routes import app as routes
from delivery.clock import WallClock
from delivery.cluster.client import Cluster
from delivery.cluster.credentials import own_namespace
from delivery.cluster.kinds import RELEASE
from delivery.errors import HeadgateError, Unavailable
from delivery.garbage import collect_rarely
from delivery.reconcile.runner import Controller
from delivery.resources.crds import write_definitions
from delivery.settings import Settings
from delivery.telemetry.collector import Collector
from delivery.telemetry.prometheus import Prometheus
from mesh_adapters.meshes import meshes

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Progressive delivery for Kubernetes service meshes.",
)

COMMANDS = "headgate.commands"  # the entry-point group by which other packages add sub-commands

Kubeconfig = Annotated[Path | None, typer.Option(help="kubeconfig file; without it the pod's service account")]
Context = Annotated[str | None, typer.Option(help="context of the kubeconfig")]


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not set(text) & set(" \t")
    except ValueError:  # a port that is no number, a bracket that is not closed
        usable = False
    if not usable:
        raise typer.BadParameter(f"{text!r} is no address; write it like http://prometheus.monitoring:9090")
    return text


def _finite(seconds: float) -> float:
    if not math.isfinite(seconds):
        raise typer.BadParameter(f"{seconds} is no number of seconds")
    return seconds


@app.command()
def controller(
    prometheus: Annotated[str, typer.Option(help="base URL of a Prometheus-compatible API", callback=_url)],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Annotated[str | None, typer.Option(help="watch this namespace only")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="passes at the same time")] = 4,
    leader_election: Annotated[
        bool, typer.Option(help="write only while holding a Lease; without, run one process only")
    ] = True,
    lease_namespace: Annotated[
        str | None, typer.Option(help="namespace of the Leases; by default the pod's own, else 'default'")
    ] = None,
    shards: Annotated[int, typer.Option(min=1, max=64, help="Leases among which replicas share the Deployments")] = 1,
    settle: Annotated[
        float, typer.Option(min=0, help="seconds until an instant has been scraped", callback=_finite)
    ] = 1.0,
    prometheus_access: AccessFile = None,
) -> None:
    """Run the controller until it is told to stop (SIGTERM or Ctrl-C).

    Example: headgate controller --prometheus http://prometheus.monitoring:9090
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    leases = (lease_namespace or own_namespace()) if leader_election else None
    settings = Settings(prometheus, kubeconfig, context, namespace, workers, settle, leases, shards)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        running = _controller(settings, Prometheus(access_of(prometheus, prometheus_access)))
        running.start()
    except HeadgateError as problem:
        raise fail(problem) from problem
    collect_rarely()
    stopping.wait()
    running.stop()


@app.command()
def crds(
    output: Annotated[Path, typer.Option(help="folder to write to")] = Path("manifests/crds"),
) -> None:
    """Write the CustomResourceDefinitions as YAML."""
    for path in write_definitions(output):
        typer.echo(path)


def _controller(settings: Settings, source: Prometheus) -> Controller:
    cluster = Cluster.connect(settings.kubeconfig, settings.context)
    try:
        cluster.ping()
    except Unavailable as problem:
        raise Unavailable(f"{problem}; is --kubeconfig that of the cluster you mean?") from problem
    if not cluster.serves(RELEASE):
        raise HeadgateError(f"API server {cluster.host} does not serve {RELEASE}; apply those of `headgate crds` first")
    try:
        source.check()
    except HeadgateError as problem:
        # Releases in flight need somebody to hold them, so this is no reason not to start.
        structlog.get_logger().warning("Prometheus unavailable; no release advances", problem=str(problem))
    return Controller(settings, cluster, meshes(), Collector(source, settle=settings.settle_s), WallClock())


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


app.command()(backtest)
app.command(name="release-all")(release_all)
app.add_typer(routes, name="routes")
_add_installed_commands()
