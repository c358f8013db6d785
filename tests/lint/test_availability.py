"""Replicas and rolling updates."""

from typing import Any

import pytest

from delivery.lint.availability import pods_of
from tests.lint.objects import autoscaler, deployment, found

UNAVAILABLE = [("all-pods-unavailable", "spec.strategy.rollingUpdate.maxUnavailable")]
SINGLE = [("single-replica", "spec.replicas")]


def rolling(**fields: Any) -> dict[str, Any]:
    return {"type": "RollingUpdate", "rollingUpdate": fields}


@pytest.mark.parametrize(("replicas", "told"), [(1, SINGLE), (None, SINGLE), (2, []), (0, [])])
def test_one_replica_is_warned_of(replicas: int | None, told: list[tuple[str, str]]) -> None:
    given = deployment(replicas=replicas)
    if replicas is None:
        del given["spec"]["replicas"]
    assert found(given) == told


@pytest.mark.parametrize(
    ("scaler", "told"),
    [
        (autoscaler(minReplicas=2, maxReplicas=5), []),
        (autoscaler(minReplicas=1, maxReplicas=5), SINGLE),
        (autoscaler(maxReplicas=5), SINGLE),
        (autoscaler(minReplicas=2, scaleTargetRef={"kind": "Deployment", "name": "other"}), SINGLE),
        (autoscaler(minReplicas=2, scaleTargetRef={"kind": "StatefulSet", "name": "web"}), SINGLE),
    ],
)
def test_an_autoscaler_says_how_few_there_may_be(scaler: dict[str, Any], told: list[tuple[str, str]]) -> None:
    assert found(deployment(replicas=1), scaler) == told


def test_an_autoscaler_of_another_namespace_is_another_ones() -> None:
    scaler = autoscaler(minReplicas=2)
    scaler["metadata"]["namespace"] = "stage"
    assert found(deployment(replicas=1), scaler) == SINGLE


@pytest.mark.parametrize(
    ("replicas", "fields", "told"),
    [
        (2, {}, []),
        (2, {"maxUnavailable": 1}, []),
        (2, {"maxUnavailable": 2}, UNAVAILABLE),
        (3, {"maxUnavailable": "99%"}, []),
        (3, {"maxUnavailable": "100%"}, UNAVAILABLE),
        (3, {"maxUnavailable": "some"}, []),  # the API server refuses it
        (1, {"maxUnavailable": 0, "maxSurge": 1}, SINGLE),
        (1, {"maxUnavailable": 1}, SINGLE + UNAVAILABLE),
        (1, {"maxSurge": 0}, SINGLE + UNAVAILABLE),  # 25 % of one is none, and then Kubernetes takes one
    ],
)
def test_a_rolling_update_must_leave_somebody(
    replicas: int, fields: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    assert found(deployment(replicas=replicas, strategy=rolling(**fields))) == told


def test_an_autoscaler_s_least_is_what_a_rolling_update_may_take() -> None:
    strategy = rolling(maxUnavailable=2)
    assert found(deployment(replicas=9, strategy=strategy), autoscaler(minReplicas=2)) == UNAVAILABLE
    assert found(deployment(replicas=1, strategy=strategy), autoscaler(minReplicas=3)) == []


@pytest.mark.parametrize("replicas", range(1, 30))
def test_percentages_are_rounded_as_kubernetes_does(replicas: int) -> None:
    for percent in range(0, 101, 7):
        low, high = (pods_of(f"{percent}%", replicas, round_up=up) for up in (False, True))
        assert low is not None
        assert high is not None
        assert low * 100 <= percent * replicas < (low + 1) * 100
        assert (high - 1) * 100 < percent * replicas <= high * 100
