"""The promises of the design, asked after every single write to the API server, whoever made it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from delivery.cluster.client import Object
from delivery.cluster.kinds import DEPLOYMENT, ENDPOINT_SLICE, POD, RELEASE, SERVICE
from delivery.lab.apiserver.store import Change, StorageKey
from delivery.reconcile.triggers import SERVICE_NAME
from delivery.resources.annotations import CANARY, TRACK
from delivery.resources.release import Phase, Release, Stage, release_from_object
from delivery.workload.revision import template_hash
from tests.scenarios.traffic import share_of
from tests.scenarios.universe import SHOP, WEB, Universe

CARRYING = {Phase.SHIFTING, Phase.PAUSED, Phase.PROMOTING, Phase.STALLED}
EARLY = {Phase.PENDING, Phase.PREPARING, Phase.SHIFTING, Phase.PAUSED}
RELEASES = (RELEASE.group, RELEASE.plural)
DEPLOYMENTS = (DEPLOYMENT.group, DEPLOYMENT.plural)
PODS = (POD.group, POD.plural)


@dataclass(frozen=True, slots=True)
class Weights:
    """The canary's share before and after a write; None where the route is not split."""

    before: float | None
    after: float | None

    @property
    def raised(self) -> bool:
        return (self.after or 0.0) > (self.before or 0.0)


class Invariants:
    """Watches a universe's store. `broken` says what was broken, at which revision.

    `exempt` are the users' own doings (the emergency exit, pods that are lost): what follows from them is not ours.
    """

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._reader = universe.reader
        self.broken: list[str] = []
        self.exempt = False
        self.lost_pods = False
        self.outside = False
        self._withdrawn: set[str] = set()
        self._approved = {template_hash(universe.deployment()["spec"]["template"])}
        self._active = self._release()
        universe.server.store.observe(self._on_change)

    def check(self) -> None:
        assert self.broken == [], "\n".join(self.broken)

    def _on_change(self, storage: StorageKey, change: Change) -> None:
        if storage == RELEASES:
            self._on_release(change)
        if self.exempt or self.outside:
            return
        kind = self._universe.mesh.kind
        checks = {(kind.group, kind.plural): self._on_route, DEPLOYMENTS: self._on_deployment, PODS: self._on_pod}
        if storage in checks:
            self._tell(change, checks[storage](change))
        self._tell(change, self._always())

    def _tell(self, change: Change, found: Iterator[str]) -> None:
        where = f"revision {change.revision} ({change.kind} {'/'.join(change.key)})"
        self.broken += [f"{where}: {what}; {self._universe.story()}" for what in found]

    # -- after a Release was written --

    def _on_release(self, change: Change) -> None:
        self._active = self._release()
        active = [each for each in self._universe.releases() if each.active and each.status.phase is not Phase.PENDING]
        if len(active) > 1:
            self._tell(change, iter([f"{len(active)} Releases are active"]))
        for release in self._universe.releases():
            status = release.status
            if status.phase is Phase.ROLLING_BACK:
                self._withdrawn.add(release.uid)
            rolls_out = status.phase is Phase.PROMOTING and status.stage is not Stage.SHIFT_ALL
            if rolls_out or status.phase is Phase.SUCCEEDED:
                self._approved.add(release.spec.canary.template_hash)

    # -- after the route was written --

    def _on_route(self, change: Change) -> Iterator[str]:
        weights = Weights(self._share(change.previous), self._share(change.current))
        release = self._active
        if weights.after is not None and release is None:
            yield "the route is split without an active Release"
        if release is None or weights.after is None:
            return
        if weights.after not in (release.status.traffic.desired_weight, weights.before):
            yield f"weight {weights.after:g} was written without the intent ({release.status.traffic.desired_weight})"
        if weights.raised:
            yield from self._on_raise(release, weights)

    def _on_raise(self, release: Release, weights: Weights) -> Iterator[str]:
        if release.status.phase not in CARRYING:
            yield f"weight raised to {weights.after:g} while {release.status.phase}"
        if release.uid in self._withdrawn:
            yield f"weight raised to {weights.after:g} after it was withdrawn"
        if not self._ready("web-canary"):
            yield f"weight raised to {weights.after:g} without a ready canary"

    # -- after a workload was written --

    def _on_deployment(self, change: Change) -> Iterator[str]:
        release, weight = self._active, self._universe.traffic.share()
        same = change.previous is not None and change.previous["spec"] == change.current["spec"]
        if same and change.kind != "DELETED":
            return  # its status is the neighbours' to write
        if release is not None and release.uid in self._withdrawn and weight:
            yield "a Deployment was touched before the canary's weight was 0"
        if change.key[1] == WEB and change.previous is not None and release is not None:
            unpaused = change.previous["spec"].get("paused") and not change.current["spec"].get("paused")
            if unpaused and release.status.phase in EARLY:
                yield f"the Deployment was unpaused while {release.status.phase}"

    def _on_pod(self, change: Change) -> Iterator[str]:
        """Stable pods stay as they are until a rollout begins."""
        release, previous = self._active, change.previous
        early = release is None or release.status.phase in EARLY
        if previous is None or self._is_canary(previous) or not early or self.lost_pods:
            return
        going = "deletionTimestamp" in change.current["metadata"] or change.kind == "DELETED"
        if going and release is not None and not previous["metadata"].get("deletionTimestamp"):
            yield f"a stable pod goes while {release.status.phase}"

    # -- always --

    def _always(self) -> Iterator[str]:
        share = self._universe.traffic.share()
        reached = self._reached(share)
        for name, pods in reached.items():
            if not pods and not self.lost_pods and self._reader.find(SERVICE, WEB, SHOP):
                yield f"requests to {name} reach no pod (weight {share})"
        for name, pods in reached.items():
            unjudged = [pod for pod in pods if not self._is_judged(pod, name, share)]
            if unjudged:
                yield f"{name} reaches pods that nobody judged: {', '.join(unjudged)} (weight {share})"

    def _reached(self, share: float | None) -> dict[str, list[str]]:
        """The Services that get requests, and the pods that are ready behind each."""
        if share is None:
            return {WEB: self._ready(WEB)}
        arms = {"web-stable": share < 100, "web-canary": share > 0}
        return {name: self._ready(name) for name, used in arms.items() if used}

    def _is_judged(self, pod_name: str, service: str, share: float | None) -> bool:
        pod = self._reader.find(POD, pod_name, SHOP)
        if pod is None:
            return True
        if share is not None and service == "web-canary":
            return self._is_canary(pod)
        if self._is_canary(pod):
            return self._active is None or self._active.spec.canary.template_hash in self._approved
        return self._hash(pod) in self._approved

    def _hash(self, pod: Object) -> str:
        made_by = next((owner["uid"] for owner in pod["metadata"].get("ownerReferences") or ()), None)
        for replica_set in self._universe.neighbours.replica_sets():
            if replica_set["metadata"]["uid"] == made_by:
                return template_hash(replica_set["spec"]["template"])
        return ""

    def _is_canary(self, pod: Object) -> bool:
        return bool((pod["metadata"].get("labels") or {}).get(TRACK) == CANARY)

    def _ready(self, service: str) -> list[str]:
        return [
            endpoint["targetRef"]["name"]
            for endpoint_slice in self._reader.list(ENDPOINT_SLICE, SHOP, labels={SERVICE_NAME: service})
            for endpoint in endpoint_slice.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready", True)
        ]

    def _share(self, route: Object | None) -> float | None:
        return share_of(self._universe.mesh, route)

    def _release(self) -> Release | None:
        listed = [release_from_object(obj) for obj in self._reader.list(RELEASE, SHOP)]
        return next((release for release in listed if release.active), None)
