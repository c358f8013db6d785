"""What cannot be asked for."""

from __future__ import annotations

import re
from typing import Any

import pytest

from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec
from delivery.route_files.wish import Wish


def wish(**others: Any) -> Wish:
    given = {"service": "web", "namespace": "shop", "weight": 5.0, "deployment": "web", **others}
    return Wish(policy=DeliveryPolicySpec(), stable_hash="abc", **given)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"weight": 101.0}, "weight is 101; give a percentage from 0 to 100"),
    ({"weight": -1.0}, "weight is -1; give a percentage"),
    ({"weight": float("nan")}, "weight is nan; give a percentage"),
    ({"weight": 0.00015}, "weight is 0.00015; give at most 4 decimals"),
    ({"weight": 33.33333333}, "weight is 33.33333333; give at most 4 decimals"),
    ({"service": ""}, "service is ''"),
    ({"namespace": "Not Ok"}, "namespace is 'Not Ok'"),
    ({"deployment": ""}, "deployment is ''"),
    ({"service": "x" * 64}, "which nothing can be called"),
    ({"service": "web.shop"}, "its namespace goes into --namespace: --service web"),
    ({"service": "web-canary"}, "service web-canary is what a release of Deployment web would call its own"),
]


@pytest.mark.parametrize(("others", "message"), REFUSED)
def test_it_is_refused_in_words(others: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(message)):
        wish(**others)


@pytest.mark.parametrize("weight", [0.0, 0.0001, 33.3333, 100.0])
def test_every_weight_of_a_policy_can_be_asked_for(weight: float) -> None:
    assert wish(weight=weight).weight == weight
