"""Empties a namespace that is being deleted, and lets it go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import (
    CUSTOM_RESOURCE_DEFINITION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    ENDPOINTS,
    EVENT,
    NAMESPACE,
    POD,
    REPLICA_SET,
    SERVICE,
    Kind,
)
from delivery.errors import NotFound
from delivery.lab.neighbours.ownership import is_going

CONFIG_MAP = Kind("", ("v1",), "ConfigMap", "configmaps")
SECRET = Kind("", ("v1",), "Secret", "secrets")
SERVICE_ACCOUNT = Kind("", ("v1",), "ServiceAccount", "serviceaccounts")
LEASE = Kind("coordination.k8s.io", ("v1",), "Lease", "leases")
BUILT_IN = (
    DEPLOYMENT,
    REPLICA_SET,
    POD,
    SERVICE,
    ENDPOINTS,
    ENDPOINT_SLICE,
    EVENT,
    CONFIG_MAP,
    SECRET,
    SERVICE_ACCOUNT,
    LEASE,
)


class Emptier:
    """Knows the built-in kinds the lab uses and every custom kind the server serves."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def empty(self, namespace: Object) -> bool:
        """Deletes what the namespace holds; once nothing is left, lets it go and says True."""
        left = [self._delete_all(kind, namespace["metadata"]["name"]) for kind in self._kinds()]
        if any(left):
            return False
        body = {**namespace, "spec": {**namespace.get("spec", {}), "finalizers": []}}
        self._cluster.replace(NAMESPACE, body, subresource="finalize")
        return True

    def _delete_all(self, kind: Kind, namespace: str) -> bool:
        found: list[Object] = []
        with suppress(NotFound):  # not served
            found = self._cluster.list(kind, namespace).items
        for obj in found:
            if not is_going(obj):
                with suppress(NotFound):
                    self._cluster.delete(kind, obj["metadata"]["name"], namespace, uid=obj["metadata"]["uid"])
        return bool(found)

    def _kinds(self) -> Iterator[Kind]:
        yield from BUILT_IN
        for definition in self._cluster.list(CUSTOM_RESOURCE_DEFINITION).items:
            spec = definition["spec"]
            served = tuple(each["name"] for each in spec["versions"] if each["served"])
            if spec["scope"] == "Namespaced" and served:
                yield Kind(spec["group"], served, spec["names"]["kind"], spec["names"]["plural"])
