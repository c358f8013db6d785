"""One channel: a thread that sends what it owes, in order, until the other end has it or patience ends."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog
from pydantic import ValidationError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
    wait_exponential_jitter,
)

from delivery.clock import Clock
from delivery.cluster.client import Cluster
from delivery.cluster.kinds import RELEASE
from delivery.errors import HeadgateError, Retry
from delivery.notify.backlog import Backlog, Key, Owed
from delivery.notify.bookmarks import Bookmarks
from delivery.notify.message import Message, message_of
from delivery.notify.news import ANNOUNCED_FOR_S, News
from delivery.notify.sending import Sender
from delivery.resources.duration import format_duration
from delivery.resources.release import Release, release_from_object

Leads = Callable[[str, str], bool]
"""Whether this process may write for the Deployment of that namespace and name."""
Warn = Callable[[Release, str, str], None]
"""Writes a Warning Event on the Release: its reason and its message."""
NOT_DELIVERED = "NotificationFailed"
STOP_S = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: the first wait, the longest one (the receiver may ask for it), and until a message is given up."""

    first_s: float = 1.0
    longest_s: float = 60.0
    give_up_s: float = 600.0
    again_s: float = 5.0
    """Until the API server is asked again after it failed."""

    def between(self, state: RetryCallState) -> float:
        """Seconds after the attempt that `state` tells of."""
        problem = state.outcome.exception() if state.outcome else None
        told = problem.after if isinstance(problem, Retry) else None
        backing_off = wait_exponential_jitter(multiplier=self.first_s, max=self.longest_s, jitter=self.first_s)
        return backing_off(state) if told is None else min(max(told, self.first_s), self.longest_s)


class NotOurs(Exception):
    """Another process leads now, and what is left to tell is its own."""


class Chooses(Protocol):
    """What of a Release a channel is to be told."""

    def news(self, release: Release, marks: Collection[float], since: float) -> tuple[News, ...]: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all channels have in common. `link` is the base URL of the pages, or ""."""

    cluster: Cluster
    clock: Clock
    warn: Warn
    link: str = ""
    patience: Patience = Patience()


class Channel:
    """`told` may be called from any thread and never waits; all else is done by the channel's own thread."""

    def __init__(self, name: str, chooses: Chooses, sender: Sender, around: Surroundings) -> None:
        self.name = name
        self._chooses = chooses
        self._sender = sender
        self._around = around
        self._backlog = Backlog(name)
        self._bookmarks = Bookmarks(around.cluster, name)
        self._leads: Leads = lambda _namespace, _name: False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"notify-{name}", daemon=True)
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> Mapping[str, int]:
        """Attempts, by how they ended: delivered, retried, failed."""
        return self._counts.copy()

    @property
    def waiting(self) -> int:
        """Releases with something to tell."""
        return len(self._backlog)

    def start(self, leads: Leads) -> None:
        """Sends from now on, for what this process leads."""
        self._leads = leads
        self._backlog.again()
        self._thread.start()

    def stop(self) -> None:
        """Ends soon: what is not delivered yet is for whoever leads next."""
        self._stopping.set()
        self._backlog.close()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def again(self) -> None:
        """This process leads more than before."""
        self._backlog.again()

    def told(self, key: Key, release: Release | None) -> None:
        """A Release as it is now; None where it is gone."""
        if release is None:
            self._backlog.drop(key, gone=True)
            return
        now = self._around.clock.now()
        if self._news(release, now):
            leaving = release.deleting and release.status.phase.final
            self._backlog.add(key, Owed(release.spec.deployment, now, release if leaving else None))
        else:
            self._backlog.drop(key)

    def _news(self, release: Release, now: float) -> tuple[News, ...]:
        return self._chooses.news(release, self._bookmarks.marks(release), now - ANNOUNCED_FOR_S)

    def _run(self) -> None:
        while (taken := self._backlog.take()) is not None:
            key, owed = taken
            try:
                self._tell(key, owed)
            except NotOurs:
                self._put_aside(key, owed)
            except HeadgateError as problem:
                log.warning("cannot tell yet", channel=self.name, release="/".join(key), problem=str(problem))
                self._stopping.wait(self._around.patience.again_s)
                self._backlog.add(key, owed)
            except Exception:  # one Release of a shape nobody foresaw must not end the channel
                log.exception("not told by a defect", channel=self.name, release="/".join(key))

    def _put_aside(self, key: Key, owed: Owed) -> None:
        self._backlog.put_aside(key, owed)
        if self._leads(key[0], owed.deployment) and not self._stopping.is_set():
            self._backlog.add(key, owed)  # gained after it was asked, and made ready before it was put aside

    def _tell(self, key: Key, owed: Owed) -> None:
        self._require_lead(key[0], owed.deployment)
        # Read anew: what the last leader told of may not have been heard here yet.
        release = self._read(key) or owed.kept
        if release is None:
            return
        for news in self._news(release, owed.since):
            self._send(message_of(news, release, self._around.link))
            self._bookmarks.remember(release, news.line.at)
            if self._leads(release.namespace, release.spec.deployment):
                self._bookmarks.write(release, news.line.at)

    def _read(self, key: Key) -> Release | None:
        found = self._around.cluster.find(RELEASE, key[1], key[0])
        try:
            return release_from_object(found) if found else None
        except ValidationError:
            return None  # its own pass says so

    def _require_lead(self, namespace: str, deployment: str) -> None:
        if self._stopping.is_set() or not self._leads(namespace, deployment):
            raise NotOurs

    def _send(self, message: Message) -> None:
        """Returns once it is delivered or given up. Raises NotOurs."""
        patience = self._around.patience
        retrying = Retrying(
            retry=retry_if_exception_type(Retry),
            wait=patience.between,
            stop=stop_any(stop_after_delay(patience.give_up_s), stop_when_event_set(self._stopping)),
            sleep=sleep_using_event(self._stopping),
            before_sleep=lambda state: self._failed_once(message, state),
            reraise=True,
        )
        try:
            retrying(self._attempt, message)
        except HeadgateError as problem:
            self._require_lead(message.release.namespace, message.release.spec.deployment)
            self._give_up(message, problem)
        else:
            self._counts["delivered"] += 1
            log.info("told", channel=self.name, release=message.release.key, news=message.kind.value)

    def _attempt(self, message: Message) -> None:
        self._require_lead(message.release.namespace, message.release.spec.deployment)
        self._sender.send(message)

    def _failed_once(self, message: Message, state: RetryCallState) -> None:
        problem = state.outcome.exception() if state.outcome else None
        self._counts["retried"] += 1
        log.warning("not told yet", channel=self.name, release=message.release.key, problem=str(problem))

    def _give_up(self, message: Message, problem: HeadgateError) -> None:
        self._counts["failed"] += 1
        tried = f" within {format_duration(self._around.patience.give_up_s)}" if isinstance(problem, Retry) else ""
        said = f"channel {self.name} was not told that the release is {message.kind.value}{tried}: {problem}"
        log.error("given up", channel=self.name, release=message.release.key, problem=str(problem))
        self._around.warn(message.release, NOT_DELIVERED, said)
