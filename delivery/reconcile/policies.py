"""Says of each policy whether it can be used: the Ready condition, and an Event that names field and reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from delivery.clock import Clock, to_rfc3339
from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import Kind
from delivery.errors import HeadgateError, InvalidSpec, NotFound
from delivery.reconcile.events import Events
from delivery.resources.metrics import Metric
from delivery.resources.policy import parse_policy

READY, INVALID_QUERY, NOT_TRIED = "Ready", "InvalidQuery", "QueriesNotTried"
MOST_TOLD = 4  # of the mistakes in one policy's queries, those that are told in full
DryRun = Callable[[Sequence[Metric]], list[str]]


@dataclass(frozen=True, slots=True)
class _Finding:
    status: str
    reason: str
    message: str


_VALID = _Finding("True", "Valid", "the policy can be used")


class PolicyChecker:
    """Validates one policy object a call and records the answer in its status. `dry_run` tries its own queries and says
    what is wrong with them; it raises HeadgateError where nobody answers."""

    def __init__(self, cluster: Cluster, events: Events, clock: Clock, dry_run: DryRun) -> None:
        self._cluster = cluster
        self._events = events
        self._clock = clock
        self._dry_run = dry_run

    def check(self, kind: Kind, policy: Object) -> bool:
        """Writes the condition only where it changes. False where its queries could not be tried: check it again."""
        meta = policy["metadata"]
        where = f"{kind.name} {meta.get('namespace', '')}/{meta['name']}".replace(" /", " ")
        found = self._judged(policy, where)
        if condition_of(policy) != found:
            self._write(kind, policy, found)
            if found.status == "False":
                self._events.announce(kind, policy, found.reason, found.message, warning=True)
        return found.reason != NOT_TRIED

    def _judged(self, policy: Object, where: str) -> _Finding:
        try:
            spec = parse_policy(policy.get("spec"), where)
        except InvalidSpec as problem:
            return _Finding("False", "InvalidPolicy", str(problem))
        if not spec.analysis.custom:
            return _VALID
        said = condition_of(policy)
        if said and said.reason in {_VALID.reason, INVALID_QUERY} and _of_this_generation(policy):
            return said  # tried already
        try:
            mistakes = self._dry_run(spec.analysis.metrics)
        except HeadgateError as problem:
            return _Finding("Unknown", NOT_TRIED, f"{where}: its queries could not be tried yet: {problem}")
        return _Finding("False", INVALID_QUERY, f"{where}: {_told(mistakes)}") if mistakes else _VALID

    def _write(self, kind: Kind, policy: Object, found: _Finding) -> None:
        meta = policy["metadata"]
        condition = {
            "type": READY,
            "status": found.status,
            "reason": found.reason,
            "message": found.message,
            "lastTransitionTime": to_rfc3339(self._clock.now())[:19] + "Z",
            "observedGeneration": meta.get("generation", 0),
        }
        body = {"status": {"conditions": [condition]}}
        try:
            self._cluster.patch(kind, meta["name"], meta.get("namespace"), body, subresource="status")
        except NotFound:
            return  # deleted meanwhile


def _told(mistakes: Sequence[str]) -> str:
    more = len(mistakes) - MOST_TOLD
    return "; ".join(mistakes[:MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")


def condition_of(policy: Object) -> _Finding | None:
    """What was said of a policy last."""
    found = _ready(policy)
    return _Finding(found["status"], found.get("reason", ""), found.get("message", "")) if found else None


def refused_query(policy: Object) -> str | None:
    """Why a policy must not begin a release though it can be read: Prometheus refuses a query of this generation."""
    found = condition_of(policy)
    wrong = found is not None and found.reason == INVALID_QUERY and _of_this_generation(policy)
    return found.message if found and wrong else None


def _of_this_generation(policy: Object) -> bool:
    found = _ready(policy)
    return found is not None and found.get("observedGeneration") == policy["metadata"].get("generation", 0)


def _ready(policy: Object) -> Object | None:
    conditions = (policy.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == READY), None)
