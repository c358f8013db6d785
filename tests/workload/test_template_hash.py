"""A template's name: blind to what servers add, and to nothing else."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.workload.revision import template_hash
from tests.workload.objects import replica_set, template

Edit = Callable[[dict[str, Any]], object]


def edited(edit: Edit) -> dict[str, Any]:
    copy = deepcopy(template())
    edit(copy)
    return copy


def container(found: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = found["spec"]["containers"][0]
    return first


@pytest.mark.parametrize(
    "edit",
    [
        lambda t: t["metadata"].pop("creationTimestamp"),
        lambda t: t["metadata"].update(creationTimestamp="2026-01-01T00:00:00Z"),
        lambda t: t["metadata"]["labels"].update({"pod-template-hash": "6f7"}),
        lambda t: t["metadata"].update(annotations={}),
        lambda t: t["spec"].update(securityContext={}, volumes=[], nodeSelector=None),
        lambda t: container(t).pop("resources"),
        lambda t: container(t).update(resources={"limits": {}, "requests": None}),
        lambda t: container(t).update(command=[]),
    ],
)
def test_what_a_server_writes_differently_does_not_count(edit: Edit) -> None:
    assert template_hash(edited(edit)) == template_hash(template())


@pytest.mark.parametrize(
    "edit",
    [
        lambda t: container(t).update(image="web:2"),
        lambda t: container(t).update(name="app"),
        lambda t: container(t)["env"].append({"name": "B", "value": "1"}),
        lambda t: container(t)["env"][0].pop("value"),
        lambda t: container(t)["ports"][0].update(containerPort=0),
        lambda t: container(t).update(tty=False),
        lambda t: t["metadata"]["labels"].update(tier="back"),
        lambda t: t["metadata"].update(annotations={"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}),
        lambda t: t["spec"].update(initContainers=[{"name": "init", "image": "init:1"}]),
        lambda t: t["spec"].update(terminationGracePeriodSeconds=0),
        lambda t: t["spec"].update(affinity={"podAffinity": {"x": [{"namespaceSelector": {}}]}}),
        lambda t: t["spec"].update(topologySpreadConstraints=[{"labelSelector": {}}]),
        lambda t: t["spec"]["containers"].append({"name": "side", "image": "side:1"}),
    ],
)
def test_every_real_change_counts(edit: Edit) -> None:
    assert template_hash(edited(edit)) != template_hash(template())


def test_an_empty_selector_is_not_an_absent_one() -> None:
    """`labelSelector: {}` matches every pod, an absent one none."""
    spread = edited(lambda t: t["spec"].update(topologySpreadConstraints=[{"maxSkew": 1, "labelSelector": {}}]))
    without = edited(lambda t: t["spec"].update(topologySpreadConstraints=[{"maxSkew": 1}]))
    assert template_hash(spread) != template_hash(without)


def test_the_order_of_fields_does_not_count_that_of_containers_does() -> None:
    backwards = dict(reversed(list(template().items())))
    assert template_hash(backwards) == template_hash(template())
    two = edited(lambda t: t["spec"]["containers"].append({"name": "side", "image": "side:1"}))
    swapped = deepcopy(two)
    swapped["spec"]["containers"].reverse()
    assert template_hash(two) != template_hash(swapped)


def test_a_replica_sets_copy_has_the_deployments_name() -> None:
    assert template_hash(replica_set(1, 4)["spec"]["template"]) == template_hash(template(1))


def test_the_template_is_left_as_it_was() -> None:
    found = replica_set(1, 4)["spec"]["template"]
    before = deepcopy(found)
    template_hash(found)
    assert found == before


SCALARS = st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "b"])


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), SCALARS), st.dictionaries(st.sampled_from("abc"), SCALARS))
def test_templates_with_different_scalars_never_share_a_name(left: dict[str, Any], right: dict[str, Any]) -> None:
    names = [template_hash({"spec": {"x": {"y": fields}}}) for fields in (left, right)]
    same = {key: (type(value), value) for key, value in left.items()} == {
        key: (type(value), value) for key, value in right.items()
    }
    assert (names[0] == names[1]) == same
