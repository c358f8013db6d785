"""Giving every adopted Deployment back, so that Headgate can be removed: what to do with each, and doing it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import DEPLOYMENT
from delivery.cluster.reader import Live
from delivery.decision.snapshot import is_pending
from delivery.errors import Conflict, NotFound
from delivery.intents.ask import append
from delivery.reconcile.gather import releases_of, replica_sets_of
from delivery.reconcile.parsed import Releases
from delivery.resources.annotations import LEFT_PAUSED, MANAGED_BY, MANAGER, POLICY
from delivery.resources.release import Intent, Phase, Release
from delivery.workload.adoption import paused_by_us
from delivery.workload.revision import stable_set, workload_from

TRIES = 5
LOOK_EVERY_S = 0.5
BY = "headgate release-all"


class Doing(StrEnum):
    """What is done with a Deployment."""

    RESUME = "resumed"
    LEAVE_PAUSED = "left paused"
    LET_GO = "let go"
    NOTHING = "not touched"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. `resume` False: everything stays paused. `pending`: also what waits for a judgement."""

    resume: bool
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is done with one Deployment and why; `left` says that something remains for a person."""

    namespace: str
    name: str
    doing: Doing
    why: str
    left: bool = False


def decide(deployment: Object, replica_sets: Sequence[Object], active: Release | None, wish: Wish) -> Verdict:
    """What to do with an adopted Deployment; pure."""
    workload = workload_from(deployment)

    def verdict(doing: Doing, why: str, *, left: bool = False) -> Verdict:
        return Verdict(workload.namespace, workload.name, doing, why, left)

    if active is not None:
        where = f"Release {active.name} is {active.status.phase} at {active.status.traffic.desired_weight or 0:g} %"
        return verdict(Doing.NOTHING, f"{where}: abort it, or start the controller so that it ends", left=True)
    if not workload.paused:
        return verdict(Doing.LET_GO, "it was not paused")
    if not paused_by_us(deployment):
        return verdict(Doing.LET_GO, "somebody else paused it; that is theirs to end")
    if not wish.resume:
        return verdict(Doing.LEAVE_PAUSED, "as asked; spec.paused: false lets its template roll out")
    pending = is_pending(workload, stable_set(replica_sets, workload, None))
    if pending and not wish.pending:
        why = (
            f"its template ({', '.join(workload.images)}) was not judged or was rejected: put the former one back, or "
        )
        return verdict(Doing.LEAVE_PAUSED, f"{why}set spec.paused: false to roll it out", left=True)
    return verdict(Doing.RESUME, "rolls its pending template out, as asked" if pending else "nothing was pending")


def adopted(cluster: Cluster, namespace: str | None) -> Iterator[Object]:
    """The Deployments that are annotated or that we paused; canaries are not among them."""
    for deployment in cluster.list(DEPLOYMENT, namespace).items:
        meta = deployment["metadata"]
        ours = (meta.get("labels") or {}).get(MANAGED_BY) == MANAGER
        if not ours and (POLICY in (meta.get("annotations") or {}) or paused_by_us(deployment)):
            yield deployment


def look(cluster: Cluster, deployment: Object, wish: Wish) -> Verdict:
    """The decision on a Deployment as it is now."""
    meta = deployment["metadata"]
    replica_sets = replica_sets_of(Live(cluster), deployment)
    return decide(deployment, replica_sets, active_release(cluster, meta["namespace"], meta["name"]), wish)


def active_release(cluster: Cluster, namespace: str, name: str) -> Release | None:
    """The Release of this Deployment that has not ended."""
    return next((each for each in releases_of(Live(cluster), Releases(), namespace, name) if each.active), None)


def ask_to_end(cluster: Cluster, release: Release) -> None:
    """Appends an abort to the Release, once. One that rolls out already is left to end by itself."""
    asked = any(intent.verb == "abort" and intent.by == BY for intent in release.spec.intents)
    if asked or release.status.phase in {Phase.PROMOTING, Phase.STALLED, Phase.ROLLING_BACK}:
        return
    append(cluster, release, Intent(verb="abort", by=BY, reason="Headgate is removed"))


def wait_for_end(
    cluster: Cluster, deployment: Object, timeout_s: float, monotonic: Callable[[], float] = time.monotonic
) -> None:
    """Asks the active Release to end, and waits until it has or the time is up."""
    meta, end = deployment["metadata"], monotonic() + timeout_s
    while (release := active_release(cluster, meta["namespace"], meta["name"])) is not None and monotonic() < end:
        try:
            ask_to_end(cluster, release)
        except (Conflict, NotFound):
            continue  # the controller wrote first: read again
        time.sleep(LOOK_EVERY_S)


def give_back(cluster: Cluster, namespace: str, name: str, wish: Wish) -> Verdict:
    """Decides and writes, with the version that was read. Raises Conflict where somebody was faster several times."""
    for _ in range(TRIES):
        deployment = cluster.find(DEPLOYMENT, name, namespace)
        if deployment is None:
            return Verdict(namespace, name, Doing.NOTHING, "it is gone")
        verdict = look(cluster, deployment, wish)
        if verdict.doing is Doing.NOTHING:
            return verdict
        try:
            cluster.patch(DEPLOYMENT, name, namespace, _change(deployment, verdict))
        except Conflict:
            continue
        return verdict
    raise Conflict(f"Deployment {namespace}/{name}: somebody else wrote first, {TRIES} times; run the command again")


def _change(deployment: Object, verdict: Verdict) -> Object:
    meta = deployment["metadata"]
    annotations: dict[str, str | None] = {POLICY: None} if POLICY in (meta.get("annotations") or {}) else {}
    if verdict.doing is Doing.LEAVE_PAUSED:  # else a controller that still runs would resume it
        annotations[LEFT_PAUSED] = "true"
    body: Object = {"metadata": {"resourceVersion": meta["resourceVersion"], "annotations": annotations}}
    if verdict.doing is Doing.RESUME:
        body["spec"] = {"paused": False}
    return body
