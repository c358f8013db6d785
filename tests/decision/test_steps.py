"""Sizes, weights, and the excess a step must rule out."""

from __future__ import annotations

import pytest

from delivery.decision.steps import advance_tolerances, replicas_for, same_weight
from tests.decision.given import parsed, policy


@pytest.mark.parametrize(
    ("weight", "stable", "pods"),
    [
        (1, 4, 1),
        (25, 4, 1),
        (26, 4, 2),
        (50, 4, 2),
        (100, 4, 4),
        (0, 4, 1),
        (5, 0, 1),
        (100, 0, 1),
        (7, 100, 7),
        (29, 100, 29),
    ],
)
def test_a_share_needs_its_part_of_the_pods_rounded_up_and_at_least_one(weight: float, stable: int, pods: int) -> None:
    assert replicas_for(weight, stable) == pods


def test_equal_weights_are_equal_but_a_small_one_is_not_none_at_all() -> None:
    assert same_weight(100 / 3, 33.333333)
    assert same_weight(None, None)
    assert not same_weight(None, 0.0)
    assert not same_weight(0.0, 0.0001)
    assert not same_weight(5.0, float("inf"))


def test_the_harm_that_is_ruled_out_is_the_same_at_every_step() -> None:
    spec = policy(steps=[5, 20, 50])
    spec["analysis"] = {"metrics": [{"kind": "errorRate", "tolerance": {"absolute": 0.002, "relative": 0.1}}]}
    tolerances = advance_tolerances(parsed(spec))
    exposed = [20, 50, 100]  # leaving a step exposes the next one's share
    assert [one.absolute * share / 100 for one, share in zip(tolerances, exposed, strict=True)] == pytest.approx(
        [0.002] * 3
    )
    assert [one.relative * share / 100 for one, share in zip(tolerances, exposed, strict=True)] == pytest.approx(
        [0.1] * 3
    )


def test_a_single_step_must_rule_out_the_tolerance_itself() -> None:
    [tolerance] = advance_tolerances(parsed(policy(steps=[1])))
    assert (tolerance.absolute, tolerance.relative) == (0.002, 0.25)
