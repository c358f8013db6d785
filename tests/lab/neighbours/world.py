"""A cluster in memory: objects, and what a plan makes of them."""

from __future__ import annotations

import itertools
from copy import deepcopy
from typing import Any

from delivery.cluster.kinds import DEPLOYMENT, POD, REPLICA_SET, Kind
from delivery.lab.neighbours.deployment import DeploymentSnapshot, plan_deployment
from delivery.lab.neighbours.plan import Action, Change, Create, Plan, Remove
from delivery.lab.neighbours.replica_set import ReplicaSetSnapshot, plan_replica_set

Object = dict[str, Any]
START = 1_800_000_000.0


def pod_template(image: str) -> Object:
    return {"metadata": {"labels": {"app": "app"}}, "spec": {"containers": [{"name": "app", "image": image}]}}


class World:
    """One Deployment `app`, its ReplicaSets and Pods."""

    def __init__(self, **spec: Any) -> None:
        self.now = START
        self._numbers = itertools.count(1)
        self.objects: dict[Kind, dict[str, Object]] = {DEPLOYMENT: {}, REPLICA_SET: {}, POD: {}}
        body = {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "app"}},
            "template": pod_template("app:1"),
            "progressDeadlineSeconds": 600,
            **spec,
        }
        self.create(DEPLOYMENT, {"metadata": {"name": "app", "namespace": "shop"}, "spec": body})

    @property
    def deployment(self) -> Object:
        return self.objects[DEPLOYMENT]["app"]

    def all(self, kind: Kind) -> list[Object]:
        return list(self.objects[kind].values())

    def edit(self, **spec: Any) -> None:
        self.deployment["spec"].update(spec)
        self.deployment["metadata"]["generation"] += 1

    # -- passes ---------------------------------------------------------------------------------------------

    def deployment_pass(self) -> Plan:
        found = deepcopy((self.deployment, self.all(REPLICA_SET), self.all(POD)))
        return self.apply(plan_deployment(DeploymentSnapshot(*found, self.now)))

    def replica_set_pass(self, name: str) -> Plan:
        found = deepcopy((self.objects[REPLICA_SET][name], self.all(POD)))
        return self.apply(plan_replica_set(ReplicaSetSnapshot(*found, self.now)))

    def ready(self, name: str) -> None:
        self.objects[POD][name]["status"] = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2027-01-15T08:00:00Z"}],
        }

    def settle(self) -> None:
        """Passes until nobody has anything to do, pods getting ready on the way."""
        for _ in range(200):
            plans = [self.deployment_pass(), *(self.replica_set_pass(name) for name in list(self.objects[REPLICA_SET]))]
            waiting = [name for name, pod in self.objects[POD].items() if "status" not in pod]
            for name in waiting:
                self.ready(name)
            if not waiting and not any(plan.actions for plan in plans):
                return
        raise AssertionError("it never settles")

    # -- applying -------------------------------------------------------------------------------------------

    def apply(self, plan: Plan) -> Plan:
        for action in plan.actions:
            self._apply_one(action)
        return plan

    def create(self, kind: Kind, obj: Object) -> None:
        number = next(self._numbers)
        meta = obj["metadata"]
        meta.setdefault("name", f"{meta.get('generateName', '')}{number}")
        moment = f"2027-01-15T08:{number // 60 % 60:02d}:{number % 60:02d}Z"
        meta |= {"uid": f"uid-{number}", "resourceVersion": "1", "generation": 1, "creationTimestamp": moment}
        self.objects[kind][meta["name"]] = obj

    def _apply_one(self, action: Action) -> None:
        match action:
            case Create(kind, obj, _):
                assert obj["metadata"].get("name") not in self.objects[kind]
                self.create(kind, deepcopy(obj))
            case Change(kind, name, _, body, _, _):
                obj = self.objects[kind][name]
                assert body["metadata"]["uid"] == obj["metadata"]["uid"]
                merge(obj, deepcopy(body))
                obj["metadata"]["generation"] += "spec" in body
            case Remove(kind, name, _, uid, _):
                assert self.objects[kind].pop(name)["metadata"]["uid"] == uid


def merge(target: Object, patch: Object) -> None:
    """A JSON merge patch."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            merge(target.setdefault(key, {}), value)
        else:
            target[key] = value
