"""Carries out a decision. The only writer of routes and workloads; every action may be repeated."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import structlog

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import DEPLOYMENT, RELEASE, SERVICE
from delivery.decision.actions import (
    Action,
    Announce,
    CreateRelease,
    EnsureBackEnds,
    EnsureCanary,
    PauseDeployment,
    RemoveBackEnds,
    RemoveCanary,
    RestoreRoute,
    SetTemplate,
    SetWeight,
)
from delivery.errors import AlreadyExists, Conflict, NotFound
from delivery.reconcile.events import Events
from delivery.reconcile.recorded import recorded_policy
from delivery.reconcile.routes import Routes
from delivery.resources.annotations import TEMPLATE_HASH, ownership_labels
from delivery.resources.release import Release, spec_object
from delivery.workload.canary import canary_deployment, canary_service, is_ours, stable_service

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Target:
    """What the actions of one pass act on, as it was gathered."""

    deployment: Object | None
    release: Release | None

    def require_release(self) -> Release:
        if self.release is None:
            raise Conflict("the Release this action belongs to is not there")
        return self.release

    def require_deployment(self) -> Object:
        if self.deployment is None:
            raise NotFound("the Deployment this action belongs to is gone")
        return self.deployment


class Applier:
    """Effects, one method a kind of action. Raises what the writes raise; nothing is swallowed."""

    def __init__(self, cluster: Cluster, routes: Routes, events: Events) -> None:
        self._cluster = cluster
        self._routes = routes
        self._events = events
        self._handlers: dict[type[Any], Callable[[Any, Target], None]] = {
            PauseDeployment: self._pause,
            SetTemplate: self._set_template,
            CreateRelease: self._create_release,
            EnsureBackEnds: self._ensure_back_ends,
            EnsureCanary: self._ensure_canary,
            SetWeight: self._set_weight,
            RestoreRoute: self._restore_route,
            RemoveCanary: self._remove_canary,
            RemoveBackEnds: self._remove_back_ends,
            Announce: self._announce,
        }

    def apply(self, action: Action, target: Target) -> None:
        """Carries out one action."""
        self._handlers[type(action)](action, target)

    def _pause(self, action: PauseDeployment, target: Target) -> None:
        meta = target.require_deployment()["metadata"]
        body = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "spec": {"paused": action.paused}}
        self._cluster.patch(DEPLOYMENT, meta["name"], meta["namespace"], body)
        log.info("paused" if action.paused else "unpaused", deployment=_key(meta), reason=action.reason)

    def _set_template(self, action: SetTemplate, target: Target) -> None:
        changed = deepcopy(target.require_deployment())
        changed["spec"]["template"] = action.template
        self._cluster.replace(DEPLOYMENT, changed)
        log.info("template put back", deployment=_key(changed["metadata"]), reason=action.reason)

    def _create_release(self, action: CreateRelease, target: Target) -> None:
        deployment = target.require_deployment()
        namespace = deployment["metadata"]["namespace"]
        meta = {
            "name": action.name,
            "namespace": namespace,
            "labels": ownership_labels(deployment["metadata"]["name"]),
        }
        try:
            self._cluster.create(RELEASE, {"metadata": meta, "spec": spec_object(action.spec)})
        except AlreadyExists:
            return  # an earlier pass got this far
        log.info("release", name=f"{namespace}/{action.name}", reason=action.reason)

    def _ensure_back_ends(self, action: EnsureBackEnds, target: Target) -> None:
        release, deployment = target.require_release(), target.require_deployment()
        apex = self._cluster.get(SERVICE, release.spec.service, release.namespace)
        self._ensure_service(stable_service(release, deployment, apex, action.stable_hash), release)
        self._ensure_service(canary_service(release, deployment, apex), release)

    def _ensure_service(self, wanted: dict[str, Any], release: Release) -> None:
        name = wanted["metadata"]["name"]
        found = self._cluster.find(SERVICE, name, release.namespace)
        if found is None:
            self._cluster.create(SERVICE, wanted)
            return
        self._require_ours(found, "Service", release)
        if found["spec"].get("selector") != wanted["spec"]["selector"]:
            changed = {**found, "spec": {**found["spec"], "selector": wanted["spec"]["selector"]}}
            self._cluster.replace(SERVICE, changed)

    def _ensure_canary(self, action: EnsureCanary, target: Target) -> None:
        release, deployment = target.require_release(), target.require_deployment()
        found = self._cluster.find(DEPLOYMENT, release.canary_name, release.namespace)
        if found is None:
            self._cluster.create(DEPLOYMENT, canary_deployment(release, deployment, action.replicas))
            log.info("canary created", release=release.key, replicas=action.replicas)
            return
        self._require_ours(found, "Deployment", release)
        meta = found["metadata"]
        if (meta.get("annotations") or {}).get(TEMPLATE_HASH) != release.spec.canary.template_hash:
            self._delete(DEPLOYMENT, found)  # of an earlier release; the next pass creates this one's
            return
        body = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "spec": {"replicas": action.replicas}}
        self._cluster.patch(DEPLOYMENT, meta["name"], meta["namespace"], body)
        log.info("canary scaled", release=release.key, replicas=action.replicas)

    def _set_weight(self, action: SetWeight, target: Target) -> None:
        release = target.require_release()
        policy = recorded_policy(release)
        if self._routes.set_weight(release, policy, action.weight):
            log.info("weight", release=release.key, percent=action.weight, reason=action.reason)

    def _restore_route(self, action: RestoreRoute, target: Target) -> None:
        release = target.require_release()
        if self._routes.restore(release):
            log.info("route restored", release=release.key, reason=action.reason)

    def _remove_canary(self, action: RemoveCanary, target: Target) -> None:
        release = target.require_release()
        found = self._cluster.find(DEPLOYMENT, release.canary_name, release.namespace)
        if found is not None and is_ours(found, release.spec.deployment):
            self._delete(DEPLOYMENT, found)
            log.info("canary removed", release=release.key, reason=action.reason)

    def _remove_back_ends(self, action: RemoveBackEnds, target: Target) -> None:
        release = target.require_release()
        for name in (release.stable_name, release.canary_name):
            found = self._cluster.find(SERVICE, name, release.namespace)
            if found is not None and is_ours(found, release.spec.deployment):
                self._delete(SERVICE, found)
        log.info("back ends removed", release=release.key, reason=action.reason)

    def _announce(self, action: Announce, target: Target) -> None:
        if target.deployment is not None:
            self._events.announce(DEPLOYMENT, target.deployment, action.reason, action.message, warning=action.warning)
        release = target.release
        if release is not None:
            meta = {"name": release.name, "namespace": release.namespace, "uid": release.uid}
            self._events.announce(RELEASE, {"metadata": meta}, action.reason, action.message, warning=action.warning)

    def _delete(self, kind: Any, found: Object) -> None:
        meta = found["metadata"]
        try:
            self._cluster.delete(kind, meta["name"], meta["namespace"], uid=meta["uid"])
        except NotFound:
            return  # somebody was faster; gone is what was wanted

    def _require_ours(self, found: Object, kind: str, release: Release) -> None:
        if not is_ours(found, release.spec.deployment):
            name = f"{release.namespace}/{found['metadata']['name']}"
            raise Conflict(f"{kind} {name} exists and is not Headgate's; it is left alone")


def _key(meta: dict[str, Any]) -> str:
    return f"{meta['namespace']}/{meta['name']}"
