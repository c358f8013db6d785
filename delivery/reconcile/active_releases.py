"""The Releases that have not ended, and which of them edits what."""

from __future__ import annotations

from collections.abc import Iterator

from delivery.cluster.kinds import DESTINATION_RULE, Kind
from delivery.resources.release import Release

Name = tuple[str | None, str]
Edited = tuple[str, str, str, str]
"""Group, kind, namespace and name of a route, or of the DestinationRule that has the subsets."""


class ActiveReleases:
    """By name, and by what they edit: a fleet has as many routes as releases, so nobody may look through all of these
    for each of those. Told by one thread, read by any.
    """

    def __init__(self) -> None:
        self._releases: dict[Name, Release] = {}
        self._editing: dict[Edited, tuple[Name, ...]] = {}

    def heard(self, name: Name, release: Release | None) -> Release | None:
        """Keeps it where it has not ended; gives what was kept before."""
        former = self._releases.get(name)
        kept = release if release is not None and release.active else None
        if kept is not None:
            self._releases[name] = kept  # never gone in between: who reads would take it for ended
        else:
            self._releases.pop(name, None)
        before, after = set(_edited(former)), set(_edited(kept))
        for edited in after - before:
            self._editing[edited] = (*self._editing.get(edited, ()), name)
        for edited in before - after:
            others = tuple(each for each in self._editing[edited] if each != name)
            if others:  # nor are these, while their route is edited
                self._editing[edited] = others
            else:
                del self._editing[edited]
        return former

    def all(self) -> list[Release]:
        """As last heard of."""
        return list(self._releases.copy().values())  # copied at once: whoever tells goes on

    def editing(self, kind: Kind, namespace: str, name: str) -> list[Release]:
        """Those that split this route, or by subsets of this DestinationRule."""
        named = self._editing.get((kind.group, kind.name, namespace, name), ())
        return [release for each in named if (release := self._releases.get(each))]


def _edited(release: Release | None) -> Iterator[Edited]:
    if release is None:
        return
    for route in release.status.routes:
        yield route.group, route.kind, route.namespace, route.name
    subsets = release.status.subsets
    if subsets:
        yield DESTINATION_RULE.group, DESTINATION_RULE.name, subsets.namespace, subsets.name
