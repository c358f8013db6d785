"""`headgate controller`: everything that runs in the cluster, in one process."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer

from delivery.cli.errors import fail
from delivery.cli.faces import Faces, Listening, address, tls_files
from delivery.cli.notifying import NotificationsFile, notifier_of
from delivery.cli.prometheus_access import AccessFile, access_of
from delivery.clock import WallClock
from delivery.cluster.client import Cluster
from delivery.cluster.credentials import own_namespace
from delivery.cluster.kinds import RELEASE
from delivery.errors import HeadgateError, Unavailable
from delivery.garbage import collect_rarely
from delivery.log import log_as_json
from delivery.notify.configuration import Configured, configured
from delivery.reconcile.runner import Controller
from delivery.settings import Settings
from delivery.telemetry.collector import Collector
from delivery.telemetry.prometheus import Prometheus
from delivery.telemetry.reasons import without_credentials
from mesh_adapters.adapter import CLUSTER_DOMAIN
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
        told = without_credentials(text)
        raise typer.BadParameter(f"{told!r} is no address; write it like http://prometheus.monitoring:9090")
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
    cluster_domain: Annotated[str, typer.Option(help="what fully qualified names of Services end in")] = CLUSTER_DOMAIN,
    settle: Annotated[
        float, typer.Option(min=0, help="seconds until an instant has been scraped", callback=_finite)
    ] = 1.0,
    prometheus_access: AccessFile = None,
    notifications: NotificationsFile = None,
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
    log_as_json()
    leases = (lease_namespace or own_namespace()) if leader_election else None
    settings = Settings(prometheus, kubeconfig, context, namespace, workers, settle, leases, shards, cluster_domain)
    faces = Faces(Listening(address(listen), address(health_listen), tls_files(tls_certificate, tls_key)))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        stop = _start(settings, prometheus_access, notifications, faces)
    except HeadgateError as problem:
        raise fail(problem) from problem
    collect_rarely()
    stopping.wait()
    stop()


def _start(settings: Settings, access: Path | None, notifications: Path | None, faces: Faces) -> Callable[[], None]:
    """Starts everything; gives what stops it. Raises HeadgateError."""
    clock, source = WallClock(), Prometheus(access_of(settings.prometheus_url, access))
    wanted = configured(notifications, clock) if notifications else Configured()
    cluster = _connected(settings)
    collector = Collector(_checked(source), settle=settings.settle_s)
    notifier = notifier_of(wanted, cluster, clock)
    listeners = (*faces.listeners, notifier.told)
    running = Controller(
        settings, cluster, meshes(settings.cluster_domain), collector, clock, listeners, (notifier.gained,)
    )
    # First: until the lists have come and the API answers, the kubelet must not take the process for dead.
    faces.answer_probes(cluster, lambda: running.waiting, lambda: notifier.counts)
    running.start()
    notifier.start(running.leads)
    faces.serve(settings)

    def stop() -> None:
        faces.stop()
        notifier.stop()  # while this process leads: what was delivered is yet to be marked so
        running.stop()

    return stop


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
