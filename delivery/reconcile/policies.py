"""Says of each policy whether it can be used: the Ready condition, and an Event that names field and reason."""

from __future__ import annotations

from delivery.clock import Clock, to_rfc3339
from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import Kind
from delivery.errors import InvalidSpec, NotFound
from delivery.reconcile.events import Events
from delivery.resources.policy import parse_policy


class PolicyChecker:
    """Validates one policy object a call and records the answer in its status."""

    def __init__(self, cluster: Cluster, events: Events, clock: Clock) -> None:
        self._cluster = cluster
        self._events = events
        self._clock = clock

    def check(self, kind: Kind, policy: Object) -> None:
        """Writes the condition only where it changes."""
        meta = policy["metadata"]
        where = f"{kind.name} {meta.get('namespace', '')}/{meta['name']}".replace(" /", " ")
        status, reason, message = "True", "Valid", "the policy can be used"
        try:
            parse_policy(policy.get("spec"), where)
        except InvalidSpec as problem:
            status, reason, message = "False", "InvalidPolicy", str(problem)
        if self._said(policy) == (status, reason, message):
            return
        self._write(kind, policy, {"type": "Ready", "status": status, "reason": reason, "message": message})
        if status == "False":
            self._events.announce(kind, policy, reason, message, warning=True)

    def _said(self, policy: Object) -> tuple[str, str, str] | None:
        for condition in (policy.get("status") or {}).get("conditions") or ():
            if condition["type"] == "Ready":
                return condition["status"], condition.get("reason", ""), condition.get("message", "")
        return None

    def _write(self, kind: Kind, policy: Object, condition: dict[str, object]) -> None:
        meta = policy["metadata"]
        condition["lastTransitionTime"] = to_rfc3339(self._clock.now())[:19] + "Z"
        condition["observedGeneration"] = meta.get("generation", 0)
        body = {"status": {"conditions": [condition]}}
        try:
            self._cluster.patch(kind, meta["name"], meta.get("namespace"), body, subresource="status")
        except NotFound:
            return  # deleted meanwhile
