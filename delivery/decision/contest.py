"""Somebody else edits the split: once is put right, again and again is a contest that only people can end."""

from __future__ import annotations

from delivery.decision.snapshot import Snapshot
from delivery.decision.steps import same_weight
from delivery.resources.release import ReleaseStatus

CONTESTED = "RouteContested"
EDITS_ALLOWED = 3
WITHIN_S = 300.0
_SPLIT_FIELDS = {
    "VirtualService": ".spec.http[].route",
    "HTTPRoute": ".spec.rules[].backendRefs",
    "GRPCRoute": ".spec.rules[].backendRefs",
    "TrafficSplit": ".spec.backends",
}


def edited_outside(snapshot: Snapshot, status: ReleaseStatus) -> bool:
    """Whether the mesh was read to carry what we wished, and carries something else now.

    A route that no process of this leader wrote yet is not an edit: its fence is only to be renewed.
    """
    traffic = status.traffic
    verified = traffic.verified_weight is not None and same_weight(traffic.verified_weight, traffic.desired_weight)
    return verified and not same_weight(snapshot.route.weight, traffic.verified_weight)


def route_contested(snapshot: Snapshot, status: ReleaseStatus, now: float) -> str | None:
    """The sentence that tells of a contest: one more edit after several were put right a short time ago."""
    recent = [at for at in status.traffic.corrections if now - at <= WITHIN_S]
    if len(recent) < EDITS_ALLOWED or not edited_outside(snapshot, status):
        return None
    where = ", ".join(f"{route.kind} {route.namespace}/{route.name}" for route in status.routes)
    fields = sorted({_SPLIT_FIELDS.get(route.kind, ".spec") for route in status.routes})
    return (
        f"the split of {where} was edited {len(recent) + 1} times in {now - recent[0]:.0f} s by "
        f"{snapshot.route.editor or 'somebody else'}: let it ignore {' and '.join(fields)} "
        "(in Argo CD: ignoreDifferences), then resume the Release"
    )
