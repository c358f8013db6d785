"""All channels: told of every version of every Release by the informer, and of every shard that is gained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from delivery.notify.channel import Channel, Leads, Surroundings, Warn
from delivery.notify.message import Message
from delivery.notify.subscription import Misdirected
from delivery.resources.release import Release

UNKNOWN_CHANNEL = "UnknownChannel"  # no channel's name: theirs are in lower case


class Notifier:
    """Keeps whoever tells it from waiting: each channel has its own thread, and a slow one holds up no other."""

    def __init__(self, channels: Iterable[Channel], around: Surroundings) -> None:
        self._channels = tuple(channels)
        self._all = (*self._channels, _misdirected(self._channels, around))

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """Attempts, by channel and by how they ended: delivered, retried, failed."""
        return {(each.name, outcome): count for each in self._channels for outcome, count in each.counts.items()}

    def told(self, name: tuple[str | None, str], release: Release | None) -> None:
        """A Release as it is now; None where it is gone. Sends nothing by itself."""
        for channel in self._all:
            channel.told((name[0] or "", name[1]), release)

    def gained(self) -> None:
        """This process leads more than before: what the last leader left untold is looked at."""
        for channel in self._all:
            channel.again()

    def start(self, leads: Leads) -> None:
        """Sends from now on, for the Deployments that this process leads."""
        for channel in self._all:
            channel.start(leads)

    def stop(self) -> None:
        """While this process still leads, so that what was delivered is marked so."""
        for channel in self._all:
            channel.stop()


class _Warning:
    """Says on the Release itself that its policy names a channel that there is not."""

    def __init__(self, misdirected: Misdirected, warn: Warn) -> None:
        self._misdirected = misdirected
        self._warn = warn

    def send(self, message: Message) -> None:
        release, there = message.release, ", ".join(sorted(self._misdirected.channels))
        unknown = ", ".join(self._misdirected.unknown(release))
        said = (
            f"policy {release.spec.policy_name}: spec.notifications.channels names {unknown}, which the controller's "
            f"--notifications file does not have; it has {there or 'none'}; correct the name or add the channel"
        )
        self._warn(release, UNKNOWN_CHANNEL, said)


def _misdirected(channels: Iterable[Channel], around: Surroundings) -> Channel:
    chooses = Misdirected(frozenset(channel.name for channel in channels))
    return Channel(UNKNOWN_CHANNEL, chooses, _Warning(chooses, around.warn), around)
