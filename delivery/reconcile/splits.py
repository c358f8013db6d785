"""What a release asks of the mesh at one weight, in the adapters' terms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from delivery.resources.policy import DeliveryPolicySpec, RequestMatch, ValueMatch
from delivery.resources.release import Release
from mesh_adapters.adapter import Condition, Fault, RouteSelector, Stickiness, TrafficSplit, Treatment

Place = Literal["header", "cookie", "query"]


def split_of(release: Release, policy: DeliveryPolicySpec, weight: float) -> TrafficSplit:
    """The split of a release whose routes are known."""
    subsets = release.status.subsets
    return TrafficSplit(
        release.namespace,
        release.spec.service,
        release.stable_name,
        release.canary_name,
        weight,
        treatment_of(policy, weight),
        None if subsets is None else subsets.own,
    )


def first_split(
    namespace: str, deployment: str, apex: str, policy: DeliveryPolicySpec, weight: float = 0.0
) -> TrafficSplit:
    """The split of a release before anything is known of its routes."""
    treatment = treatment_of(policy, weight)
    return TrafficSplit(namespace, apex, f"{deployment}-stable", f"{deployment}-canary", weight, treatment)


def treatment_of(policy: DeliveryPolicySpec, weight: float) -> Treatment:
    """What the policy wants for the canary beside this weight; mirrors and faults are of the step that has it."""
    canary, step = policy.strategy.canary, policy.step_of(weight)
    sticky = Stickiness(canary.sticky.cookie, round(canary.sticky.max_age)) if canary.sticky else None
    match = tuple(tuple(_conditions(each)) for each in canary.match)
    if step is None:
        return Treatment(match, sticky=sticky)
    fault = Fault(step.fault.percent, step.fault.delay, step.fault.abort) if step.fault else None
    return Treatment(match, step.mirror, sticky, fault)


def selectors_of(policy: DeliveryPolicySpec, namespace: str) -> dict[str, list[RouteSelector]]:
    """The routes that the policy names, by the mesh they are of."""
    mesh = policy.mesh
    return {
        "istio": [
            RouteSelector(each.name, each.namespace or namespace, each.routes, field=f"virtualServices[{at}]")
            for at, each in enumerate(mesh.istio.virtual_services)
        ],
        "linkerd": [
            RouteSelector(
                each.name,
                each.namespace or namespace,
                each.rules,
                each.kind,
                each.group if each.kind == "HTTPRoute" else "",
                f"linkerd.routes[{at}]",
            )
            for at, each in enumerate(mesh.linkerd.routes)
        ],
        "gateway-api": [
            RouteSelector(
                each.name, each.namespace or namespace, each.rules, each.kind, field=f"gatewayApi.routes[{at}]"
            )
            for at, each in enumerate(mesh.gateway_api.routes)
        ],
    }


def _conditions(match: RequestMatch) -> Iterator[Condition]:
    values: tuple[tuple[Place, dict[str, ValueMatch]], ...] = (
        ("header", match.headers),
        ("cookie", match.cookies),
        ("query", match.query_params),
    )
    for on, named in values:
        for name, value in named.items():
            yield _condition(on, name, value)


def _condition(place: Place, name: str, value: ValueMatch) -> Condition:
    if value.exact is not None:
        return Condition(place, name, "exact", value.exact)
    if value.prefix is not None:
        return Condition(place, name, "prefix", value.prefix)
    if value.regex is not None:
        return Condition(place, name, "regex", value.regex)
    return Condition(place, name, "present")
