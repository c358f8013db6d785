"""One thing that a rule found, and the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from delivery.lint.given import Deployment, Given

Told = tuple[str, str]
"""The field's path, and one sentence that says what is wrong and what to do."""


class Severity(StrEnum):
    """An error fails requests or is refused when it is applied; a warning may be meant so."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """`object` as messages call it (`Deployment shop/web`), `rule` the id of the rule that found it."""

    severity: Severity
    object: str
    path: str
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What is asked of one Deployment among the given objects."""

    id: str
    severity: Severity
    check: Callable[[Deployment, Given], Iterable[Told]]

    def findings(self, deployment: Deployment, given: Given) -> Iterable[Finding]:
        told = self.check(deployment, given)
        return (Finding(self.severity, deployment.called, path, self.id, message) for path, message in told)
