"""Which Service a destination host names.

Istio completes a host without a dot with the namespace of the VirtualService it stands in (not the caller's) and the
cluster's domain, and takes any other host as it is. The partly qualified forms are accepted here too, because people
write them and what they mean is clear.
"""

from dataclasses import dataclass

from mesh_adapters.adapter import CLUSTER_DOMAIN


@dataclass(frozen=True, slots=True)
class ServiceHosts:
    """Reads the hosts of a VirtualService in `route_namespace` as Services of `namespace`."""

    route_namespace: str
    namespace: str
    cluster_domain: str = CLUSTER_DOMAIN

    def service(self, host: str) -> str | None:
        """The name of the Service of `namespace` that `host` means; None for anything else."""
        name, dot, rest = host.partition(".")
        if not dot:
            return name if self.route_namespace == self.namespace else None
        return name if rest in self._suffixes() else None

    def covers(self, pattern: str, service: str) -> bool:
        """Whether an entry of spec.hosts, perhaps with a leading wildcard, covers the Service."""
        if pattern.startswith("*"):
            return f"{service}.{self.namespace}.svc.{self.cluster_domain}".endswith(pattern[1:])
        return self.service(pattern) == service

    def _suffixes(self) -> tuple[str, str, str]:
        return (self.namespace, f"{self.namespace}.svc", f"{self.namespace}.svc.{self.cluster_domain}")


def renamed(host: str, service: str) -> str:
    """`host` for another Service beside the one it names, in the same style: short stays short."""
    _, dot, rest = host.partition(".")
    return service + dot + rest
