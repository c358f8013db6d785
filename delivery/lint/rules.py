"""`lint`: every rule in its order, over every object in its order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from delivery.errors import InvalidSpec
from delivery.lint import availability, images, lifecycle, opted_in, versions
from delivery.lint.finding import Finding, Rule, Severity
from delivery.lint.given import POLICY_KINDS, Deployment, Given, Object, called, gather, is_of, made_by_headgate
from delivery.resources.annotations import GROUP, POLICY
from delivery.resources.policy import METRICS, parse_policy
from delivery.resources.refusals import sentences

ERROR, WARNING = Severity.ERROR, Severity.WARNING
RULES: tuple[Rule, ...] = (
    Rule("no-container", ERROR, images.without_containers),
    Rule("image-unreadable", ERROR, images.unreadable),
    Rule("image-without-tag", ERROR, images.untagged),
    Rule("image-latest", ERROR, images.latest),
    Rule("no-readiness-probe", ERROR, lifecycle.without_readiness_probe),
    Rule("no-pre-stop", WARNING, lifecycle.without_pre_stop),
    Rule("short-grace-period", ERROR, lifecycle.short_grace_period),
    Rule("single-replica", WARNING, availability.single_replica),
    Rule("all-pods-unavailable", ERROR, availability.all_unavailable),
    Rule("version-in-selector", ERROR, versions.in_selector),
    Rule("version-not-semantic", WARNING, versions.not_semantic),
)
"""Asked of every Deployment."""
OPTED_IN: tuple[Rule, ...] = (
    Rule("unsupported-strategy", ERROR, opted_in.unsupported_strategy),
    Rule("unsuitable-name", ERROR, opted_in.unsuitable_name),
    Rule("unknown-service", ERROR, opted_in.unknown_service),
    Rule("service-of-other-pods", ERROR, opted_in.other_pods),
    Rule("no-service", ERROR, opted_in.without_service),
    Rule("ambiguous-service", ERROR, opted_in.ambiguous_service),
    Rule("unknown-policy", WARNING, opted_in.unknown_policy),
)
"""Asked of those that carry the annotation `headgate.dev/policy` as well."""
INVALID_POLICY = "invalid-policy"
"""Of DeliveryPolicies and ClusterDeliveryPolicies; an error, like whatever the controller refuses."""


def lint(objects: Sequence[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """What the rules find in the objects. Pure; no object is malformed enough to raise."""
    given = gather(objects)
    return tuple(finding for obj in objects for finding in _of(obj, given))


def _of(obj: Object, given: Given) -> Iterator[Finding]:
    if is_of(obj, "apps", "Deployment") and not made_by_headgate(obj):
        yield from _of_deployment(Deployment(obj), given)
    elif any(is_of(obj, GROUP, kind) for kind in POLICY_KINDS):
        yield from _of_policy(obj)


def _of_deployment(deployment: Deployment, given: Given) -> Iterator[Finding]:
    for rule in (*RULES, *(OPTED_IN if POLICY in deployment.annotations else ())):
        yield from rule.findings(deployment, given)


def _of_policy(obj: Object) -> Iterator[Finding]:
    try:
        parse_policy(obj.get("spec"), "")
    except InvalidSpec as refused:
        for path, message in _told(refused):
            yield Finding(ERROR, called(obj), path, INVALID_POLICY, message)


def _told(refused: InvalidSpec) -> Iterator[tuple[str, str]]:
    """Each mistake with its field's path, which a sentence begins with."""
    problem = refused.__cause__
    told = sentences(problem, "spec", tagged=METRICS) if isinstance(problem, ValidationError) else [f"spec: {refused}"]
    for sentence in told:
        path, _, message = sentence.partition(": ")
        yield path, message
