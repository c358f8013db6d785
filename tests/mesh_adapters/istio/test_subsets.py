"""Subsets of the apex in its DestinationRule: which are the arms', and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mesh_adapters.adapter import AmbiguousRoute, RouteTaken, UnsupportedRoute
from mesh_adapters.istio.routes import IstioRoutes
from mesh_adapters.istio.subsets import (
    is_arm,
    require_untaken,
    rule_of,
    with_subsets,
    without_subsets,
)
from tests.mesh_adapters.istio.virtual_services import Object, http, rule, split

STABLE, CANARY = {"pod-template-hash": "abc"}, {"headgate.dev/track": "canary"}
ISTIO = IstioRoutes()
BY_V1 = replace(split(5), subsets=("v1",))


def destination_rule(*subsets: Object, name: str = "web", host: str = "web", namespace: str = "shop") -> Object:
    spec = {"host": host, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}, "subsets": list(subsets)}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec if subsets else {key: value for key, value in spec.items() if key != "subsets"},
    }


def subset(name: str, **more: Any) -> Object:
    return {"name": name, "labels": {"version": name}, **more}


def of_subset(name: str) -> Object:
    return http(rule({"destination": {"host": "web", "subset": name}}))


def test_without_a_destination_rule_the_split_is_by_services() -> None:
    assert ISTIO.suited([http(rule({"destination": {"host": "web"}}))], split(5), []).subsets is None


@pytest.mark.parametrize(
    ("labels", "own"), [(None, ("v1", "v2")), ({"version": "v1", "app": "web"}, ("v1",)), ({"app": "web"}, ())]
)
def test_the_subsets_that_are_the_stable_pods_are_split(labels: Any, own: tuple[str, ...]) -> None:
    rules = [destination_rule(subset("v1"), subset("v2"), subset("web-stable"), subset("web-canary-v1"))]
    assert ISTIO.suited([http(rule({"destination": {"host": "web"}}))], split(5), rules, labels).subsets == own


def test_a_named_subset_that_nothing_defines_is_refused() -> None:
    with pytest.raises(UnsupportedRoute, match="name the subset 'v1', and no DestinationRule in namespace shop has"):
        ISTIO.suited([of_subset("v1")], split(5), [])


def test_a_named_subset_of_other_pods_is_refused() -> None:
    with pytest.raises(UnsupportedRoute, match=r"DestinationRule shop/web: none of the subsets .* \(v1\) selects"):
        ISTIO.suited([of_subset("v1")], split(5), [destination_rule(subset("v1"))], {"version": "v2"})


def test_the_rule_is_the_one_of_the_host_in_the_services_namespace() -> None:
    others = [destination_rule(host="cart"), destination_rule(namespace="edge", host="web.shop.svc.cluster.local")]
    assert rule_of(split(5), others) is None
    for host in ("web", "web.shop", "web.shop.svc.cluster.local"):
        found = destination_rule(host=host)
        assert rule_of(split(5), [*others, found]) is found
    assert rule_of(split(5), [destination_rule(host="web.shop.svc.k8s.example")]) is None
    assert rule_of(split(5), [destination_rule(host="web.shop.svc.k8s.example")], "k8s.example") is not None


def test_two_rules_for_one_host_are_refused() -> None:
    rules = [destination_rule(name="b"), destination_rule(name="a", host="web.shop")]
    with pytest.raises(AmbiguousRoute, match=r"2 DestinationRules \(a, b\)"):
        rule_of(split(5), rules)


def test_each_of_the_users_subsets_gets_its_arms_with_its_policy() -> None:
    policy = {"loadBalancer": {"simple": "RANDOM"}}
    before = destination_rule(subset("v1", trafficPolicy=policy), subset("v2"))
    after = with_subsets(before, BY_V1, STABLE, CANARY)
    assert after["spec"]["subsets"] == [
        subset("v1", trafficPolicy=policy),
        subset("v2"),
        {"name": "web-stable", "labels": STABLE},
        {"name": "web-canary", "labels": CANARY},
        {"name": "web-stable-v1", "labels": {"version": "v1", **STABLE}, "trafficPolicy": policy},
        {"name": "web-canary-v1", "labels": CANARY, "trafficPolicy": policy},
    ]
    assert with_subsets(after, BY_V1, STABLE, CANARY) == after
    assert without_subsets(after, BY_V1) == before


def test_a_rule_without_subsets_has_none_afterwards() -> None:
    before = destination_rule()
    assert without_subsets(with_subsets(before, split(5), STABLE, CANARY), split(5)) == before
    assert without_subsets(before, split(5)) == before


def test_a_name_that_would_be_too_long_is_refused() -> None:
    long = "v" * 60
    with pytest.raises(UnsupportedRoute, match="would have more than 63 characters"):
        with_subsets(destination_rule(subset(long)), replace(split(5), subsets=(long,)), STABLE, CANARY)


def test_what_could_not_be_given_back_is_refused() -> None:
    for name in ("web-stable", "web-canary", "web-canary-v1"):
        with pytest.raises(RouteTaken, match=rf"spec\.subsets\[1\]\.name is '{name}'"):
            require_untaken(destination_rule(subset("v1"), subset(name)), split(5))
    empty = destination_rule()
    empty["spec"]["subsets"] = []
    with pytest.raises(UnsupportedRoute, match=r"spec\.subsets is empty"):
        require_untaken(empty, split(5))
    require_untaken(destination_rule(subset("web-canaries"), subset("stable")), split(5))


def test_names_of_arms() -> None:
    named = {name: is_arm(name, split(5)) for name in ("web-stable", "web-stable-v1", "web-stables", "web", "v1")}
    assert [name for name, arm in named.items() if arm] == ["web-stable", "web-stable-v1"]
