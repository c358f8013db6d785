"""Bounds, hashes, selectors and the order of deletion: small rules with sharp edges."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.lab.neighbours.bounds import Bounds, bounds_of
from delivery.lab.neighbours.replica_set import deletion_order
from delivery.lab.neighbours.selectors import matches
from delivery.lab.neighbours.template_hash import template_hash, without_hash


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", Bounds(10, 3, 2)),
        (1, "25%", "25%", Bounds(1, 1, 0)),
        (4, 0, "10%", Bounds(4, 0, 1)),
        (3, 2, 5, Bounds(3, 2, 3)),
        (0, "25%", "25%", Bounds(0, 0, 0)),
    ],
)
def test_surge_rounds_up_and_unavailable_down(replicas: int, surge: Any, unavailable: Any, expected: Bounds) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    assert bounds_of({"spec": {"replicas": replicas, "strategy": {"rollingUpdate": rolling}}}) == expected


def test_what_is_neither_number_nor_percentage_is_refused() -> None:
    with pytest.raises(ValueError, match="'a few' is neither a number nor a percentage"):
        bounds_of({"spec": {"replicas": 1, "strategy": {"rollingUpdate": {"maxSurge": "a few"}}}})


def test_recreate_has_no_bounds_to_keep() -> None:
    assert bounds_of({"spec": {"replicas": 3, "strategy": {"type": "Recreate"}}}) == Bounds(3, 0, 0)


def test_the_hash_depends_on_the_template_and_not_on_itself() -> None:
    plain = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    hashed = {**plain, "metadata": {"labels": {"app": "a", "pod-template-hash": "x"}, "creationTimestamp": None}}
    assert template_hash(hashed) == template_hash(plain)
    assert template_hash(plain, 1) != template_hash(plain)
    other = {**plain, "spec": {"containers": [{"name": "c", "image": "i:2"}]}}
    assert template_hash(other) != template_hash(plain)


def test_an_empty_volume_source_is_part_of_a_template() -> None:
    with_volume = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}], "securityContext": {}}}
    assert without_hash(with_volume) == {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ({"key": "tier", "operator": "In", "values": ["web", "api"]}, True),
        ({"key": "tier", "operator": "NotIn", "values": ["web"]}, False),
        ({"key": "zone", "operator": "NotIn", "values": ["a"]}, True),
        ({"key": "tier", "operator": "Exists"}, True),
        ({"key": "tier", "operator": "DoesNotExist"}, False),
    ],
)
def test_expressions_of_a_selector(expression: dict[str, Any], taken: bool) -> None:
    assert matches({"matchExpressions": [expression]}, {"tier": "web"}) is taken


def test_no_selector_takes_nothing_and_an_empty_one_everything() -> None:
    assert not matches(None, {"a": "b"})
    assert matches({}, {"a": "b"})


def pod(name: str, *, node: str = "n", phase: str = "Running", since: str = "", created: str = "2027-01-01") -> Any:
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": since}] if since else []
    return {
        "metadata": {"name": name, "creationTimestamp": f"{created}T00:00:00Z"},
        "spec": {"nodeName": node},
        "status": {"phase": phase, "conditions": ready},
    }


def test_the_least_useful_pod_goes_first() -> None:
    pods = [
        pod("long ready", since="2027-01-01T00:00:00Z"),
        pod("just ready", since="2027-01-02T00:00:00Z"),
        pod("not ready, old"),
        pod("not ready, new", created="2027-01-03"),
        pod("pending", phase="Pending"),
        pod("unassigned", node="", phase="Pending"),
    ]
    names = [each["metadata"]["name"] for each in deletion_order(pods)]
    assert names == ["unassigned", "pending", "not ready, new", "not ready, old", "just ready", "long ready"]
