"""What goes away or breaks under a release: the Deployment, its Service, its route, its canary, its own record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from delivery.cluster.client import JSON, Cluster, Object
from delivery.cluster.credentials import api_client
from delivery.cluster.kinds import DEPLOYMENT, RELEASE, SERVICE, VIRTUAL_SERVICE, Kind
from delivery.errors import InvalidSpec
from delivery.lab.footprint import left_behind
from delivery.resources.release import Phase
from tests.conditions import eventually
from tests.conftest import Planes
from tests.reconcile.rig import FAST, NAME, Rig, fast, virtual_service

SLOW = fast(steps=[5, 50], minStepDuration="60s")


def at_five_percent(rig: Rig) -> None:
    rig.begin(SLOW)
    rig.image("web:2")
    rig.until(lambda release: release.status.traffic.verified_weight == 5)


def test_a_deployment_deleted_under_its_release_takes_everything_with_it(own_rig: Rig) -> None:
    at_five_percent(own_rig)
    own_rig.cluster.delete(DEPLOYMENT, NAME, own_rig.namespace)
    ended = own_rig.ended()
    assert (ended.status.phase, ended.status.reason) == (Phase.FAILED, "DeploymentDeleted")
    assert eventually(
        lambda: left_behind(own_rig.cluster, own_rig.namespace, {(VIRTUAL_SERVICE, NAME): own_rig.before}) == []
    )


def test_a_service_deleted_under_its_release_does_not_stop_the_roll_back(own_rig: Rig) -> None:
    at_five_percent(own_rig)
    own_rig.cluster.delete(SERVICE, NAME, own_rig.namespace)
    own_rig.mesh.failures = 0.3
    ended = own_rig.ended()
    assert ended.status.phase is Phase.ROLLED_BACK
    own_rig.check_unwound()


class ServiceLoser(Cluster):
    """The controller's client; with the creation of a Release the app's Service disappears."""

    def __init__(self, rig: Rig, kubeconfig: Path) -> None:
        super().__init__(api_client(kubeconfig))
        self._rig = rig

    def create(self, kind: Kind, obj: Mapping[str, Any], *, subresource: str = "") -> Object:
        if kind is RELEASE:
            self._rig.cluster.delete(SERVICE, NAME, self._rig.namespace)
        return super().create(kind, obj, subresource=subresource)


def test_a_service_deleted_before_the_back_ends_exist_ends_the_release(own_rig: Rig, planes: Planes) -> None:
    own_rig.begin(fast(readyDeadline="1s"))
    own_rig.controllers_cluster = ServiceLoser(own_rig, planes("embedded").kubeconfig)
    own_rig.restart()
    own_rig.image("web:2")
    ended = own_rig.ended()
    assert (ended.status.phase, ended.status.reason) == (Phase.ROLLED_BACK, "BackEndsMissing")
    assert "is the app's own Service there?" in ended.status.message
    own_rig.check_unwound()


def test_a_route_that_is_edited_meanwhile_keeps_the_users_edit(own_rig: Rig) -> None:
    at_five_percent(own_rig)
    patch = [{"op": "replace", "path": "/spec/http/0/timeout", "value": "7s"}]
    own_rig.cluster.patch(VIRTUAL_SERVICE, NAME, own_rig.namespace, patch, patch_type=JSON)
    own_rig.mesh.failures = 0.3
    assert own_rig.ended().status.phase is Phase.ROLLED_BACK
    route = own_rig.cluster.get(VIRTUAL_SERVICE, NAME, own_rig.namespace)
    wanted = virtual_service(own_rig.namespace)["spec"]
    wanted["http"][0]["timeout"] = "7s"
    assert route["spec"] == wanted


def test_a_route_put_back_by_somebody_is_split_again(own_rig: Rig) -> None:
    at_five_percent(own_rig)
    wanted = virtual_service(own_rig.namespace)["spec"]["http"]
    patch = [{"op": "replace", "path": "/spec/http", "value": wanted}]
    own_rig.cluster.patch(VIRTUAL_SERVICE, NAME, own_rig.namespace, patch, patch_type=JSON)
    eventually(lambda: own_rig.weights()[-2:] == [0, 5])
    own_rig.mesh.failures = 0.3
    assert own_rig.ended().status.phase is Phase.ROLLED_BACK
    own_rig.check_unwound()


def test_a_weight_raised_by_somebody_after_the_roll_back_began_is_taken_down_again(own_rig: Rig) -> None:
    own_rig.begin(fast(steps=[5, 50], minStepDuration="60s", drain="1s"))
    own_rig.image("web:2")
    own_rig.until(lambda release: release.status.traffic.verified_weight == 5)
    split = own_rig.cluster.get(VIRTUAL_SERVICE, NAME, own_rig.namespace)["spec"]["http"]
    own_rig.mesh.failures = 0.3
    own_rig.until(lambda release: release.status.stage == "RemoveCanary")
    patch = [{"op": "replace", "path": "/spec/http", "value": split}]
    own_rig.cluster.patch(VIRTUAL_SERVICE, NAME, own_rig.namespace, patch, patch_type=JSON)
    assert own_rig.ended().status.phase is Phase.ROLLED_BACK
    assert own_rig.weights() == [0, 5, 0, 5, 0]  # the second 5 was the intruder's
    own_rig.check_unwound()


def test_a_record_whose_policy_was_damaged_is_withdrawn(own_rig: Rig) -> None:
    at_five_percent(own_rig)
    damaged = {**FAST, "strategy": {"canary": {"steps": "none"}}}
    patch = [{"op": "replace", "path": "/spec/policy", "value": damaged}]
    own_rig.cluster.patch(RELEASE, own_rig.release().name, own_rig.namespace, patch, patch_type=JSON)
    ending = own_rig.until(lambda release: release.status.phase is Phase.ROLLING_BACK)
    assert (ending.status.outcome, ending.status.reason) == (Phase.FAILED, "InvalidPolicy")
    assert f"Release {own_rig.namespace}/{ending.name}: spec.strategy.canary.steps: not a list" in ending.status.message
    eventually(lambda: own_rig.weights() == [0, 5, 0])


def test_a_release_that_is_none_of_ours_stops_nobody(own_rig: Rig) -> None:
    own_rig.begin(fast(steps=[50]))
    spec = {
        "deployment": "other",
        "service": "other",
        "stable": {"templateHash": "a"},
        "canary": {"templateHash": "b"},
        "template": {},
        "policyName": "p",
        "policy": {},
        "releaseId": "x",
    }
    made = own_rig.create(RELEASE, "other-b", spec)
    with pytest.raises(InvalidSpec, match=r"status\.phase"):  # what the schema lets through is read
        own_rig.cluster.replace(RELEASE, {**made, "status": {"phase": "OfALaterVersion"}}, subresource="status")
    own_rig.image("web:2")
    own_rig.until(lambda release: release.spec.deployment == NAME and release.status.phase is Phase.SHIFTING)


def test_a_canary_deleted_by_hand_loses_its_traffic_first_and_comes_back(own_rig: Rig) -> None:
    at_five_percent(own_rig)
    own_rig.cluster.delete(DEPLOYMENT, "web-canary", own_rig.namespace)
    eventually(lambda: own_rig.weights()[-3:] == [5, 0, 5])
    assert own_rig.release().status.canary_losses == 1
    own_rig.ask("abort", own_rig.release())
    assert own_rig.ended().status.phase is Phase.ROLLED_BACK
    own_rig.check_unwound()


def test_an_annotation_taken_off_at_rest_leaves_a_sound_deployment(own_rig: Rig) -> None:
    own_rig.begin()
    own_rig.annotate(policy=None)
    own_rig.image("web:2")
    own_rig.restart()
    assert own_rig.releases() == []
    assert own_rig.weights() == [0]
