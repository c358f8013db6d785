"""A namespace in which a test deploys: builders, edits, and what can be seen there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import DEPLOYMENT, ENDPOINT_SLICE, ENDPOINTS, POD, REPLICA_SET, SERVICE
from tests.conditions import eventually
from tests.contract.neighbours.kubelet import NODE_NAME

Object = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"


def template(app: str, image: str = "app:1", *, port: int = 8080, **annotations: str | None) -> Object:
    """Pods that are assigned to a node, so that their deletion is graceful; None takes a kubelet note off again."""
    container = {"name": "app", "image": image, "ports": [{"name": "http", "containerPort": port}]}
    notes = {f"kubelet.test/{key}": value for key, value in annotations.items()}
    return {
        "metadata": {"labels": {"app": app}, "annotations": notes},
        "spec": {"nodeName": NODE_NAME, "containers": [container]},
    }


@dataclass(frozen=True, slots=True)
class Shop:
    """One test's namespace."""

    cluster: Cluster
    namespace: str

    def deploy(self, name: str = "app", replicas: int = 3, pods: Object | None = None, **spec: Any) -> Object:
        """Creates a Deployment of pods labelled `app: NAME`."""
        body: Object = {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": pods or template(name),
            **spec,
        }
        return self.cluster.create(DEPLOYMENT, {"metadata": self.named(name), "spec": body})

    def serve(self, name: str = "app", *, selector: dict[str, str] | None = None, target: int | str = "http") -> Object:
        """Creates a Service; by default of the Deployment of the same name."""
        ports = [{"name": "web", "port": 80, "targetPort": target}]
        chosen = {"app": name} if selector is None else selector
        return self.cluster.create(
            SERVICE, {"metadata": self.named(name), "spec": {"selector": chosen, "ports": ports}}
        )

    def named(self, name: str, **labels: str) -> Object:
        return {"name": name, "namespace": self.namespace, **({"labels": labels} if labels else {})}

    def edit(self, name: str = "app", **spec: Any) -> Object:
        """Changes fields of the Deployment's spec."""
        return self.cluster.patch(DEPLOYMENT, name, self.namespace, {"spec": spec})

    def image(self, image: str, name: str = "app") -> Object:
        """Changes the Deployment's image and nothing else."""
        pods = self.deployment(name)["spec"]["template"]
        pods["spec"]["containers"][0]["image"] = image
        return self.edit(name, template=pods)

    # -- what can be seen -----------------------------------------------------------------------------------

    def deployment(self, name: str = "app") -> Object:
        return self.cluster.get(DEPLOYMENT, name, self.namespace)

    def status(self, field: str, name: str = "app") -> int:
        return int(self.deployment(name).get("status", {}).get(field, 0))

    def condition(self, kind: str, name: str = "app") -> tuple[str, str]:
        """(status, reason) of a condition; empty where there is none."""
        for each in self.deployment(name).get("status", {}).get("conditions", []):
            if each["type"] == kind:
                return each["status"], each["reason"]
        return "", ""

    def replica_sets(self, name: str = "app") -> list[Object]:
        """Of the Deployment, by revision."""
        uid = self.deployment(name)["metadata"]["uid"]
        owned = [each for each in self.cluster.list(REPLICA_SET, self.namespace).items if owner_uid(each) == uid]
        return sorted(owned, key=lambda each: int(each["metadata"]["annotations"][REVISION]))

    def sizes(self, name: str = "app") -> list[int]:
        """spec.replicas of the ReplicaSets, by revision."""
        return [each["spec"]["replicas"] for each in self.replica_sets(name)]

    def pods(self, app: str = "app") -> list[Object]:
        """Pods that are not on their way out."""
        found = self.cluster.list(POD, self.namespace, labels={"app": app}).items
        return [each for each in found if not each["metadata"].get("deletionTimestamp")]

    def images(self, app: str = "app") -> list[str]:
        return sorted(each["spec"]["containers"][0]["image"] for each in self.pods(app))

    def complete(self, name: str = "app") -> bool:
        """As `kubectl rollout status` has it, and said so."""
        deployment = self.deployment(name)
        status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
        seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        counts = {status.get(each, 0) for each in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")}
        return seen and counts == {wanted} and self.condition("Progressing", name)[1] == "NewReplicaSetAvailable"

    def wait_complete(self, name: str = "app") -> None:
        eventually(lambda: self.complete(name))

    def addresses(self, service: str = "app") -> tuple[set[str], set[str]]:
        """Names of the ready and the not ready pods in the Service's Endpoints."""
        endpoints = self.cluster.find(ENDPOINTS, service, self.namespace) or {}
        sides: tuple[set[str], set[str]] = (set(), set())
        for subset in endpoints.get("subsets") or []:
            for side, field in zip(sides, ("addresses", "notReadyAddresses"), strict=True):
                side |= {each["targetRef"]["name"] for each in subset.get(field) or []}
        return sides

    def slice_addresses(self, service: str = "app") -> tuple[set[str], set[str]]:
        """The same of its EndpointSlices."""
        sides: tuple[set[str], set[str]] = (set(), set())
        for each in self.slices(service):
            for endpoint in each.get("endpoints") or []:
                sides[0 if endpoint["conditions"]["ready"] else 1].add(endpoint["targetRef"]["name"])
        return sides

    def slices(self, service: str = "app") -> list[Object]:
        labels = {"kubernetes.io/service-name": service}
        return self.cluster.list(ENDPOINT_SLICE, self.namespace, labels=labels).items

    def ports(self, service: str = "app") -> set[tuple[str, int]]:
        """(name, number) of every port in its Endpoints."""
        endpoints = self.cluster.find(ENDPOINTS, service, self.namespace) or {}
        return {
            (port["name"], port["port"]) for one in endpoints.get("subsets") or [] for port in one.get("ports") or []
        }


def owner_uid(obj: Object) -> str:
    """The uid of the controlling owner."""
    references = obj["metadata"].get("ownerReferences") or []
    return next((each["uid"] for each in references if each.get("controller")), "")


def name_of(obj: Object) -> str:
    return str(obj["metadata"]["name"])
