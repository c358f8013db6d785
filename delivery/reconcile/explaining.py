"""What would happen if a Deployment were changed: the decision the controller would take, taken without it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import DEPLOYMENT, SERVICE
from delivery.cluster.reader import Live, Reader
from delivery.decision.actions import Announce, CreateRelease
from delivery.decision.at_rest import deliver
from delivery.decision.guards import before_roll_out
from delivery.decision.snapshot import Snapshot, StableSet, Workload, is_pending
from delivery.decision.steps import replicas_for
from delivery.errors import NotFound
from delivery.reconcile.gather import Gatherer
from delivery.reconcile.parsed import Releases
from delivery.reconcile.routes import Routes
from delivery.resources.annotations import POLICY
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Release
from mesh_adapters.meshes import meshes

Change = Callable[[Object], Object]
"""The Deployment as it would be; it may keep parts of the one it is given."""


class Happens(StrEnum):
    """What a change leads to."""

    RELEASE = "release"
    LIGHT = "light"
    NOTHING = "nothing"
    WAITS = "waits"
    REFUSED = "refused"
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step: percent of the traffic, canary pods for it, and between which seconds it is left."""

    weight: float
    canary_pods: int
    at_least_s: float
    at_most_s: float
    gate: str | None


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """A release that would begin. `routes` are edited and given back; none where one is made for its duration."""

    name: str
    service: str
    policy: str
    mesh: str
    routes: tuple[str, ...]
    steps: tuple[StepPlan, ...]
    metrics: tuple[str, ...]
    wrong_rollback: float
    wrong_advance: float
    on_inconclusive: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`says` is a sentence for a person. `before` and `after` are the pod templates that would be compared."""

    happens: Happens
    says: str
    before: dict[str, Any]
    after: dict[str, Any]
    plan: ReleasePlan | None = None


def explain(cluster: Cluster, namespace: str, name: str, change: Change) -> Explanation:
    """Reads the cluster and lets it try the change out; writes nothing.

    Raises NotFound, InvalidSpec for what the cluster would not store, Refused where the caller may not change it.
    """
    live = Live(cluster)
    routes = Routes(cluster, meshes())
    gatherer = Gatherer(live, routes, Releases())
    found = gatherer.gather(namespace, name)
    if found.deployment is None:
        raise NotFound(f"{DEPLOYMENT} {namespace}/{name}: there is none; name a Deployment")
    wanted = change(deepcopy(found.deployment))
    wanted["metadata"].pop("resourceVersion", None)  # its status changes all the time, which is no conflict here
    changed = cluster.try_out(DEPLOYMENT, wanted)
    # As it will be at rest: what is left to tidy up by then is not the question here.
    ended = tuple(each.model_copy(update={"finalizers": ()}) for each in found.finished)
    at_rest = replace(found, deployment=changed, active=None, finished=ended, superfluous=(), canary=None, services={})
    snapshot = gatherer.snapshot(at_rest, None, None, "")
    before = snapshot.stable.template if snapshot.stable else {}
    happens, says, created = _decided(snapshot, found.active)
    plan = _plan(live, routes, snapshot, created) if created is not None else None
    return Explanation(happens, says, before, changed["spec"]["template"], plan)


def _decided(snapshot: Snapshot, active: Release | None) -> tuple[Happens, str, CreateRelease | None]:
    workload = snapshot.workload
    if workload is None or not snapshot.opted_in:
        return Happens.UNJUDGED, f"it has no annotation {POLICY}, so Kubernetes rolls it out at once, unjudged", None
    if active is not None:
        first = _first(active, workload, snapshot.stable)
        if isinstance(first, tuple):
            return *first, None
        return _at_rest(snapshot, workload, f"{first}, then ")
    if not workload.paused:
        said = "it is not adopted yet (spec.paused is not true), so Kubernetes rolls it out at once, unjudged"
        return Happens.UNJUDGED, said, None
    return _at_rest(snapshot, workload, "")


def _at_rest(snapshot: Snapshot, workload: Workload, first: str) -> tuple[Happens, str, CreateRelease | None]:
    """What the controller does once no Release is active."""
    for action in deliver(snapshot, workload).actions:
        if isinstance(action, CreateRelease) and action.spec.light:
            return Happens.LIGHT, f"{first}it rolls out without a canary: what runs in the pods stays the same", None
        if isinstance(action, CreateRelease):
            steps = ", ".join(f"{weight:g} %" for weight in action.spec.delivery_policy.weights)
            return Happens.RELEASE, f"{first}Release {action.name} begins, in the steps {steps}", action
        if isinstance(action, Announce):
            return Happens.REFUSED, action.message, None
    return Happens.NOTHING, _why_nothing(snapshot, workload), None


def _first(active: Release, workload: Workload, stable: StableSet | None) -> str | tuple[Happens, str]:
    """What becomes of the Release that is going on, and all there is to say where nothing follows it."""
    if workload.template_hash == active.spec.canary.template_hash:
        return Happens.NOTHING, f"Release {active.name} is delivering this template ({active.status.phase})"
    if not before_roll_out(active.status):
        return Happens.WAITS, f"it waits for the end of Release {active.name} ({active.status.phase}), then is judged"
    if not is_pending(workload, stable):
        return Happens.NOTHING, f"Release {active.name} is withdrawn: this is the template that stable runs"
    return f"Release {active.name} is superseded, its share going to 0 %"


def _why_nothing(snapshot: Snapshot, workload: Workload) -> str:
    if not is_pending(workload, snapshot.stable):
        return "the pod template stays the same, and only its changes begin releases"
    newest = snapshot.previous[-1] if snapshot.previous else None
    which = f"Release {newest.name} delivered it ({newest.status.phase})" if newest else "it was rejected"
    return f"{which}; it is delivered again when it changes, or on `headgate retry`"


def _plan(reader: Reader, routes: Routes, snapshot: Snapshot, created: CreateRelease) -> ReleasePlan | None:
    policy, workload, stable = created.spec.delivery_policy, snapshot.workload, snapshot.stable
    service = reader.find(SERVICE, created.spec.service, workload.namespace) if workload else None
    if workload is None or stable is None or service is None:
        return None
    found = routes.preview(reader, workload.namespace, workload.name, service, policy)
    named = ((adapter.ref.kind, route["metadata"]) for adapter, route in found.routes)
    return ReleasePlan(
        name=created.name,
        service=created.spec.service,
        policy=created.spec.policy_name,
        mesh=found.mesh,
        routes=tuple(f"{kind} {meta['namespace']}/{meta['name']}" for kind, meta in named),
        steps=_steps(policy, stable.replicas),
        metrics=tuple(metric.name for metric in policy.analysis.metrics),
        wrong_rollback=policy.analysis.risk.wrong_rollback,
        wrong_advance=policy.analysis.risk.wrong_advance,
        on_inconclusive=policy.strategy.canary.on_inconclusive,
    )


def _steps(policy: DeliveryPolicySpec, stable_replicas: int) -> tuple[StepPlan, ...]:
    canary = policy.strategy.canary
    return tuple(
        StepPlan(
            weight=step.weight,
            canary_pods=replicas_for(step.weight, stable_replicas),
            at_least_s=canary.min_step_duration if step.min_duration is None else step.min_duration,
            at_most_s=canary.max_step_duration,
            gate=step.gate,
        )
        for step in canary.steps
    )
