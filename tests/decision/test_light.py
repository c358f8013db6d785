"""What is light: nothing that a process is made of has changed."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.decision.actions import CreateRelease, PauseDeployment
from delivery.decision.light import is_light
from delivery.decision.planner import decide
from delivery.decision.snapshot import BackEnds, CanaryState, RouteState
from delivery.resources.release import Phase, Release, Stage
from tests.decision.given import (
    CANARY,
    STABLE,
    TEMPLATES,
    at_rest,
    decided,
    only,
    recorded,
    release,
    stable_set,
    workload,
)

BASE: dict[str, Any] = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"image": "web:1"}]}}


@pytest.mark.parametrize(
    ("metadata", "spec", "light"),
    [
        ({"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}, {}, True),
        ({"labels": {"app": "web", "team": "shop"}}, {}, True),
        ({}, {"nodeSelector": {"zone": "b"}, "terminationGracePeriodSeconds": 60}, True),
        ({}, {"containers": [{"image": "web:2"}]}, False),
        ({}, {"containers": [{"image": "web:1", "env": [{"name": "A", "value": "1"}]}]}, False),
        ({}, {"initContainers": [{"image": "init:1"}]}, False),
        ({}, {"volumes": [{"name": "v"}]}, False),
        ({}, {"serviceAccountName": "other"}, False),
    ],
)
def test_labels_annotations_and_placement_are_light(
    metadata: dict[str, Any], spec: dict[str, Any], light: bool
) -> None:
    changed = {"metadata": {**BASE["metadata"], **metadata}, "spec": {**BASE["spec"], **spec}}
    assert is_light(BASE, changed) is light


def test_what_is_not_known_is_not_light() -> None:
    assert not is_light({}, BASE)


def test_a_light_release_needs_no_stable_pods_and_says_that_it_is_light() -> None:
    same = {**TEMPLATES[STABLE], "metadata": {"annotations": {"a": "b"}}}
    found = decide(at_rest(workload=workload(CANARY), stable=stable_set(ready=0)), 0.0)
    assert [type(action).__name__ for action in found.actions] == ["Announce"]
    pending = workload(CANARY, template=same, replicas=0)
    created = only(decide(at_rest(workload=pending, stable=stable_set(replicas=0, ready=0)), 0.0), CreateRelease)
    assert created.spec.light


def light(phase: Phase, stage: Stage = Stage.NONE) -> Release:
    made = release(phase, stage, weight=None, routes=())
    return made.model_copy(update={"spec": made.spec.model_copy(update={"light": True})})


NOTHING: dict[str, Any] = {"canary": CanaryState(), "back_ends": BackEnds(), "route": RouteState()}


def test_it_is_rolled_out_by_kubernetes_alone() -> None:
    assert recorded(decided(light(Phase.PENDING), **NOTHING)).stage is Stage.ROLL_OUT
    rolling = decided(light(Phase.PROMOTING, Stage.ROLL_OUT), **NOTHING)
    assert not only(rolling, PauseDeployment).paused
    settled = decided(light(Phase.PROMOTING, Stage.SETTLE), **NOTHING)
    assert recorded(settled).stage is Stage.REMOVE_BACK_ENDS
    assert recorded(decided(light(Phase.PROMOTING, Stage.REMOVE_BACK_ENDS), **NOTHING)).phase is Phase.SUCCEEDED
