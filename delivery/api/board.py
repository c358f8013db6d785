"""Every Release there is, as last heard of, ready to be told: rows for lists, a wake-up for whoever watches."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import log
from typing import Any

import msgspec

from delivery.clock import to_rfc3339
from delivery.cluster.client import Object
from delivery.cluster.kinds import RELEASE
from delivery.decision.questions import question
from delivery.decision.recorded import recorded_policy
from delivery.report.latency_view import quantile_views
from delivery.report.recorded import mapping
from delivery.resources.release import Evidence, Release

Key = tuple[str, str]
_IDENTITY = ("name", "namespace", "uid", "resourceVersion")


@dataclass(frozen=True, slots=True)
class Row:
    """A Release's summary, and the same encoded. `release`, and its object as compressed JSON where that is known, only
    while it is active: what has ended is read anew.
    """

    summary: dict[str, Any]
    encoded: bytes
    order: tuple[bool, float]
    release: Release | None
    document: bytes = b""

    @property
    def final(self) -> bool:
        return self.release is None


class Watcher:
    """One reader's wake-up, and what changed since it last looked. Lives on the event loop."""

    def __init__(self) -> None:
        self._changed: set[Key] = set()
        self._woken = asyncio.Event()

    async def changes(self, timeout_s: float | None) -> set[Key]:
        """The keys that changed; waits for the first, no longer than that if it is a number."""
        try:
            await asyncio.wait_for(self._woken.wait(), timeout_s)
        except TimeoutError:
            return set()
        self._woken.clear()
        found, self._changed = self._changed, set()
        return found

    def tell(self, key: Key) -> None:
        """It changed."""
        self._changed.add(key)
        self._woken.set()


class Board:
    """Written by the informer's thread, read by the API's.

    However many watch, a change costs the writer one entry in a set: the event loop tells them.
    """

    def __init__(self) -> None:
        self._rows: dict[Key, Row] = {}
        self._in_order: list[Key] | None = None
        self._by_deployment: dict[Key, set[Key]] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: set[Key] = set()
        self._watchers: dict[Key, set[Watcher]] = {}

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """The loop that the watchers live on; None once it ends."""
        with self._lock:
            self._loop = loop

    def told(self, namespace: str, name: str, release: Release | None) -> None:
        """A Release as it is now; None where it is gone."""
        self.placed((namespace, name), row_of(release) if release is not None else None)

    def placed(self, key: Key, row: Row | None) -> None:
        """The row of a Release as it is now; None where that is gone."""
        with self._lock:
            self._place(key, row)
            loop, first = self._loop, not self._changed
            if loop is not None:
                self._changed.add(key)
        if loop is not None and first:
            loop.call_soon_threadsafe(self._tell)

    def row(self, key: Key) -> Row | None:
        return self._rows.get(key)

    def rows(self) -> list[Row]:
        """All, active ones first, then the newest."""
        with self._lock:
            if self._in_order is None:  # seldom: most changes of a Release leave it where it is
                self._in_order = sorted(self._rows, key=lambda key: self._rows[key].order, reverse=True)
            return [self._rows[key] for key in self._in_order]

    def find(self, namespace: str, name: str, release_id: str | None = None) -> Row | None:
        """The Release of that name, else the active or newest one of the Deployment (with that release id)."""
        own = self._rows.get((namespace, name))
        if own is not None and release_id in {None, own.summary["releaseId"]}:
            return own
        with self._lock:
            of = [self._rows[key] for key in self._by_deployment.get((namespace, name), ())]
        found = (row for row in of if not release_id or row.summary["releaseId"] == release_id)
        return max(found, key=lambda row: row.order, default=None)

    @contextmanager
    def watcher(self, namespace: str = "", name: str = "") -> Iterator[Watcher]:
        """Told of every change of the Release, of those in the namespace, or of all."""
        watcher, of = Watcher(), (namespace, name)
        self._watchers.setdefault(of, set()).add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[of].discard(watcher)
            if not self._watchers[of]:
                del self._watchers[of]

    def _place(self, key: Key, row: Row | None) -> None:
        before = self._rows.get(key)
        if before is None or row is None or before.order != row.order:
            self._in_order = None
        if row is not None:
            self._rows[key] = row
        else:
            self._rows.pop(key, None)
        if before is not None:
            self._leave(key, before)
        if row is not None:
            self._by_deployment.setdefault((key[0], row.summary["deployment"]), set()).add(key)

    def _leave(self, key: Key, row: Row) -> None:
        of = (key[0], row.summary["deployment"])
        self._by_deployment[of].discard(key)
        if not self._by_deployment[of]:
            del self._by_deployment[of]

    def _tell(self) -> None:
        with self._lock:
            changed, self._changed = self._changed, set()
        for key in changed:
            for of in (key, (key[0], ""), ("", "")):
                for watcher in self._watchers.get(of, ()):
                    watcher.tell(key)


def matching(
    rows: Iterable[Row], *, namespace: str = "", phases: Iterable[str] = (), deployment: str = "", search: str = ""
) -> list[Row]:
    """Rows for which all of it holds, in their order; `search` is a part of any name, image, id or message."""
    wanted, sought = set(phases), search.casefold()
    return [
        row
        for row in rows
        if (not namespace or row.summary["namespace"] == namespace)
        and (not wanted or row.summary["phase"] in wanted)
        and (not deployment or row.summary["deployment"] == deployment)
        and (not sought or sought in _text(row.summary))
    ]


def summary_of(release: Release) -> dict[str, Any]:
    """The fields of ReleaseSummary."""
    spec, status = release.spec, release.status
    return {
        "namespace": release.namespace,
        "name": release.name,
        "deployment": spec.deployment,
        "releaseId": spec.release_id,
        "phase": status.phase.value,
        "reason": status.reason,
        "message": status.message,
        "question": question(release),
        "progress": status.progress,
        "weight": status.traffic.verified_weight or 0.0,
        "verdict": status.verdict,
        "stableImages": list(spec.stable.images),
        "canaryImages": list(spec.canary.images),
        "appVersion": spec.canary.app_version,
        "policy": spec.policy_name,
        "mesh": status.mesh,
        "startedAt": _time(status.started_at),
        "finishedAt": _time(status.finished_at),
        "evidence": _evidence(release),
        "resourceVersion": release.resource_version,
    }


def _evidence(release: Release) -> dict[str, Any] | None:
    look = release.status.evidence
    if look is None:
        return None
    risk = recorded_policy(release).analysis.risk
    return {
        "at": to_rfc3339(look.at),
        "stableRequests": look.stable_requests,
        "stableErrors": look.stable_errors,
        "canaryRequests": look.canary_requests,
        "canaryErrors": look.canary_errors,
        "rollback": look.log_evidence_rollback,
        "advance": look.log_evidence_advance,
        "rollbackAt": -log(risk.wrong_rollback),
        "advanceAt": -log(risk.wrong_advance),
        "latency": _quantiles(look),
    }


def _quantiles(look: Evidence) -> list[dict[str, Any]]:
    """The fields of QuantileSummary, for each quantile of the mesh's latency."""
    return [
        {"quantile": view.name, "stable": view.stable_ms, "canary": view.canary_ms}
        for view in quantile_views(mapping(look.metrics.get("latency")))
    ]


def row_of(release: Release, obj: Object | None = None) -> Row:
    """As a board shows it; `obj` as the API server told of it."""
    summary = summary_of(release)
    order = (release.active, release.status.started_at or 0.0)
    encoded = msgspec.json.encode(summary)
    if not release.active:
        return Row(summary, encoded, order, None)
    return Row(summary, encoded, order, release, _document(obj) if obj and "status" in obj else b"")


def _document(obj: Object) -> bytes:
    meta = {field: obj["metadata"].get(field) for field in _IDENTITY}
    body = {"apiVersion": obj["apiVersion"], "kind": RELEASE.name, "metadata": meta}
    return zlib.compress(msgspec.json.encode({**body, "spec": obj["spec"], "status": obj["status"]}), level=1)


def _time(at: float | None) -> str | None:
    return None if at is None else to_rfc3339(at)


def _text(summary: dict[str, Any]) -> str:
    named = ("namespace", "name", "deployment", "releaseId", "message", "appVersion")
    parts = [*(str(summary[field] or "") for field in named), *summary["stableImages"], *summary["canaryImages"]]
    return "\n".join(parts).casefold()
