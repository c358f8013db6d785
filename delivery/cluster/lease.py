"""One `coordination.k8s.io` Lease: taken, renewed, given back and removed, each write under its resourceVersion.

Whether somebody else's Lease has expired is judged by `Sightings`: by this process's own monotonic clock and nothing
else. The times written in a Lease are for people to read; no decision here compares them with any clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from delivery.clock import to_rfc3339
from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import Kind

LEASE = Kind("coordination.k8s.io", ("v1",), "Lease", "leases")

_MICROSECOND = 1e-6


@dataclass(frozen=True, slots=True)
class Lease:
    """A Lease as it was read or as the server answered a write of it."""

    obj: Object = field(repr=False)
    name: str
    resource_version: str
    holder: str
    """Identity of the holder; empty when given back."""
    epoch: int
    """`leaseTransitions`: rises with each term, so it orders the holders' terms."""
    duration_s: float
    labels: Mapping[str, str] = field(repr=False)


def read_lease(obj: Object) -> Lease:
    """What matters of a stored Lease; fields that nobody set read as empty or 0."""
    meta, spec = obj["metadata"], obj.get("spec") or {}
    return Lease(
        obj,
        str(meta["name"]),
        str(meta.get("resourceVersion") or ""),
        str(spec.get("holderIdentity") or ""),
        int(spec.get("leaseTransitions") or 0),
        float(spec.get("leaseDurationSeconds") or 0),
        meta.get("labels") or {},
    )


class Leases:
    """The Leases of one namespace, in the name of one candidate. Every method may raise any HeadgateError of a call.

    `duration_s` is rounded up to whole seconds in the record, as the API has it; `wall` gives seconds since the epoch
    for the record's times.
    """

    def __init__(
        self, cluster: Cluster, namespace: str, *, identity: str, duration_s: float, wall: Callable[[], float]
    ) -> None:
        self.identity = identity
        self._cluster = cluster
        self._namespace = namespace
        self._duration_s = math.ceil(duration_s)
        self._wall = wall

    def list(self, labels: Mapping[str, str]) -> list[Lease]:
        """All Leases with these labels."""
        return [read_lease(obj) for obj in self._cluster.list(LEASE, self._namespace, labels=labels).items]

    def create(self, name: str, labels: Mapping[str, str]) -> Lease:
        """A new Lease, held from the start, in epoch 1. Raises AlreadyExists where somebody was first."""
        meta = {"name": name, "namespace": self._namespace, "labels": dict(labels)}
        spec = self._held(1, self._now())
        return read_lease(self._cluster.create(LEASE, {"metadata": meta, "spec": spec}))

    def create_vacant(self, name: str, labels: Mapping[str, str]) -> Lease:
        """A new Lease that nobody holds, in epoch 0. Raises AlreadyExists where somebody was first."""
        meta = {"name": name, "namespace": self._namespace, "labels": dict(labels)}
        spec = {**self._held(0, self._now()), "holderIdentity": ""}
        return read_lease(self._cluster.create(LEASE, {"metadata": meta, "spec": spec}))

    def take(self, lease: Lease, labels: Mapping[str, str]) -> Lease:
        """Makes the candidate its holder in the next epoch. Raises Conflict when it changed since it was read."""
        spec = self._held(lease.epoch + 1, self._later_than(lease))
        meta = {**lease.obj["metadata"], "labels": {**lease.labels, **labels}}
        return self._write(lease, spec, meta)

    def renew(self, lease: Lease) -> Lease:
        """Tells the others that the holder lives. Raises Conflict when the Lease changed since it was read."""
        spec = {"renewTime": self._later_than(lease), "leaseDurationSeconds": self._duration_s}
        return self._write(lease, spec)

    def release(self, lease: Lease) -> Lease:
        """Gives it back: no holder, so that a successor need not wait. The epoch stays for the successor to raise."""
        return self._write(lease, {"holderIdentity": "", "renewTime": self._later_than(lease)})

    def remove(self, lease: Lease) -> Lease:
        """Deletes the Lease as it was read; returns it. Raises Conflict when it changed since, NotFound."""
        self._cluster.delete(
            LEASE,
            lease.name,
            self._namespace,
            uid=lease.obj["metadata"].get("uid"),
            resource_version=lease.resource_version,
        )
        return lease

    def _write(self, lease: Lease, spec: Mapping[str, Any], meta: Mapping[str, Any] | None = None) -> Lease:
        kept = lease.obj.get("spec") or {}
        obj = {**lease.obj, "metadata": {**(meta or lease.obj["metadata"])}, "spec": {**kept, **spec}}
        return read_lease(self._cluster.replace(LEASE, obj))

    def _held(self, epoch: int, now: str) -> Object:
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self._duration_s,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": epoch,
        }

    def _now(self) -> str:
        return to_rfc3339(self._wall())

    def _later_than(self, lease: Lease) -> str:
        """Now, but never what is already written: an update that changes nothing keeps its resourceVersion, and the
        others would see a dead holder."""
        now = self._wall()
        written = (lease.obj.get("spec") or {}).get("renewTime")
        return to_rfc3339(now) if to_rfc3339(now) != written else to_rfc3339(now + _MICROSECOND)


class Sightings:
    """Since when, on the observer's own monotonic clock, each Lease has not changed.

    A Lease's holder sends its renewal, the server stores it, the observer reads it: in this order. So the observer's
    count begins after the holder's, and when it reaches the Lease's duration the holder, which counts to less than
    that, has stopped. Reading must be noted after the answer came, not when it was asked for.
    """

    def __init__(self, duration_s: float) -> None:
        self._duration_s = duration_s
        self._seen: dict[str, tuple[str, float]] = {}

    def note(self, leases: Iterable[Lease], at: float) -> None:
        """All Leases there were in an answer that arrived at the monotonic instant `at`; others are forgotten."""
        before, self._seen = self._seen, {}
        for lease in leases:
            version, since = before.get(lease.name, ("", at))
            self._seen[lease.name] = (lease.resource_version, since if version == lease.resource_version else at)

    def expired(self, lease: Lease, at: float) -> bool:
        """Whether its holder must have stopped. The longer of the holder's duration and our own counts."""
        version, since = self._seen.get(lease.name, ("", at))
        return version == lease.resource_version and at - since >= max(self._duration_s, lease.duration_s)
