"""The subsets of a release in the DestinationRule of its Service: whether they are there, made, and taken away."""

from __future__ import annotations

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import DESTINATION_RULE
from delivery.cluster.reader import Reader
from delivery.decision.recorded import recorded_policy
from delivery.errors import NotFound
from delivery.reconcile.route_finding import checked
from delivery.reconcile.splits import split_of
from delivery.resources.annotations import POD_TEMPLATE_HASH
from delivery.resources.release import Release
from delivery.workload.canary import canary_labels
from mesh_adapters.adapter import TrafficSplit
from mesh_adapters.istio.subsets import is_arm, with_subsets, without_subsets


def subset_rule(reader: Reader, release: Release) -> Object | None:
    """The DestinationRule that the record names, None where there is none or none is needed."""
    subsets = release.status.subsets
    return None if subsets is None else reader.find(DESTINATION_RULE, subsets.name, subsets.namespace)


def in_place(release: Release, rule: Object | None, stable_hash: str) -> bool:
    """Whether nothing is missing: the subsets tell the pods of this hash and the canary's apart, or none are needed."""
    return release.status.subsets is None or (rule is not None and _with(release, rule, stable_hash) == rule)


def lost(release: Release, rule: Object | None) -> str:
    """The sentence that says that the user's DestinationRule is gone; empty while it is there, or not needed."""
    subsets = release.status.subsets
    if subsets is None or rule is not None:
        return ""
    return f"DestinationRule {subsets.namespace}/{subsets.name} is gone, and with it what the route names"


def some_left(release: Release, rule: Object | None) -> bool:
    """Whether the rule has subsets of ours."""
    split = _split(release)
    present = (((rule or {}).get("spec") or {}).get("subsets")) or ()
    return release.status.subsets is not None and any(is_arm(str(each.get("name")), split) for each in present)


def ensure(cluster: Cluster, release: Release, rule: Object | None, stable_hash: str) -> None:
    """Writes what is missing. Raises Conflict, NotFound (the rule is gone)."""
    subsets = release.status.subsets
    if subsets is None or in_place(release, rule, stable_hash):
        return
    if rule is None:
        raise NotFound(f"DestinationRule {subsets.namespace}/{subsets.name} is gone; put it back")
    cluster.replace(DESTINATION_RULE, _with(release, rule, stable_hash))


def remove(cluster: Cluster, release: Release, rule: Object | None) -> None:
    """Takes ours away; the user's stay. Raises Conflict."""
    if rule is not None and some_left(release, rule):
        cluster.replace(DESTINATION_RULE, without_subsets(rule, _split(release)))


def _with(release: Release, rule: Object, stable_hash: str) -> Object:
    stable, canary = {POD_TEMPLATE_HASH: stable_hash}, canary_labels(release.spec.deployment)
    return checked(lambda: with_subsets(rule, _split(release), stable, canary))


def _split(release: Release) -> TrafficSplit:
    return split_of(release, recorded_policy(release), 0.0)
