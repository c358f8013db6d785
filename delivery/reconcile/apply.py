"""Carries out a decision. The only writer of routes and workloads; every action may be repeated.

Nothing is read here: each write carries the version that the pass gathered before its intent was recorded. A write by
a leader that was deposed meanwhile, or of a pass that somebody overtook, therefore fails, and nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import structlog

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import DEPLOYMENT, RELEASE, SERVICE, Kind
from delivery.decision.actions import (
    Action,
    Announce,
    CloseRelease,
    CreateRelease,
    EnsureBackEnds,
    EnsureCanary,
    FenceRoute,
    ForgetRelease,
    LetGo,
    PauseDeployment,
    RemoveBackEnds,
    RemoveCanary,
    RemoveLeftOvers,
    RestoreRoute,
    SetTemplate,
    SetWeight,
)
from delivery.decision.recorded import recorded_policy
from delivery.errors import Conflict, NotFound
from delivery.reconcile import subsets
from delivery.reconcile.events import Events
from delivery.reconcile.gather import Gathered
from delivery.reconcile.records import Records
from delivery.reconcile.routes import Routes
from delivery.reconcile.term import Term
from delivery.resources.annotations import RELEASE as RELEASE_ANNOTATION
from delivery.resources.release import Release
from delivery.workload.canary import canary_deployment, canary_service, is_ours, stable_service

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Target:
    """What the actions of one pass act on, as it was gathered. `release` is the active one as it was just recorded."""

    gathered: Gathered
    release: Release | None
    term: Term

    def require_release(self) -> Release:
        if self.release is None:
            raise Conflict("the Release this action belongs to is not there")
        return self.release

    def require_deployment(self) -> Object:
        if self.gathered.deployment is None:
            raise NotFound("the Deployment this action belongs to is gone")
        return self.gathered.deployment

    def any_release(self, name: str) -> Release:
        """The Release of this name among those gathered, the active one as it was just recorded."""
        known = (*self.gathered.finished, *self.gathered.superfluous)
        if self.release is not None and self.release.name == name:
            return self.release
        found = next((release for release in known if release.name == name), None)
        if found is None:
            raise Conflict(f"Release {self.gathered.namespace}/{name} is not there any more")
        return found


class Applier:
    """Effects, one method a kind of action. Raises what the writes raise; nothing is swallowed."""

    def __init__(self, cluster: Cluster, routes: Routes, records: Records, events: Events) -> None:
        self._cluster = cluster
        self._routes = routes
        self._records = records
        self._events = events
        self._handlers: dict[type[Any], Callable[[Any, Target], None]] = {
            PauseDeployment: self._pause,
            SetTemplate: self._set_template,
            CreateRelease: lambda action, target: records.create(action, target.require_deployment()),
            EnsureBackEnds: self._ensure_back_ends,
            EnsureCanary: self._ensure_canary,
            SetWeight: self._set_weight,
            FenceRoute: self._fence_route,
            RestoreRoute: self._restore_route,
            RemoveCanary: self._remove_canary,
            RemoveBackEnds: self._remove_back_ends,
            RemoveLeftOvers: self._remove_left_overs,
            LetGo: lambda action, target: records.let_go(target.any_release(action.release)),
            CloseRelease: lambda action, target: records.close(target.any_release(action.release), action.reason),
            ForgetRelease: lambda action, target: records.forget(target.any_release(action.release)),
            Announce: self._announce,
        }

    def apply(self, action: Action, target: Target) -> None:
        """Carries out one action. Raises Deposed where this process may not write any more."""
        target.term.require()
        self._handlers[type(action)](action, target)

    def said_already(self, action: Action, target: Target) -> bool:
        """Whether this is news that was told, and nothing else was since."""
        return isinstance(action, Announce) and all(
            self._events.told(kind, obj, action.reason, action.message) for kind, obj in _subjects(target)
        )

    def _pause(self, action: PauseDeployment, target: Target) -> None:
        meta = target.require_deployment()["metadata"]
        body = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "spec": {"paused": action.paused}}
        self._cluster.patch(DEPLOYMENT, meta["name"], meta["namespace"], body)
        log.info("paused" if action.paused else "unpaused", deployment=_key(meta), reason=action.reason)

    def _set_template(self, action: SetTemplate, target: Target) -> None:
        changed = deepcopy(target.require_deployment())
        changed["spec"]["template"] = action.template
        self._cluster.replace(DEPLOYMENT, changed)
        log.info("template set", deployment=_key(changed["metadata"]), reason=action.reason)

    def _ensure_back_ends(self, action: EnsureBackEnds, target: Target) -> None:
        release, services = target.require_release(), target.gathered.services
        apex, deployment = services.get(release.spec.service), target.require_deployment()
        if apex is None and not {release.stable_name, release.canary_name} <= services.keys():
            raise NotFound(f"Service {release.namespace}/{release.spec.service} is gone; put it back")
        pinned = stable_service(release, deployment, apex or services[release.stable_name], action.stable_hash)
        self._ensure_service(pinned, services.get(release.stable_name), release)
        if release.canary_name not in services and apex is not None:
            self._cluster.create(SERVICE, canary_service(release, deployment, apex))
        subsets.ensure(self._cluster, release, target.gathered.subset_rule, action.stable_hash)

    def _ensure_service(self, wanted: dict[str, Any], found: Object | None, release: Release) -> None:
        if found is None:
            self._cluster.create(SERVICE, wanted)
            return
        self._require_ours(found, "Service", release)
        if found["spec"].get("selector") != wanted["spec"]["selector"]:
            meta = found["metadata"]
            version = {"resourceVersion": meta["resourceVersion"]}
            body = {"metadata": version, "spec": {"selector": wanted["spec"]["selector"]}}
            self._cluster.patch(SERVICE, meta["name"], meta["namespace"], body)

    def _ensure_canary(self, action: EnsureCanary, target: Target) -> None:
        release, found = target.require_release(), target.gathered.canary
        if found is None:
            self._create_canary(action, target)
            return
        self._require_ours(found, "Deployment", release)
        meta = found["metadata"]
        if (meta.get("annotations") or {}).get(RELEASE_ANNOTATION) != release.name:
            self._delete(DEPLOYMENT, found)  # of an earlier release; the next pass creates this one's
            return
        body = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "spec": {"replicas": action.replicas}}
        self._cluster.patch(DEPLOYMENT, meta["name"], meta["namespace"], body)
        log.info("canary scaled", release=release.key, replicas=action.replicas)

    def _create_canary(self, action: EnsureCanary, target: Target) -> None:
        # A create cannot carry a precondition, so it may arrive when the release has long ended: without pods it
        # does nobody harm. The pods come with the next write, which has one.
        release = target.require_release()
        self._cluster.create(DEPLOYMENT, canary_deployment(release, target.require_deployment(), 0))
        log.info("canary created", release=release.key, wanted=action.replicas)

    def _set_weight(self, action: SetWeight, target: Target) -> None:
        release = target.require_release()
        policy, routes = recorded_policy(release), target.gathered.routes
        services = target.gathered.services
        if self._routes.set_weight(release, policy, routes, action.weight, target.term.fence, services):
            log.info("weight", release=release.key, percent=action.weight, reason=action.reason)

    def _fence_route(self, action: FenceRoute, target: Target) -> None:
        release = target.require_release()
        if self._routes.fence(release, target.gathered.routes, target.term.fence):
            log.info("route fenced", release=release.key, reason=action.reason)

    def _restore_route(self, action: RestoreRoute, target: Target) -> None:
        release = target.require_release()
        if self._routes.restore(release, recorded_policy(release), target.gathered.routes):
            log.info("route restored", release=release.key, reason=action.reason)

    def _remove_canary(self, action: RemoveCanary, target: Target) -> None:
        release = target.require_release()
        if self._delete_ours(DEPLOYMENT, target.gathered.canary, release.spec.deployment):
            log.info("canary removed", release=release.key, reason=action.reason)

    def _remove_back_ends(self, action: RemoveBackEnds, target: Target) -> None:
        release = target.require_release()
        subsets.remove(self._cluster, release, target.gathered.subset_rule)
        for name in (release.stable_name, release.canary_name):
            self._delete_ours(SERVICE, target.gathered.services.get(name), release.spec.deployment)
        log.info("back ends removed", release=release.key, reason=action.reason)

    def _remove_left_overs(self, action: RemoveLeftOvers, target: Target) -> None:
        found = target.gathered
        self._delete_ours(DEPLOYMENT, found.canary, found.name)
        for service in found.services.values():
            self._delete_ours(SERVICE, service, found.name)
        log.info("left over removed", deployment=f"{found.namespace}/{found.name}", names=", ".join(action.names))

    def _announce(self, action: Announce, target: Target) -> None:
        for kind, obj in _subjects(target):
            self._events.announce(kind, obj, action.reason, action.message, warning=action.warning)

    def _delete_ours(self, kind: Kind, found: Object | None, deployment: str) -> bool:
        """Whether there was anything of ours to delete."""
        ours = found is not None and is_ours(found, deployment)
        if found is not None and ours:
            self._delete(kind, found)
        return ours

    def _delete(self, kind: Kind, found: Object) -> None:
        meta = found["metadata"]
        try:
            self._cluster.delete(kind, meta["name"], meta["namespace"], uid=meta["uid"])
        except NotFound:
            return  # somebody was faster; gone is what was wanted

    def _require_ours(self, found: Object, kind: str, release: Release) -> None:
        if not is_ours(found, release.spec.deployment):
            name = f"{release.namespace}/{found['metadata']['name']}"
            raise Conflict(f"{kind} {name} exists and is not Headgate's; it is left alone")


def _subjects(target: Target) -> list[tuple[Kind, Object]]:
    subjects: list[tuple[Kind, Object]] = []
    if target.gathered.deployment is not None:
        subjects.append((DEPLOYMENT, target.gathered.deployment))
    if target.release is not None:
        release = target.release
        meta = {"name": release.name, "namespace": release.namespace, "uid": release.uid}
        subjects.append((RELEASE, {"metadata": meta}))
    return subjects


def _key(meta: dict[str, Any]) -> str:
    return f"{meta['namespace']}/{meta['name']}"
