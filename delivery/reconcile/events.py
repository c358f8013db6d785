"""Kubernetes Events: what people see in `kubectl describe`. The same news twice is one Event with a count."""

from __future__ import annotations

import hashlib
from typing import Any

import structlog

from delivery.clock import Clock, to_rfc3339
from delivery.cluster.client import Cluster
from delivery.cluster.kinds import EVENT, Kind
from delivery.errors import AlreadyExists, HeadgateError

MESSAGE_LIMIT = 1024  # the API server refuses longer ones
SOURCE = "headgate"

log = structlog.get_logger()


class Events:
    """Writes Events. A failed Event never fails a pass: it is news, not state."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._told: dict[tuple[str, str], str] = {}

    def told(self, kind: Kind, obj: dict[str, Any], reason: str, message: str) -> bool:
        """Whether this was the last thing said of the object."""
        return self._told.get((obj["metadata"].get("uid", ""), str(kind))) == f"{reason}: {message}"

    def announce(self, kind: Kind, obj: dict[str, Any], reason: str, message: str, *, warning: bool = False) -> None:
        """One Event on `obj` (its kind, name, namespace and uid are read). Unchanged standing news is not repeated."""
        meta = obj["metadata"]
        if self.told(kind, obj, reason, message):
            return
        subject = (meta.get("uid", ""), str(kind))
        self._told[subject] = f"{reason}: {message}"
        log.warning("event", on=_name(kind, meta), reason=reason, message=message) if warning else log.info(
            "event", on=_name(kind, meta), reason=reason, message=message
        )
        try:
            self._write(self._event(kind, obj, reason, message, "Warning" if warning else "Normal"))
        except HeadgateError as problem:
            self._told.pop(subject, None)  # said again the next time it is decided
            log.warning("event not written", on=_name(kind, meta), reason=reason, problem=str(problem))

    def _event(self, kind: Kind, obj: dict[str, Any], reason: str, message: str, type_: str) -> dict[str, Any]:
        meta, now = obj["metadata"], to_rfc3339(self._clock.now())[:19] + "Z"
        digest = hashlib.sha256(f"{meta.get('uid')}{reason}{message}".encode()).hexdigest()[:16]
        namespace = meta.get("namespace") or "default"
        return {
            "metadata": {"name": f"{meta['name'][:200]}.{digest}", "namespace": namespace},
            "involvedObject": {
                "apiVersion": self._cluster.api_version(kind),
                "kind": kind.name,
                "name": meta["name"],
                "namespace": meta.get("namespace", ""),
                "uid": meta.get("uid", ""),
            },
            "reason": reason,
            "message": message[:MESSAGE_LIMIT],
            "type": type_,
            "source": {"component": SOURCE},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }

    def _write(self, event: dict[str, Any]) -> None:
        try:
            self._cluster.create(EVENT, event)
        except AlreadyExists:
            meta = event["metadata"]
            known = self._cluster.get(EVENT, meta["name"], meta["namespace"])
            again = {"count": int(known.get("count") or 1) + 1, "lastTimestamp": event["lastTimestamp"]}
            self._cluster.patch(EVENT, meta["name"], meta["namespace"], again)


def _name(kind: Kind, meta: dict[str, Any]) -> str:
    return f"{kind.name} {meta.get('namespace', '')}/{meta['name']}"
