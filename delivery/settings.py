"""What the controller is told at start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mesh_adapters.adapter import CLUSTER_DOMAIN


@dataclass(frozen=True, slots=True)
class Settings:
    """`namespaces` empty: all of them. `settle_s`: how long after an instant Prometheus is asked for it.

    `cluster_domain`: what fully qualified names of Services end in.

    `lease_namespace`: where the Leases of the leader election are; None for no election, which is safe for one process.
    """

    prometheus_url: str
    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None
    workers: int = 4
    settle_s: float = 1.0
    lease_namespace: str | None = None
    shards: int = 1
    cluster_domain: str = CLUSTER_DOMAIN
