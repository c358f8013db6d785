"""The controller's notifications, from its file of channels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delivery.clock import Clock
from delivery.cluster.client import Cluster
from delivery.cluster.kinds import RELEASE
from delivery.notify.channel import Channel, Surroundings
from delivery.notify.configuration import Configured
from delivery.notify.notifier import Notifier
from delivery.reconcile.events import Events
from delivery.resources.release import Release

NotificationsFile = Annotated[
    Path | None, typer.Option("--notifications", help="YAML: who is told of releases; link, channels")
]


def notifier_of(wanted: Configured, cluster: Cluster, clock: Clock) -> Notifier:
    """Those channels. Where there are none it still warns of a policy that names some."""
    events = Events(cluster, clock)  # of its own: what the passes said last is theirs to know

    def warn(release: Release, reason: str, message: str) -> None:
        meta = {"name": release.name, "namespace": release.namespace, "uid": release.uid}
        events.announce(RELEASE, {"metadata": meta}, reason, message, warning=True)

    around = Surroundings(cluster, clock, warn, wanted.link)
    channels = [Channel(given.channel, given, sender, around) for given, sender in wanted.senders]
    return Notifier(channels, around)
