"""What somebody asks to see: whose traffic, how much of it, under which policy."""

from __future__ import annotations

import re
from dataclasses import dataclass

from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec
from mesh_adapters.adapter import CLUSTER_DOMAIN

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
DECIMALS = 4
"""A mesh splits traffic to 0.0001 %."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The share of `service` in percent for the canary of `deployment`. Raises InvalidSpec for what no cluster takes.

    `stable_hash` is the pod-template-hash of the stable pods, which a DestinationRule's subset needs.
    `cluster_domain` is what fully qualified hosts end in.
    """

    service: str
    namespace: str
    weight: float
    deployment: str
    policy: DeliveryPolicySpec
    stable_hash: str
    cluster_domain: str = CLUSTER_DOMAIN

    def __post_init__(self) -> None:
        for field in ("service", "namespace", "deployment"):
            _require_label(field, getattr(self, field))
        if not 0 <= self.weight <= 100:
            raise InvalidSpec(f"weight is {self.weight:g}; give a percentage from 0 to 100")
        if round(self.weight, DECIMALS) != self.weight:
            raise InvalidSpec(f"weight is {self.weight!r}; give at most {DECIMALS} decimals, as far as a mesh splits")
        if self.service in (f"{self.deployment}-stable", f"{self.deployment}-canary"):
            raise InvalidSpec(
                f"service {self.service} is what a release of Deployment {self.deployment} would call its own; give "
                "the Service that callers use"
            )


def _require_label(field: str, value: str) -> None:
    if _LABEL.fullmatch(value):
        return
    apart = f"; its namespace goes into --namespace: --{field} {value.partition('.')[0]}" if "." in value else ""
    raise InvalidSpec(
        f"{field} is {value!r}, which nothing can be called; give lower case letters, digits and '-'{apart}"
    )
