"""What a release left behind: anything of ours in the cluster, anything of the user's that is not as it was."""

from __future__ import annotations

from collections.abc import Mapping

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import DEPLOYMENT, SERVICE, Kind
from delivery.resources.annotations import MANAGED_BY, MANAGER

OURS = {MANAGED_BY: MANAGER}


def user_part(route: Object | None) -> Object | None:
    """A route without what the API server alone writes."""
    if route is None:
        return None
    meta = route["metadata"]
    return {
        "annotations": meta.get("annotations") or {},
        "labels": meta.get("labels") or {},
        "spec": route.get("spec"),
    }


def left_behind(cluster: Cluster, namespace: str, before: Mapping[tuple[Kind, str], Object | None]) -> list[str]:
    """One line for each thing that should not be there, empty when the namespace is as before the release.

    `before` are the `user_part`s of the mesh's objects, by kind and name.
    """
    kinds = dict.fromkeys((DEPLOYMENT, SERVICE, *(kind for kind, _ in before)))
    found = [
        f"{kind.name} {item['metadata']['name']}"
        for kind in kinds
        for item in cluster.list(kind, namespace, labels=OURS).items
    ]
    for (kind, name), part in before.items():
        if user_part(cluster.find(kind, name, namespace)) != part:
            found.append(f"{kind.name} {name} is not as the user had it")
    return found
