"""The Ready condition of a policy: written where it changes and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from delivery.cluster.kinds import CLUSTER_DELIVERY_POLICY, DELIVERY_POLICY, EVENT
from delivery.errors import Unavailable
from delivery.reconcile.events import Events
from delivery.reconcile.policies import DryRun, PolicyChecker, refused_query
from delivery.resources.metrics import Metric
from tests.decision.given import NOW
from tests.reconcile.memory_cluster import MemoryCluster, StillClock
from tests.reconcile.rig import Rig, fast


def checker(cluster: MemoryCluster, dry_run: DryRun = lambda _: []) -> PolicyChecker:
    clock = StillClock(NOW)
    return PolicyChecker(cluster.client, Events(cluster.client, clock), clock, dry_run)


def policy(spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "standard", "namespace": "shop", "generation": 3}, "spec": spec}


def condition(cluster: MemoryCluster) -> dict[str, Any]:
    [found] = cluster.get(DELIVERY_POLICY, "standard", "shop")["status"]["conditions"]
    assert isinstance(found, dict)
    return found


def test_a_sound_policy_is_ready_and_told_without_an_event() -> None:
    cluster = MemoryCluster()
    checker(cluster).check(DELIVERY_POLICY, cluster.put(DELIVERY_POLICY, policy({})))
    assert condition(cluster) == {
        "type": "Ready",
        "status": "True",
        "reason": "Valid",
        "message": "the policy can be used",
        "lastTransitionTime": "2023-11-14T22:13:20Z",
        "observedGeneration": 3,
    }
    assert cluster.list(EVENT).items == []


def test_a_mistake_is_told_in_the_condition_and_in_an_event() -> None:
    cluster = MemoryCluster()
    checker(cluster).check(DELIVERY_POLICY, cluster.put(DELIVERY_POLICY, policy({"analysis": {"intervall": "1s"}})))
    assert (condition(cluster)["status"], condition(cluster)["reason"]) == ("False", "InvalidPolicy")
    said = "DeliveryPolicy shop/standard: spec.analysis.intervall: unknown field; remove it or correct its name"
    assert condition(cluster)["message"] == said
    assert [event["message"] for event in cluster.list(EVENT).items] == [said]


def test_what_is_said_already_is_not_written_again() -> None:
    cluster = MemoryCluster()
    checking = checker(cluster)
    for spec in ({}, {"analysis": {"intervall": "1s"}}):
        cluster.put(DELIVERY_POLICY, policy(spec))
        checking.check(DELIVERY_POLICY, cluster.get(DELIVERY_POLICY, "standard", "shop"))
        cluster.writes.clear()
        checking.check(DELIVERY_POLICY, cluster.get(DELIVERY_POLICY, "standard", "shop"))
        assert cluster.writes == []


CUSTOM = {
    "analysis": {
        "metrics": [
            {"kind": "errorRate"},
            {"name": "queue", "kind": "gaugeMean", "query": {"value": 'queue{deployment="{{ workload }}"}'}},
        ]
    }
}


def test_its_own_queries_are_tried_once_a_generation() -> None:
    cluster, tried = MemoryCluster(), list[str]()

    def dry_run(metrics: Sequence[Metric]) -> list[str]:
        tried.extend(metric.name for metric in metrics)
        return ["spec.analysis.metrics[1].query.value: parse error"]

    checking = checker(cluster, dry_run)
    cluster.put(DELIVERY_POLICY, policy(CUSTOM))
    for _ in range(2):
        assert checking.check(DELIVERY_POLICY, cluster.get(DELIVERY_POLICY, "standard", "shop"))
    assert tried == ["errors", "queue"]
    said = "DeliveryPolicy shop/standard: spec.analysis.metrics[1].query.value: parse error"
    assert (condition(cluster)["status"], condition(cluster)["reason"]) == ("False", "InvalidQuery")
    assert [event["message"] for event in cluster.list(EVENT).items] == [said]
    assert refused_query(cluster.get(DELIVERY_POLICY, "standard", "shop")) == said
    corrected = cluster.get(DELIVERY_POLICY, "standard", "shop")
    corrected["metadata"]["generation"] = 4
    assert refused_query(corrected) is None


def test_of_many_mistakes_the_first_are_told() -> None:
    cluster = MemoryCluster()
    checking = checker(cluster, lambda _: [f"spec.analysis.metrics[{n}].query.value: {'x' * 400}" for n in range(14)])
    checking.check(DELIVERY_POLICY, cluster.put(DELIVERY_POLICY, policy(CUSTOM)))
    said = condition(cluster)["message"]
    assert said.endswith("x; and 10 more")
    assert len(said) < 2000


def test_queries_that_nobody_answers_are_tried_again() -> None:
    cluster, answers = MemoryCluster(), [Unavailable("Prometheus is away"), None]

    def dry_run(_: Sequence[Metric]) -> list[str]:
        answer = answers.pop(0)
        if answer:
            raise answer
        return []

    checking = checker(cluster, dry_run)
    assert not checking.check(DELIVERY_POLICY, cluster.put(DELIVERY_POLICY, policy(CUSTOM)))
    assert (condition(cluster)["status"], condition(cluster)["reason"]) == ("Unknown", "QueriesNotTried")
    assert cluster.list(EVENT).items == []
    assert checking.check(DELIVERY_POLICY, cluster.get(DELIVERY_POLICY, "standard", "shop"))
    assert condition(cluster)["status"] == "True"


def test_a_policy_deleted_meanwhile_is_no_failure() -> None:
    cluster = MemoryCluster()
    read = cluster.put(DELIVERY_POLICY, policy({}))
    cluster.objects.clear()
    checker(cluster).check(DELIVERY_POLICY, read)


def test_a_cluster_policy_is_named_without_a_namespace() -> None:
    cluster = MemoryCluster()
    made = cluster.put(CLUSTER_DELIVERY_POLICY, {"metadata": {"name": "standard"}, "spec": {"mash": 1}})
    checker(cluster).check(CLUSTER_DELIVERY_POLICY, made)
    [event] = cluster.list(EVENT).items
    assert event["message"].startswith("ClusterDeliveryPolicy standard: spec.mash: unknown field")
    assert event["metadata"]["namespace"] == "default"


def test_a_policy_that_takes_long_to_check_holds_nothing_up(own_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gains a shard checks its policies, and goes on meanwhile."""
    reached, free = threading.Event(), threading.Event()

    def check(*_: object) -> None:
        reached.set()
        free.wait(30)

    own_rig.set_up(fast())
    monkeypatch.setattr(PolicyChecker, "check", check)
    own_rig.start()
    try:
        own_rig.deploy()
        own_rig.adopted()
        assert reached.wait(10)
    finally:
        free.set()
