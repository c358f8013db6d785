"""What would happen if a Deployment were changed: said without a controller, and then done by one."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.cluster.client import Object
from delivery.errors import InvalidSpec, NotFound
from delivery.reconcile.explaining import Change, Happens, StepPlan, explain
from delivery.resources.release import Phase
from tests.contract.neighbours.shop import template
from tests.reconcile.rig import FAST, NAME, Rig, fast


def image(name: str, **annotations: str) -> Change:
    """A change of the template to this image."""

    def change(deployment: Object) -> Object:
        return {
            **deployment,
            "spec": {**deployment["spec"], "template": template(NAME, name, port=8080, **annotations)},
        }

    return change


def as_it_is(deployment: Object) -> Object:
    return deployment


def without_policy(deployment: Object) -> Object:
    return {**deployment, "metadata": {**deployment["metadata"], "annotations": {}}}


def test_a_release_is_told_before_it_begins_and_begins_as_told(rig: Rig) -> None:
    rig.begin(fast(steps=[5, {"weight": 60, "gate": "approval"}]))
    generation = rig.deployment()["metadata"]["generation"]
    told = explain(rig.cluster, rig.namespace, NAME, image("web:2"))
    assert (told.happens, told.plan is not None) == (Happens.RELEASE, True), told.says
    assert told.plan is not None
    assert told.plan.steps == (StepPlan(5.0, 1, 0.2, 60.0, None), StepPlan(60.0, 2, 0.2, 60.0, "approval"))
    assert (told.plan.service, told.plan.policy, told.plan.mesh) == (NAME, "standard", "istio")
    assert told.plan.routes == (f"VirtualService {rig.namespace}/{NAME}",)
    assert [side["spec"]["containers"][0]["image"] for side in (told.before, told.after)] == ["web:1", "web:2"]
    assert rig.deployment()["metadata"]["generation"] == generation
    assert rig.releases() == []
    rig.image("web:2")
    assert rig.until(lambda release: release.status.phase is not Phase.PENDING).name == told.plan.name


def test_what_nobody_judges_and_what_begins_nothing(own_rig: Rig) -> None:
    own_rig.begin()
    cases: list[tuple[Change, Happens, str]] = [
        (as_it_is, Happens.NOTHING, "the pod template stays the same"),
        (without_policy, Happens.UNJUDGED, "no annotation headgate.dev/policy"),
        (image("web:1", note="new"), Happens.LIGHT, "without a canary"),
    ]
    for change, happens, says in cases:
        told = explain(own_rig.cluster, own_rig.namespace, NAME, change)
        assert (told.happens, says in told.says) == (happens, True), told


def test_what_a_release_would_be_refused_for(own_rig: Rig) -> None:
    own_rig.begin(FAST)
    own_rig.annotate(policy="another")
    told = explain(own_rig.cluster, own_rig.namespace, NAME, image("web:2"))
    assert told.happens is Happens.REFUSED
    assert "annotation headgate.dev/policy names 'another'" in told.says


def test_a_release_that_is_going_on(own_rig: Rig) -> None:
    own_rig.begin(fast(minStepDuration="50s"))
    own_rig.image("web:2")
    active = own_rig.until(lambda release: release.status.phase is Phase.SHIFTING)
    cases: list[tuple[Change, Happens, str]] = [
        (as_it_is, Happens.NOTHING, f"Release {active.name} is delivering this template (Shifting)"),
        (image("web:1"), Happens.NOTHING, f"Release {active.name} is withdrawn"),
        (image("web:3"), Happens.RELEASE, f"Release {active.name} is superseded, its share going to 0 %, then Release"),
    ]
    for change, happens, says in cases:
        told = explain(own_rig.cluster, own_rig.namespace, NAME, change)
        assert (told.happens, says in told.says) == (happens, True), told


def test_a_rejected_template_is_not_delivered_again(own_rig: Rig) -> None:
    own_rig.begin()
    own_rig.image("web:2")
    active = own_rig.until(lambda release: release.status.phase is Phase.SHIFTING)
    own_rig.ask("abort", active, reason="a test")
    own_rig.ended()
    told = explain(own_rig.cluster, own_rig.namespace, NAME, as_it_is)
    assert (told.happens, f"Release {active.name} delivered it (RolledBack)" in told.says) == (Happens.NOTHING, True)


def test_a_deployment_that_is_not_adopted_or_not_there(own_rig: Rig) -> None:
    own_rig.set_up()
    own_rig.deploy()
    assert explain(own_rig.cluster, own_rig.namespace, NAME, image("web:2")).happens is Happens.UNJUDGED
    with pytest.raises(NotFound, match="there is none"):
        explain(own_rig.cluster, own_rig.namespace, "nothing", as_it_is)


def test_what_the_cluster_would_not_store(own_rig: Rig) -> None:
    own_rig.set_up()
    own_rig.deploy()

    def other_selector(deployment: Object) -> Object:
        spec: dict[str, Any] = {**deployment["spec"], "selector": {"matchLabels": {"app": "other"}}}
        return {**deployment, "spec": spec}

    with pytest.raises(InvalidSpec, match="selector"):
        explain(own_rig.cluster, own_rig.namespace, NAME, other_selector)
