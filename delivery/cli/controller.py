"""`headgate controller`: everything that runs in the cluster, in one process."""

from __future__ import annotations

import math
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer

from delivery.cli.errors import fail
from delivery.cli.faces import Faces, Listening, address, tls_files
from delivery.cli.prometheus_access import AccessFile, access_of
from delivery.clock import WallClock
from delivery.cluster.client import Cluster
from delivery.cluster.credentials import own_namespace
from delivery.cluster.kinds import RELEASE
from delivery.errors import HeadgateError, Unavailable
from delivery.garbage import collect_rarely
from delivery.reconcile.runner import Controller
from delivery.settings import Settings
from delivery.telemetry.collector import Collector
from delivery.telemetry.prometheus import Prometheus
from mesh_adapters.meshes import meshes

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
    listen: Annotated[
        str | None, typer.Option(help="HOST:PORT of the API and the pages; port 0 takes a free one")
    ] = None,
    health_listen: Annotated[str | None, typer.Option(help="HOST:PORT of /healthz, /readyz and /metrics")] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file, for the API")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file, for the API")] = None,
) -> None:
    """Run the controller until it is told to stop (SIGTERM or Ctrl-C).

    Example: headgate controller --prometheus http://prometheus.monitoring:9090 --listen 0.0.0.0:8443
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
    faces = Faces(Listening(address(listen), address(health_listen), tls_files(tls_certificate, tls_key)))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        cluster = _connected(settings)
        source = _checked(Prometheus(access_of(prometheus, prometheus_access)))
        collector = Collector(source, settle=settings.settle_s)
        running = Controller(settings, cluster, meshes(), collector, WallClock(), faces.listeners)
        running.start()
        faces.start(cluster, lambda: running.waiting)
    except HeadgateError as problem:
        raise fail(problem) from problem
    collect_rarely()
    stopping.wait()
    faces.stop()
    running.stop()


def _connected(settings: Settings) -> Cluster:
    cluster = Cluster.connect(settings.kubeconfig, settings.context)
    try:
        cluster.ping()
    except Unavailable as problem:
        raise Unavailable(f"{problem}; is --kubeconfig that of the cluster you mean?") from problem
    if not cluster.serves(RELEASE):
        raise HeadgateError(f"API server {cluster.host} does not serve {RELEASE}; apply those of `headgate crds` first")
    return cluster


def _checked(source: Prometheus) -> Prometheus:
    try:
        source.check()
    except HeadgateError as problem:
        # Releases in flight need somebody to hold them, so this is no reason not to start.
        structlog.get_logger().warning("Prometheus unavailable; no release advances", problem=str(problem))
    return source
