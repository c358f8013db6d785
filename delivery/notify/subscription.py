"""Which news a channel gets."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from delivery.decision.recorded import recorded_policy
from delivery.notify.news import News, NewsKind, news_of
from delivery.resources.release import Release


@dataclass(frozen=True, slots=True)
class Subscription:
    """By kind, by namespace (None: all), and by what the Release's policy says."""

    channel: str
    kinds: frozenset[NewsKind] = frozenset(NewsKind)
    namespaces: frozenset[str] | None = None

    def news(self, release: Release, marks: Collection[float], since: float) -> tuple[News, ...]:
        """What the channel is still to be told, as `news_of` has it."""
        if self.namespaces is not None and release.namespace not in self.namespaces:
            return ()
        found = tuple(news for news in news_of(release, marks, since) if news.kind in self.kinds)
        return found if found and self._wanted(release) else ()

    def _wanted(self, release: Release) -> bool:
        named = recorded_policy(release).notifications.channels
        return named is None or self.channel in named


@dataclass(frozen=True, slots=True)
class Misdirected:
    """News of Releases whose policy names a channel that there is not: the first of each."""

    channels: frozenset[str]

    def news(self, release: Release, marks: Collection[float], since: float) -> tuple[News, ...]:
        """The first news, unless this was said already."""
        if marks:
            return ()
        found = news_of(release, marks, since)[:1]
        return found if found and self.unknown(release) else ()

    def unknown(self, release: Release) -> tuple[str, ...]:
        """The names that stand for no channel."""
        named = recorded_policy(release).notifications.channels or ()
        return tuple(name for name in dict.fromkeys(named) if name not in self.channels)
