"""Names that both Envoy's configuration and Prometheus' relabelling must agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from delivery.resources.annotations import CANARY, TRACK

CLUSTER_HEADER = "x-lab-cluster"
STAT_PATTERN = r"([^~]+)~([^~]+)~([^~]+)~([^~]+)"


@dataclass(frozen=True, slots=True)
class Upstream:
    """One Service port as a cluster of Envoy. `workload` is the Deployment whose pods it selects; the first port of a
    Service answers to its names without a port. A `subset` is the pods of the Service that carry `labels` as well."""

    namespace: str
    service: str
    port: int
    workload: str
    port_name: str = ""
    first: bool = True
    subset: str = ""
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def host(self) -> str:
        return f"{self.service}.{self.namespace}.svc.cluster.local"

    @property
    def cluster(self) -> str:
        """As Istio names it."""
        return cluster_name(self.namespace, self.service, self.port, self.subset)

    @property
    def stat_name(self) -> str:
        """What Prometheus sees; neither Kubernetes names nor Envoy's own use the tilde."""
        return f"{self.namespace}~{self.service}~{self.workload}~{self.port}"

    def narrowed(self, subset: str, labels: Mapping[str, str]) -> Upstream:
        """The subset of that name. A mesh reports the pods' workload, which for the canary's pods is its own."""
        workload = f"{self.workload}-{CANARY}" if labels.get(TRACK) == CANARY else self.workload
        return replace(self, subset=subset, labels=tuple(sorted(labels.items())), workload=workload)


def cluster_name(namespace: str, service: str, port: int, subset: str = "") -> str:
    """The name of a Service port's cluster, whether there is such a Service or not."""
    return f"outbound|{port}|{subset}|{service}.{namespace}.svc.cluster.local"
