"""Subsets of the apex in its DestinationRule: the pods of both arms under the host, and so under the traffic policy,
that the user gave the apex."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mesh_adapters.adapter import (
    CLUSTER_DOMAIN,
    AmbiguousRoute,
    Route,
    RouteRef,
    RouteTaken,
    TrafficSplit,
    UnsupportedRoute,
)
from mesh_adapters.istio.hosts import ServiceHosts
from mesh_adapters.splitting.rules import identity, namespace_of

REF = RouteRef("networking.istio.io", "DestinationRule", "destinationrules", ("v1", "v1beta1", "v1alpha3"))
MAX_NAME = 63  # a subset's name is a DNS label

Labels = Mapping[str, str]


def suited_to_subsets(
    split: TrafficSplit,
    beside: Sequence[Route],
    named: Sequence[str],
    pod_labels: Labels | None,
    cluster_domain: str = CLUSTER_DOMAIN,
) -> TrafficSplit:
    """The split by subsets where the apex has a DestinationRule, else as it was.

    With a Service of its own each arm would lose the traffic policy that the user gave the apex's host. `named` are
    the subsets of the apex that its routes name; without a DestinationRule nothing defines them. Raises RouteError.
    """
    rule = rule_of(split, beside, cluster_domain)
    if rule is None:
        if named:
            raise UnsupportedRoute(
                f"Service {split.namespace}/{split.apex}: its routes name the subset {named[0]!r}, and no "
                f"DestinationRule in namespace {split.namespace} has its host: create one there, or remove the subset"
            )
        return split
    own = tuple(
        name
        for subset in _subsets(rule)
        if (name := str(subset.get("name"))) and _selects(subset, pod_labels) and not is_arm(name, split)
    )
    if named and not set(named) & set(own):
        raise UnsupportedRoute(
            f"{identity('DestinationRule', rule)}: none of the subsets that the routes name "
            f"({', '.join(sorted(set(named)))}) selects the stable pods: correct the subset's labels"
        )
    return replace(split, subsets=own)


def rule_of(split: TrafficSplit, rules: Sequence[Route], cluster_domain: str = CLUSTER_DOMAIN) -> Route | None:
    """The DestinationRule of the apex's host in its namespace, None where there is none. Raises AmbiguousRoute."""
    found = [
        rule
        for rule in rules
        if namespace_of(rule) == split.namespace
        and ServiceHosts(namespace_of(rule), split.namespace, cluster_domain).service(
            str((rule.get("spec") or {}).get("host") or "")
        )
        == split.apex
    ]
    if len(found) > 1:
        names = ", ".join(sorted(str(rule["metadata"]["name"]) for rule in found))
        raise AmbiguousRoute(
            f"Service {split.namespace}/{split.apex} has {len(found)} DestinationRules ({names}): merge them, or set "
            "`splitBy: services` in the policy"
        )
    return found[0] if found else None


def with_subsets(rule: Route, split: TrafficSplit, stable: Labels, canary: Labels) -> dict[str, Any]:
    """The DestinationRule with a pair of subsets for the apex and for each of the user's own that are these pods'.

    `stable` and `canary` are the labels that tell the arms' pods. What a subset of the user's has besides labels (its
    traffic policy) both of its arms get. Raises UnsupportedRoute for a name that would be too long.
    """
    kept = [subset for subset in _subsets(rule) if not is_arm(str(subset.get("name")), split)]
    pairs = []
    for own in (None, *(subset for subset in kept if subset.get("name") in (split.subsets or ()))):
        for arm, labels in ((split.stable, {**_labels(own), **stable}), (split.canary, dict(canary))):
            name = f"{arm}-{own['name']}" if own else arm
            if len(name) > MAX_NAME:
                raise UnsupportedRoute(
                    f"{identity('DestinationRule', rule)}: the subset {name} would have more than {MAX_NAME} "
                    "characters: use shorter names, or set `splitBy: services` in the policy"
                )
            pairs.append({**(own or {}), "name": name, "labels": labels})
    return {**rule, "spec": {**rule["spec"], "subsets": [*kept, *pairs]}}


def without_subsets(rule: Route, split: TrafficSplit) -> dict[str, Any]:
    """The DestinationRule with the user's own subsets only; one that has none of ours is returned as it is."""
    present = _subsets(rule)
    kept = [subset for subset in present if not is_arm(str(subset.get("name")), split)]
    if len(kept) == len(present):
        return dict(rule)
    spec = {key: value for key, value in rule["spec"].items() if key != "subsets"}
    return {**rule, "spec": {**rule["spec"], "subsets": kept} if kept else spec}


def require_untaken(rule: Route, split: TrafficSplit) -> None:
    """Raises RouteTaken where a subset has a name that ours would get, and UnsupportedRoute where what is there could
    not be given back."""
    if (rule.get("spec") or {}).get("subsets") == []:
        raise UnsupportedRoute(
            f"{identity('DestinationRule', rule)}: spec.subsets is empty, which could not be given back: take it out"
        )
    for at, subset in enumerate(_subsets(rule)):
        if is_arm(str(subset.get("name")), split):
            raise RouteTaken(
                f"{identity('DestinationRule', rule)}: spec.subsets[{at}].name is {subset['name']!r}, which Headgate "
                "needs for itself: rename it, or end the release that made it"
            )


def is_arm(name: str, split: TrafficSplit) -> bool:
    """Whether a subset's name is one that a split gives."""
    return any(name == arm or name.startswith(f"{arm}-") for arm in (split.stable, split.canary))


def _subsets(rule: Route) -> list[Mapping[str, Any]]:
    return list((rule.get("spec") or {}).get("subsets") or ())


def _labels(subset: Mapping[str, Any] | None) -> dict[str, str]:
    return dict((subset or {}).get("labels") or {})


def _selects(subset: Mapping[str, Any], pod_labels: Labels | None) -> bool:
    return pod_labels is None or _labels(subset).items() <= pod_labels.items()
