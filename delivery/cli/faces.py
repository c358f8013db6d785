"""The controller's faces to the outside: the API with its pages, probes and metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
import typer
from prometheus_client import CollectorRegistry

from delivery.api.app import health_app
from delivery.api.metrics import Figures, Moves, Told
from delivery.api.process import ApiProcess
from delivery.api.server import Server, Tls, bound
from delivery.cluster.client import Cluster
from delivery.reconcile.active_releases import Name
from delivery.reconcile.watching import OnRelease
from delivery.resources.release import Release
from delivery.settings import Settings

log = structlog.get_logger()
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the API is, and where probes and metrics are; None where they are not."""

    api: Address | None = None
    health: Address | None = None
    tls: Tls | None = None


def address(text: str | None) -> Address | None:
    """HOST:PORT, as an option's text. Raises typer.BadParameter."""
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise typer.BadParameter(f"{text!r} is no address to listen at; write it like 0.0.0.0:8443 or 127.0.0.1:0")
    return host.strip("[]"), int(port)


def tls_files(certificate: Path | None, key: Path | None) -> Tls | None:
    """Raises typer.BadParameter where one is missing."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise typer.BadParameter("TLS needs both --tls-certificate and --tls-key")
    for path in (certificate, key):
        if not path.is_file():
            raise typer.BadParameter(f"{path}: no such file")
    return Tls(certificate, key)


class Faces:
    """Nothing is kept or served where no address is given."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._registry = CollectorRegistry()
        self._moves = Moves(self._registry)
        self._api: ApiProcess | None = None
        self._health: Server | None = None
        self._complete = False

    @property
    def listeners(self) -> tuple[OnRelease, ...]:
        """Whom the controller tells of every version of every Release."""
        return (self._told,) if self._listening.health is not None else ()

    def answer_probes(self, cluster: Cluster, waiting: Callable[[], int], told: Callable[[], Told]) -> None:
        """From now on, that the process lives; that it is ready once `serve` is through. Raises HeadgateError."""
        if self._listening.health is not None:
            self._registry.register(Figures(self._moves, waiting, lambda: cluster.calls, told))
            listener = bound(*self._listening.health, option="--health-listen")
            self._health = Server(health_app(self._registry, self._ready), listener)
            self._health.start()
            log.info("listening", what="health", url=self._health.url)

    def serve(self, settings: Settings) -> None:
        """Once the controller knows every Release. Raises HeadgateError."""
        if self._listening.api is not None:
            self._api = ApiProcess(*self._listening.api, settings, self._listening.tls)
            self._api.start()
            log.info("listening", what="api", url=self._api.url)
        self._complete = True

    def stop(self) -> None:
        for each in (self._api, self._health):
            if each is not None:
                each.stop()

    def _ready(self) -> bool:
        return self._complete and (self._api is None or self._api.serving)

    def _told(self, name: Name, release: Release | None) -> None:
        self._moves.told(name[0] or "", name[1], release)
