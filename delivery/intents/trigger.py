"""Triggering a release: a new image of a Deployment, once however often it is asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import DEPLOYMENT
from delivery.errors import Conflict, InvalidSpec, NotNow
from delivery.resources.annotations import APP_VERSION, POLICY, RELEASE_ID, TRIGGERS
from delivery.resources.image import parse_image
from delivery.resources.release import Trigger
from delivery.resources.trigger_record import recorded_triggers, triggers_text

TRIES = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """What a pipeline asks for. `container` may be left out where there is one, `key` is the idempotency key."""

    image: str
    container: str | None = None
    version: str | None = None
    release_id: str | None = None
    policy: str | None = None
    key: str | None = None
    by: str = ""
    reason: str = ""

    @property
    def digest(self) -> str:
        """What makes two requests with one key the same request."""
        said = [self.image, self.container, self.version, self.release_id, self.policy]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Triggered:
    """`changed`: the Deployment was written now. `replayed`: the same request was answered before."""

    release_id: str
    changed: bool
    replayed: bool = False


def trigger(cluster: Cluster, namespace: str, name: str, wish: Wish, now: float) -> Triggered:
    """Sets the Deployment's image, which is what starts a release; nothing is written for what it runs already.

    Raises NotFound, InvalidSpec (an image without a fixed tag), NotNow (this Deployment has no such container, is not
    opted in, or met the idempotency key with another request), Refused, Conflict where somebody else was faster every
    time.
    """
    for attempt in Retrying(
        retry=retry_if_exception_type(Conflict), stop=stop_after_attempt(TRIES), wait=wait_random(0, 0.2), reraise=True
    ):
        with attempt:
            answer = _trigger_once(cluster, cluster.get(DEPLOYMENT, name, namespace), wish, now)
    return answer


def _trigger_once(cluster: Cluster, deployment: Object, wish: Wish, now: float) -> Triggered:
    meta = deployment["metadata"]
    annotations = meta.get("annotations") or {}
    earlier = recorded_triggers(annotations)
    known = next((each for each in earlier if wish.key and each.key == wish.key), None)
    if known is not None:
        return _replayed(meta, known, wish)
    _check_opted_in(meta, annotations, wish)
    template = new_template(deployment, wish)
    release_id = wish.release_id or wish.key or _fresh_id(meta["name"], wish)
    if template == deployment["spec"]["template"]:
        return Triggered(str(annotations.get(RELEASE_ID) or release_id), changed=False)
    record = Trigger(release_id=release_id, key=wish.key, request=wish.digest, by=wish.by, reason=wish.reason, at=now)
    written = {RELEASE_ID: release_id, TRIGGERS: triggers_text((*earlier, record))}
    if wish.policy:
        written[POLICY] = wish.policy
    body = {
        "metadata": {"resourceVersion": meta["resourceVersion"], "annotations": written},
        "spec": {"template": _changed_parts(template)},
    }
    cluster.patch(DEPLOYMENT, meta["name"], meta["namespace"], body)
    return Triggered(release_id, changed=True)


def _replayed(meta: Mapping[str, Any], known: Trigger, wish: Wish) -> Triggered:
    if known.request != wish.digest:
        raise NotNow(
            f"Deployment {meta['namespace']}/{meta['name']}: the idempotency key {wish.key!r} was used for another "
            f"request (release {known.release_id}); take a new key for a new release"
        )
    return Triggered(known.release_id, changed=False, replayed=True)


def _check_opted_in(meta: Mapping[str, Any], annotations: Mapping[str, str], wish: Wish) -> None:
    if not wish.policy and not annotations.get(POLICY):
        raise NotNow(
            f"Deployment {meta['namespace']}/{meta['name']}: metadata.annotations[{POLICY}] is missing, so its change "
            "would roll out unjudged; name a policy"
        )


def _fresh_id(name: str, wish: Wish) -> str:
    return f"{name}-{parse_image(wish.image).tag or parse_image(wish.image).digest.partition(':')[2][:12]}"


def new_template(deployment: Object, wish: Wish) -> dict[str, Any]:
    """The Deployment's pod template with the image and version of the wish. Raises InvalidSpec, NotNow."""
    what = f"Deployment {deployment['metadata']['namespace']}/{deployment['metadata']['name']}"
    _check_image(what, wish.image)
    template: dict[str, Any] = deepcopy(deployment["spec"]["template"])
    container = _container(what, template["spec"]["containers"], wish.container)
    container["image"] = wish.image
    if wish.version:
        if APP_VERSION in (deployment["spec"]["selector"].get("matchLabels") or {}):
            raise NotNow(f"{what}: spec.selector.matchLabels[{APP_VERSION}] fixes the version for ever; take it out")
        template["metadata"] = {**(template.get("metadata") or {})}
        template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), APP_VERSION: wish.version}
    return template


def _check_image(what: str, reference: str) -> None:
    try:
        image = parse_image(reference)
    except ValueError as problem:
        raise InvalidSpec(f"{what}: image: {problem}") from problem
    if image.mutable:
        raise InvalidSpec(
            f"{what}: image {reference!r} may be another one tomorrow; give it a fixed tag (not latest) or a digest"
        )


def _container(what: str, containers: list[dict[str, Any]], named: str | None) -> dict[str, Any]:
    names = [container["name"] for container in containers]
    if named is None:
        if len(containers) > 1:
            raise NotNow(f"{what}: it has the containers {', '.join(names)}; say which one gets the image")
        return containers[0]
    if named not in names:
        raise NotNow(f"{what}: it has no container {named!r}; it has {', '.join(names)}")
    return containers[names.index(named)]


def _changed_parts(template: Mapping[str, Any]) -> dict[str, Any]:
    """What of a template a trigger may have changed: a merge patch leaves all else as it is."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    return {"metadata": {"labels": labels}, "spec": {"containers": template["spec"]["containers"]}}
