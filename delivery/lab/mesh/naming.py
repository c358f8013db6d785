"""Names that both Envoy's configuration and Prometheus' relabelling must agree on."""

from __future__ import annotations

from dataclasses import dataclass

CLUSTER_HEADER = "x-lab-cluster"
STAT_PATTERN = r"([^~]+)~([^~]+)~([^~]+)~([^~]+)"


@dataclass(frozen=True, slots=True)
class Upstream:
    """One Service port as a cluster of Envoy. `workload` is the Deployment whose pods it selects; the first port of a
    Service answers to its names without a port."""

    namespace: str
    service: str
    port: int
    workload: str
    port_name: str = ""
    first: bool = True

    @property
    def host(self) -> str:
        return f"{self.service}.{self.namespace}.svc.cluster.local"

    @property
    def cluster(self) -> str:
        """As Istio names it."""
        return f"outbound|{self.port}||{self.host}"

    @property
    def stat_name(self) -> str:
        """What Prometheus sees; neither Kubernetes names nor Envoy's own use the tilde."""
        return f"{self.namespace}~{self.service}~{self.workload}~{self.port}"
