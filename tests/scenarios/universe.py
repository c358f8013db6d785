"""A whole cluster in one thread and in virtual time: API server, neighbouring controllers, kubelet, mesh, Prometheus.

Every part takes its turn when it is told to, in a fixed order or in a drawn one, so a story runs the same way each
time for the same seed, as fast as the machine can, and may be stopped between any two writes.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from delivery.cluster.client import JSON, Object
from delivery.cluster.kinds import DELIVERY_POLICY, DEPLOYMENT, NAMESPACE, RELEASE, SERVICE, VIRTUAL_SERVICE, Kind
from delivery.lab.apiserver.routes import ApiServer
from delivery.lab.apiserver.store import Change, StorageKey
from delivery.lab.control_plane import install_crds
from delivery.lab.footprint import left_behind, user_part
from delivery.lab.shop_routes import ShopRoutes
from delivery.resources.annotations import POLICY
from delivery.resources.crds import write_definitions
from delivery.resources.release import Release, release_from_object
from mesh_adapters.istio.routes import IstioRoutes
from tests.contract.neighbours.shop import template
from tests.reconcile.rig import small_definitions, virtual_service
from tests.scenarios.in_process import InProcessPool, connected
from tests.scenarios.neighbours import Kubelet, MeshStatus, Neighbourhood
from tests.scenarios.store import StoreReader
from tests.scenarios.traffic import Traffic

NOW = 1_700_000_000.0
SHOP, WEB = "shop", "web"
TURN_S = 0.25
POLICY_SPEC: dict[str, Any] = {
    "strategy": {
        "canary": {
            "steps": [5, 50],
            "minStepDuration": "2s",
            "maxStepDuration": "5m",
            "readyDeadline": "1m",
            "drain": "1s",
        }
    },
    "analysis": {
        "interval": "1s",
        "warmUp": "0s",
        "dispersion": 1,
        "metrics": [{"kind": "errorRate"}],
        "noData": {"deadline": "1m"},
    },
}


VIRTUAL_SERVICES = ShopRoutes("istio", IstioRoutes(), ((VIRTUAL_SERVICE, virtual_service(SHOP)),))


@dataclass(slots=True)
class VirtualClock:
    """Time that passes when it is told to."""

    time: float = NOW

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


Turn = Callable[[], None]


class Universe:
    """Namespace `shop` with Deployment, Service and route `web`, and everybody who looks after them.

    `mesh` says what the route is; a VirtualService where it is left out.
    `parties` are those who take turns beside the neighbours: the controllers under test. `order` None is the fixed
    order; otherwise it is drawn anew for each round.
    """

    def __init__(
        self,
        policy: dict[str, Any] | None = None,
        order: random.Random | None = None,
        mesh: ShopRoutes = VIRTUAL_SERVICES,
    ) -> None:
        self.clock = VirtualClock()
        self.server = ApiServer(clock=lambda: datetime.fromtimestamp(self.clock.now(), UTC))
        self.pool = InProcessPool(self.server)
        self.user = connected(self.pool)
        self.reader = StoreReader(self.server)
        self.mesh = mesh
        self.traffic = Traffic(self.reader, self.clock, mesh)
        self.neighbours = Neighbourhood(self.server, self.user, self.clock)
        self.kubelet = Kubelet(self.user, self.reader, self.clock)
        self.mesh_status = MeshStatus(self.user, self.reader, mesh.kind)
        self.parties: list[Turn] = []
        self.changed_at: dict[tuple[str, str], int] = {}
        self.server.store.observe(self._on_change)
        self._order = order
        self._set_up(policy or POLICY_SPEC)
        self.before = {(kind, WEB): user_part(self.user.get(kind, WEB, SHOP)) for kind, _ in mesh.objects}

    def _set_up(self, policy: dict[str, Any]) -> None:
        install_crds(self.user, [*_definitions(), *_mesh_definitions(self.mesh)])
        self.user.create(NAMESPACE, {"metadata": {"name": SHOP}})
        self.create(DELIVERY_POLICY, "standard", policy)
        ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
        self.create(SERVICE, WEB, {"selector": {"app": WEB}, "ports": ports})
        for kind, obj in self.mesh.objects:
            self.user.create(kind, obj)
        spec = {"replicas": 2, "selector": {"matchLabels": {"app": WEB}}, "template": template(WEB, "web:1")}
        meta = {"name": WEB, "namespace": SHOP, "annotations": {POLICY: "standard"}}
        self.user.create(DEPLOYMENT, {"metadata": meta, "spec": spec})

    def _on_change(self, storage: StorageKey, change: Change) -> None:
        self.changed_at[storage] = change.revision

    # -- time --

    def round(self) -> None:
        """Everybody takes a turn, then time passes."""
        turns = [*self.parties, self.neighbours.turn, self.kubelet.turn, self.mesh_status.turn, self.traffic.turn]
        if self._order is not None:
            self._order.shuffle(turns)
        for turn in turns:
            turn()
        self.clock.sleep(TURN_S)

    def until(self, condition: Callable[[], Any], seconds: float = 300.0) -> None:
        """Rounds until `condition` holds. Raises AssertionError where it does not within `seconds`."""
        end = self.clock.now() + seconds
        while not condition():
            assert self.clock.now() < end, f"not within {seconds:g} s: {self.story()}"
            self.round()

    def story(self) -> str:
        """Where the releases stand, for a failing test."""
        return "; ".join(
            f"{found.name} {found.status.phase} {found.status.stage} {found.status.reason}: {found.status.message}"
            for found in self.releases()
        )

    # -- what people do --

    def image(self, image: str, **notes: str) -> None:
        patch = [{"op": "replace", "path": "/spec/template", "value": template(WEB, image, port=8080, **notes)}]
        self.user.patch(DEPLOYMENT, WEB, SHOP, patch, patch_type=JSON)

    def edit(self, **spec: Any) -> None:
        self.user.patch(DEPLOYMENT, WEB, SHOP, {"spec": spec})

    def create(self, kind: Kind, name: str, spec: dict[str, Any]) -> Object:
        return self.user.create(kind, {"metadata": {"name": name, "namespace": SHOP}, "spec": spec})

    def ask(self, verb: str) -> None:
        """Appends an intent to the newest Release."""
        release = self.releases()[-1]
        intents = [intent.model_dump(mode="json", exclude_none=True) for intent in release.spec.intents]
        body = {"spec": {"intents": [*intents, {"verb": verb, "by": "ann"}]}}
        self.user.patch(RELEASE, release.name, SHOP, body)

    # -- what can be seen --

    def deployment(self) -> Object:
        return self.user.get(DEPLOYMENT, WEB, SHOP)

    def releases(self) -> list[Release]:
        """Oldest first."""
        listed = self.reader.list(RELEASE, SHOP)
        listed.sort(key=lambda obj: (obj["metadata"]["creationTimestamp"], obj["metadata"]["uid"]))
        return [release_from_object(obj) for obj in listed]

    def ended(self) -> bool:
        """Whether there are Releases, and all have ended."""
        found = self.releases()
        return bool(found) and all(not release.active for release in found)

    def adopted(self) -> bool:
        return bool(self.deployment()["spec"].get("paused"))

    def left_behind(self) -> list[str]:
        return left_behind(self.user, SHOP, self.before)


@cache
def _definitions() -> tuple[Path, ...]:
    own = write_definitions(Path(tempfile.mkdtemp(prefix="headgate-crds-")))
    return (*own, small_definitions() / "virtualservices.yaml")  # in virtual time every object is checked often


def _mesh_definitions(mesh: ShopRoutes) -> list[Path]:
    """The small CRDs of what this mesh needs beside a VirtualService."""
    if mesh is VIRTUAL_SERVICES:
        return []
    return sorted(path for path in small_definitions().glob("*.yaml") if path.stem != "virtualservices")
