"""The ReplicaSet's decisions: which Pods to add, which to take away, and what to report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass

from delivery.cluster.kinds import POD, REPLICA_SET
from delivery.lab.neighbours.ownership import claim, controller_reference, is_going
from delivery.lab.neighbours.plan import Action, Create, Object, Plan, remove, status_change
from delivery.lab.neighbours.pods import available_in, is_active, is_ready, phase, ready_since, restarts
from delivery.lab.neighbours.selectors import holds_all, labels_of

BURST = 500  # pods created or deleted in one pass at most
PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


@dataclass(frozen=True, slots=True)
class ReplicaSetSnapshot:
    """A ReplicaSet, the Pods of its namespace, and the time in seconds since the epoch."""

    replica_set: Object
    pods: Sequence[Object]
    now: float


def plan_replica_set(snapshot: ReplicaSetSnapshot) -> Plan:
    """Pods to create or delete, and the status of the Pods that are there."""
    replica_set = snapshot.replica_set
    reference = controller_reference("apps/v1", REPLICA_SET, replica_set)
    claimed = claim(replica_set, reference, POD, (pod for pod in snapshot.pods if is_active(pod)))
    actions: list[Action] = list(claimed.changes)
    if not is_going(replica_set):
        actions += _to_size(replica_set, claimed.objects, reference)
    reported = status_change(REPLICA_SET, replica_set, _status(snapshot, claimed.objects), "counted its pods")
    if reported:
        actions.append(reported)
    return Plan(tuple(actions), _next_available_in(snapshot, claimed.objects))


def deletion_order(pods: Iterable[Object]) -> list[Object]:
    """Pods in the order they are given up: unassigned, pending, not ready, cheap, restarted and new ones first."""
    return sorted(pods, key=_worth)


def _worth(pod: Object) -> tuple[float, ...]:
    since = ready_since(pod)
    return (
        bool((pod.get("spec") or {}).get("nodeName")),
        PHASE_ORDER.get(phase(pod), 0),
        is_ready(pod),
        _deletion_cost(pod),
        -(since or 0.0),
        -restarts(pod),
        -_age_rank(pod),
    )


def _deletion_cost(pod: Object) -> int:
    try:
        return int((pod["metadata"].get("annotations") or {}).get(DELETION_COST, "0"))
    except ValueError:
        return 0  # as if it had none, like Kubernetes


def _age_rank(pod: Object) -> float:
    # RFC 3339 times of whole seconds in UTC sort as text; their digits are a number that grows with time.
    return float("".join(each for each in pod["metadata"].get("creationTimestamp", "0") if each.isdigit()))


def _to_size(replica_set: Object, active: Sequence[Object], reference: Object) -> list[Action]:
    missing = replica_set["spec"].get("replicas", 1) - len(active)
    if missing >= 0:
        return [Create(POD, _pod(replica_set, reference), "below spec.replicas") for _ in range(min(missing, BURST))]
    surplus = deletion_order(active)[: min(-missing, BURST)]
    return [remove(POD, pod, "above spec.replicas") for pod in surplus]


def _pod(replica_set: Object, reference: Object) -> Object:
    meta, template = replica_set["metadata"], deepcopy(replica_set["spec"]["template"])
    given = template.get("metadata") or {}
    carried = {key: given[key] for key in ("labels", "annotations", "finalizers") if given.get(key)}
    own = {"generateName": f"{meta['name']}-", "namespace": meta["namespace"], "ownerReferences": [reference]}
    return {"metadata": {**carried, **own}, "spec": template["spec"]}


def _status(snapshot: ReplicaSetSnapshot, active: Sequence[Object]) -> Object:
    replica_set = snapshot.replica_set
    template_labels = (replica_set["spec"]["template"].get("metadata") or {}).get("labels") or {}
    waits = [available_in(pod, _min_ready(replica_set), snapshot.now) for pod in active]
    return {
        "replicas": len(active),
        "fullyLabeledReplicas": sum(holds_all(template_labels, labels_of(pod)) for pod in active) or None,
        "readyReplicas": sum(is_ready(pod) for pod in active) or None,
        "availableReplicas": sum(wait == 0 for wait in waits) or None,
        "observedGeneration": replica_set["metadata"].get("generation", 0),
    }


def _next_available_in(snapshot: ReplicaSetSnapshot, active: Sequence[Object]) -> float | None:
    waits = (available_in(pod, _min_ready(snapshot.replica_set), snapshot.now) for pod in active)
    return min((wait for wait in waits if wait), default=None)


def _min_ready(replica_set: Object) -> int:
    return int(replica_set["spec"].get("minReadySeconds") or 0)
