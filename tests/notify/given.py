"""Releases with a history, and a world in which channels are told of them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from delivery.clock import Clock
from delivery.cluster.kinds import RELEASE, Kind
from delivery.errors import NotFound
from delivery.notify.channel import Channel, Leads, Patience, Surroundings
from delivery.notify.message import Message, message_of
from delivery.notify.news import news_of
from delivery.notify.notifier import Notifier
from delivery.notify.sending import Sender
from delivery.notify.subscription import Subscription
from delivery.resources.release import (
    Phase,
    Release,
    Transition,
    release_from_object,
    spec_object,
    status_object,
)
from tests.conditions import eventually
from tests.decision import given
from tests.reconcile.memory_cluster import MemoryCluster, Object

NOW = given.NOW
QUICK = Patience(first_s=0.01, longest_s=0.05, give_up_s=60, again_s=0.01)
STORY = (
    (Phase.PREPARING, "Started"),
    (Phase.SHIFTING, "CanaryReady"),
    (Phase.PAUSED, "AwaitingApproval"),
    (Phase.SHIFTING, "Resumed"),
    (Phase.PROMOTING, "Healthy"),
    (Phase.SUCCEEDED, "Promoted"),
)


def lines(*steps: tuple[Phase, str], at: float = NOW - 60) -> tuple[Transition, ...]:
    """A history whose lines are a second apart, from `at` on."""
    return tuple(
        Transition(at=at + second, phase=phase, reason=reason, message=f"because of {reason}", weight=5.0)
        for second, (phase, reason) in enumerate(steps)
    )


def release(
    history: Sequence[Transition],
    *,
    name: str = given.RELEASE,
    channels: list[str] | None = None,
    notified: Mapping[str, float] | None = None,
    **spec: Any,
) -> Release:
    """As it is after its history; `channels` is what its policy says, `spec` sets further fields of the spec."""
    named = {} if channels is None else {"notifications": {"channels": channels}}
    made = given.release(history[-1].phase, name=name, spec={**given.POLICY, **named}, history=tuple(history))
    status = made.status.model_copy(update={"reason": history[-1].reason, "message": history[-1].message})
    changed = {"status": status, "uid": f"uid-{name}", "notified": dict(notified or {})}
    return made.model_copy(update={**changed, "spec": made.spec.model_copy(update=spec)})


def message(history: Sequence[Transition] | None = None, link: str = "", **more: Any) -> Message:
    """Of the newest news of such a Release."""
    found = release(history or lines(*STORY), **more)
    return message_of(news_of(found, (), 0)[-1], found, link)


class ReleaseCluster(MemoryCluster):
    """For several threads; a merge patch of annotations is one; `reads` counts."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.lock = threading.RLock()

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        with self.lock:
            self.reads += kind is RELEASE
            return super().find(kind, name, namespace)

    def patch(self, kind: Kind, name: str, namespace: str | None, body: Any, *, subresource: str = "") -> Object:
        with self.lock:
            self._write("patch", kind, name)
            known = self.objects.get((str(kind), namespace, name))
            if known is None:
                raise NotFound(f"{kind} {name}")
            changed = deepcopy(known)
            noted = body.get("metadata", {}).get("annotations", {})
            changed["metadata"]["annotations"] = {**(known["metadata"].get("annotations") or {}), **noted}
            return self.put(kind, changed)


@dataclass
class Outbox:
    """A sender: what it was given, what it took; it raises `problem` while there is one, and waits for `open`."""

    problem: Exception | None = None
    tried: list[str] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def kinds(self) -> list[str]:
        return [message.kind.value for message in self.taken]

    def send(self, message: Message) -> None:
        self.tried.append(message.id)
        assert self.open.wait(30)
        if self.problem is not None:
            raise self.problem
        self.taken.append(message)


@dataclass
class World:
    """An API server, and replicas that hear of its Releases."""

    clock: Clock
    cluster: ReleaseCluster = field(default_factory=ReleaseCluster)
    warnings: list[tuple[str, str, str]] = field(default_factory=list)
    patience: Patience = QUICK
    _replicas: list[Notifier] = field(default_factory=list)
    _versions: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def replica(self, senders: Mapping[str, Sender], leads: Leads = lambda *_: True, **kinds: Any) -> Notifier:
        """One that runs, and was told of every Release there is."""
        around = Surroundings(self.cluster.client, self.clock, self._warn, "https://pages.example", self.patience)
        channels = [Channel(name, Subscription(name, **kinds), sender, around) for name, sender in senders.items()]
        made = Notifier(channels, around)
        for obj in self.cluster.list(RELEASE).items:
            read = release_from_object(obj)
            made.told((read.namespace, read.name), read)
        made.start(leads)
        self._replicas.append(made)
        return made

    def becomes(self, changed: Release, *, heard: bool = True) -> None:
        """The API server has it so, and all replicas hear of it."""
        meta: Object = {"name": changed.name, "namespace": changed.namespace, "uid": changed.uid}
        if changed.deleting:
            meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        with self.cluster.lock:
            known = self.cluster.objects.get((str(RELEASE), changed.namespace, changed.name))
            meta["annotations"] = (known["metadata"].get("annotations") or {}) if known else {}
            body = {"metadata": meta, "spec": spec_object(changed.spec), "status": status_object(changed.status)}
            self.cluster.put(RELEASE, body)
        if heard:
            self.heard(changed.name, changed.namespace)

    def heard(self, name: str, namespace: str = "shop") -> None:
        """All replicas hear of it as it is."""
        obj = self.cluster.objects.get((str(RELEASE), namespace, name))
        read = release_from_object(deepcopy(obj)) if obj else None
        for replica in self._replicas:
            replica.told((namespace, name), read)

    def gone(self, name: str = given.RELEASE, namespace: str = "shop") -> None:
        """The API server has it no more."""
        self.cluster.objects.pop((str(RELEASE), namespace, name))
        self.heard(name, namespace)

    def mark(self, channel: str, name: str = given.RELEASE) -> float | None:
        """Until when the channel was told of the Release, as the API server has it."""
        return release_from_object(self.cluster.objects[str(RELEASE), "shop", name]).notified.get(channel)

    def marked(self, channel: str, at: float, name: str = given.RELEASE) -> None:
        eventually(lambda: self.mark(channel, name) == at)

    def stop(self) -> None:
        for replica in self._replicas:
            replica.stop()

    def _warn(self, of: Release, reason: str, said: str) -> None:
        self.warnings.append((of.name, reason, said))
