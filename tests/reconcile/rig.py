"""A closed loop for tests: a namespace with the shop in it, a mesh with traffic, and our controller in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from delivery.clock import Clock, WallClock
from delivery.cluster.client import JSON, Cluster, Object
from delivery.cluster.informer import Informer, Name
from delivery.cluster.kinds import DELIVERY_POLICY, DEPLOYMENT, EVENT, RELEASE, SERVICE, VIRTUAL_SERVICE, Kind
from delivery.lab.footprint import left_behind, user_part
from delivery.reconcile.runner import Controller
from delivery.resources.annotations import POLICY
from delivery.resources.crds import write_definitions
from delivery.resources.release import Phase, Release, ReleaseStatus, release_from_object
from delivery.settings import Settings
from delivery.telemetry.collector import Collector
from delivery.telemetry.prometheus import MetricsSource
from mesh_adapters.meshes import meshes
from tests.conditions import eventually
from tests.contract.neighbours.shop import template
from tests.contract.routes.valid_routes import crd_file
from tests.reconcile.mesh import Mesh

NAME = "web"
SETTLE_S = 0.15
FAST: dict[str, Any] = {
    "mesh": {"propagationDelay": "100ms"},
    "strategy": {
        "canary": {
            "steps": [5, 50],
            "minStepDuration": "200ms",
            "maxStepDuration": "60s",
            "readyDeadline": "30s",
            "drain": "0s",
        }
    },
    "analysis": {
        "interval": "200ms",
        "warmUp": "0s",
        "metrics": [{"kind": "errorRate"}],
        "noData": {"deadline": "30s"},
    },
}


def fast(*, analysis: dict[str, Any] | None = None, **canary: Any) -> dict[str, Any]:
    """FAST with some fields of `strategy.canary` or `analysis` set otherwise."""
    return {
        **FAST,
        "strategy": {"canary": {**FAST["strategy"]["canary"], **canary}},
        "analysis": {**FAST["analysis"], **(analysis or {})},
    }


def virtual_service(namespace: str) -> Object:
    """One that a user could have written, with what a release must leave alone."""
    made: Object = yaml.safe_load(f"""
metadata: {{name: web, namespace: {namespace}, annotations: {{shop.example/owner: the shop's team}}}}
spec:
  hosts: [web, shop.example.com]
  gateways: [mesh, edge]
  http:
  - {{name: static, match: [{{uri: {{prefix: /static}}}}], route: [{{destination: {{host: files}}}}], timeout: 3s}}
  - name: primary
    route: [{{destination: {{host: web.{namespace}.svc.cluster.local, port: {{number: 80}}}}}}]
    retries: {{attempts: 2, perTryTimeout: 1s}}
""")
    return made


@dataclass(slots=True)
class Rig:
    """One namespace with everything in it. `cluster` is the tests' own client; the controller may get another."""

    cluster: Cluster
    namespace: str
    seed: int = 1
    clock: Clock = field(default_factory=WallClock)
    controllers_cluster: Cluster | None = None
    controllers_source: MetricsSource | None = None
    statuses: list[tuple[int, str, ReleaseStatus]] = field(default_factory=list)
    before: Object | None = None
    newest: Release | None = None
    _mesh: Mesh | None = None
    _watch: Informer | None = None
    _controller: Controller | None = None
    _names: list[str] = field(default_factory=list)

    # -- setting up and ending --

    def begin(self, policy: dict[str, Any] | None = None) -> None:
        """The shop, adopted by a controller that runs."""
        self.set_up(policy)
        self.deploy()
        self.start()
        self.adopted()

    def set_up(self, policy: dict[str, Any] | None = None, **without: bool) -> None:
        """Creates the shop (`route=False`, `service=False`, `policy_object=False`: without) and starts the mesh."""
        if without.get("policy_object", True):
            self.create(DELIVERY_POLICY, "standard", policy if policy is not None else FAST)
        if without.get("service", True):
            self.serve(NAME)
        if without.get("route", True):
            self.cluster.create(VIRTUAL_SERVICE, virtual_service(self.namespace))
        self.before = user_part(self.cluster.find(VIRTUAL_SERVICE, NAME, self.namespace))
        self.mesh.start()
        self._watch = Informer(self.cluster, RELEASE, self.namespace, on_change=self._on_release)
        self._watch.start()

    def deploy(self, **spec: Any) -> None:
        """The annotated Deployment with its first version."""
        body = {
            "replicas": 2,
            "selector": {"matchLabels": {"app": NAME}},
            "template": template(NAME, "web:1"),
            **spec,
        }
        meta = {"name": NAME, "namespace": self.namespace, "annotations": {POLICY: "standard"}}
        self.cluster.create(DEPLOYMENT, {"metadata": meta, "spec": body})

    def start(self) -> None:
        """Starts a controller for this namespace."""
        settings = Settings("http://prometheus.invalid", namespace=self.namespace, workers=2, settle_s=SETTLE_S)
        collector = Collector(self.controllers_source or self.mesh.prometheus, settle=SETTLE_S)
        cluster = self.controllers_cluster or self.cluster
        self._controller = Controller(settings, cluster, meshes(), collector, self.clock)
        self._controller.start()

    def stop(self) -> None:
        """Stops the controller; the shop goes on."""
        if self._controller:
            self._controller.stop()
            self._controller = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def end(self) -> None:
        """Stops everything."""
        self.stop()
        if self._watch:
            self._watch.stop()
        self.mesh.stop()

    # -- what people do --

    def image(self, image: str, *, ready: bool = True) -> None:
        """Changes the template; `ready=False` makes pods that never get ready."""
        notes = {} if ready else {"readiness": "never"}
        patch = [{"op": "replace", "path": "/spec/template", "value": template(NAME, image, port=8080, **notes)}]
        self.cluster.patch(DEPLOYMENT, NAME, self.namespace, patch, patch_type=JSON)

    def edit(self, **spec: Any) -> None:
        self.cluster.patch(DEPLOYMENT, NAME, self.namespace, {"spec": spec})

    def annotate(self, **annotations: str | None) -> None:
        """Sets `headgate.dev/KEY` on the Deployment; None takes it off."""
        noted = {f"headgate.dev/{key}": value for key, value in annotations.items()}
        self.cluster.patch(DEPLOYMENT, NAME, self.namespace, {"metadata": {"annotations": noted}})

    def ask(self, verb: str, release: Release, **more: str) -> None:
        """Appends an intent to the Release."""
        intents = [intent.model_dump(mode="json", exclude_none=True) for intent in release.spec.intents]
        body = {"spec": {"intents": [*intents, {"verb": verb, "by": "ann", **more}]}}
        self.cluster.patch(RELEASE, release.name, self.namespace, body)

    def create(self, kind: Kind, name: str, spec: dict[str, Any]) -> Object:
        namespace = {"namespace": self.namespace} if kind.namespaced else {}
        return self.cluster.create(kind, {"metadata": {"name": name, **namespace}, "spec": spec})

    def serve(self, name: str, **selector: str) -> Object:
        ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
        return self.create(SERVICE, name, {"selector": selector or {"app": NAME}, "ports": ports})

    # -- what can be seen --

    @property
    def mesh(self) -> Mesh:
        if self._mesh is None:
            self._mesh = Mesh(self.cluster, self.namespace, self.clock, self.seed)
        return self._mesh

    def deployment(self, name: str = NAME) -> Object:
        return self.cluster.get(DEPLOYMENT, name, self.namespace)

    def releases(self) -> list[Release]:
        """Oldest first."""
        listed = self.cluster.list(RELEASE, self.namespace).items
        listed.sort(key=lambda obj: (obj["metadata"]["creationTimestamp"], int(obj["metadata"]["generation"])))
        return [release_from_object(obj) for obj in listed]

    def release(self) -> Release:
        """The only one."""
        [found] = self.releases()
        return found

    def events(self, reason: str = "") -> list[Object]:
        """Our Events, or those of one reason."""
        found = self.cluster.list(EVENT, self.namespace).items
        ours = [event for event in found if (event.get("source") or {}).get("component") == "headgate"]
        return [event for event in ours if reason in {"", event["reason"]}]

    def weights(self) -> list[float]:
        """Every share the VirtualService was given, in order, without repetitions."""
        seen: list[float] = []
        for _, weight in self.mesh.writes:
            if not seen or seen[-1] != (weight or 0.0):
                seen.append(weight or 0.0)
        return seen

    # -- waiting --

    def adopted(self) -> None:
        eventually(lambda: self.deployment()["spec"].get("paused"))

    def event(self, reason: str) -> Object:
        return eventually(lambda: self.events(reason))[0]

    def until(self, condition: Callable[[Release], bool], timeout_s: float = 30.0) -> Release:
        """The newest Release once `condition` holds of it."""

        def probe() -> Release | None:
            return self.newest if self.newest and condition(self.newest) else None

        found = eventually(probe, timeout_s)
        assert found is not None
        return found

    def ended(self, timeout_s: float = 40.0) -> Release:
        found = self.until(lambda release: release.status.phase.final, timeout_s)
        route = self.cluster.find(VIRTUAL_SERVICE, NAME, self.namespace)
        if route:  # releases and routes are two watches: let the other one catch up
            version = int(route["metadata"]["resourceVersion"])
            eventually(lambda: self.mesh.writes[-1][0] >= version)
        return found

    # -- judging --

    def check_unwound(self, *, paused: bool = True) -> None:
        """The namespace is as before the release."""
        assert left_behind(self.cluster, self.namespace, {(VIRTUAL_SERVICE, NAME): self.before}) == []
        assert bool(self.deployment()["spec"].get("paused")) is paused

    def check_invariants(self) -> None:
        """Every weight the mesh was given was recorded as intent before, by a Release whose phase may carry traffic."""
        previous: float | None = None
        for version, weight in self.mesh.writes:
            told = [status for at, _, status in self.statuses if at < version]
            raised = weight is not None and weight > (previous or 0.0)
            if raised:
                assert told, f"weight {weight} before any status"
                assert told[-1].traffic.desired_weight == weight, (weight, told[-1])
                assert told[-1].phase in {Phase.SHIFTING, Phase.PAUSED, Phase.PROMOTING, Phase.STALLED}, told[-1].phase
            previous = weight

    def _on_release(self, name: Name, obj: Object | None) -> None:
        if obj is not None:
            release = release_from_object(obj)
            self.statuses.append((int(obj["metadata"]["resourceVersion"]), name[1], release.status))
            if name[1] not in self._names:
                self._names.append(name[1])
            if name[1] == self._names[-1]:
                self.newest = release


def definitions(folder: Path) -> list[Path]:
    """The CRDs that a loop needs: ours, and VirtualServices.

    Istio's own where there is one: a control plane is shared, and the first definition of a kind stays.
    """
    return [*write_definitions(folder), crd_file(VIRTUAL_SERVICE)]


def small_definitions() -> Path:
    """The folder of the meshes' CRDs as far as the lab needs them."""
    return Path(str(resources.files("delivery.lab") / "crds"))
