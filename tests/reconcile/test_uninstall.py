"""What is done with an adopted Deployment when Headgate is removed, and that it is done on a real control plane."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from delivery.cli.main import app
from delivery.cluster.kinds import DEPLOYMENT
from delivery.reconcile.uninstall import Doing, Wish, decide
from delivery.resources.annotations import LEFT_PAUSED, POLICY
from delivery.resources.release import Phase
from tests.conditions import eventually
from tests.conftest import Planes
from tests.decision.given import release
from tests.reconcile.rig import Rig

OURS = [{"manager": "headgate", "fieldsV1": {"f:spec": {"f:paused": {}}}}]


def deployment(image: str = "web:1", *, paused: bool = True, ours: bool = True) -> dict[str, Any]:
    meta = {
        "name": "web",
        "namespace": "shop",
        "uid": "u",
        "resourceVersion": "1",
        "managedFields": OURS if ours else [],
        "annotations": {POLICY: "standard"},
    }
    return {"metadata": meta, "spec": {"paused": paused, "replicas": 1, "template": template(image)}}


def template(image: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}


RUNNING = [
    {
        "metadata": {"ownerReferences": [{"uid": "u", "controller": True}]},
        "spec": {"replicas": 1, "template": template("web:1")},
    }
]


@pytest.mark.parametrize(
    ("found", "wish", "doing", "left"),
    [
        (deployment(), Wish(resume=True), Doing.RESUME, False),
        (deployment(), Wish(resume=False), Doing.LEAVE_PAUSED, False),
        (deployment("web:2"), Wish(resume=True), Doing.LEAVE_PAUSED, True),
        (deployment("web:2"), Wish(resume=True, pending=True), Doing.RESUME, False),
        (deployment("web:2"), Wish(resume=False), Doing.LEAVE_PAUSED, False),
        (deployment(ours=False), Wish(resume=True), Doing.LET_GO, False),
        (deployment(paused=False), Wish(resume=True), Doing.LET_GO, False),
    ],
)
def test_what_is_pending_is_never_rolled_out_unasked(
    found: dict[str, Any], wish: Wish, doing: Doing, left: bool
) -> None:
    verdict = decide(found, RUNNING, None, wish)
    assert (verdict.doing, verdict.left) == (doing, left)


def test_a_release_that_has_not_ended_is_left_to_end() -> None:
    verdict = decide(deployment("web:2"), RUNNING, release(weight=5.0), Wish(resume=True))
    assert (verdict.doing, verdict.left) == (Doing.NOTHING, True)
    assert "is Shifting at 5 %" in verdict.why


def run(planes: Planes, rig: Rig, plane: str, *options: str) -> tuple[int, str]:
    where = ["--kubeconfig", str(planes(plane).kubeconfig), "--namespace", rig.namespace]
    done = CliRunner(env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}).invoke(
        app, ["release-all", *where, *options]
    )
    return done.exit_code, done.output


def test_everything_is_given_back_in_mid_release(own_rig: Rig, planes: Planes) -> None:
    own_rig.begin()
    own_rig.mesh.rps = 0.0  # nothing is decided
    own_rig.image("web:2")
    own_rig.until(lambda found: found.status.phase is Phase.SHIFTING)
    code, told = run(planes, own_rig, "embedded", "--resume", "--dry-run")
    assert (code, "is Shifting" in told) == (1, True)
    code, told = run(planes, own_rig, "embedded", "--resume", "--timeout", "30")
    assert own_rig.release().status.reason == "Aborted"
    assert (code, "was not judged or was rejected" in told) == (1, True)
    found = own_rig.deployment()
    assert found["spec"]["paused"]
    assert found["metadata"].get("annotations", {}).get(LEFT_PAUSED) == "true"
    own_rig.check_unwound()


def test_a_deployment_at_rest_is_resumed_and_not_adopted_again(rig: Rig, planes: Planes, request: Any) -> None:
    rig.begin()
    plane = request.node.callspec.params["rig"]
    code, told = run(planes, rig, plane, "--resume")
    assert (code, "resumed" in told) == (0, True), told
    eventually(lambda: not rig.deployment()["spec"].get("paused"))
    rig.image("web:2")
    eventually(lambda: rig.deployment()["status"].get("updatedReplicas") == 2)
    assert rig.releases() == []
    assert run(planes, rig, plane, "--resume") == (0, "0 adopted Deployments, 0 left for you to look after\n")


def test_what_is_left_paused_stays_so_though_the_controller_runs(own_rig: Rig, planes: Planes) -> None:
    own_rig.begin()
    code, told = run(planes, own_rig, "embedded", "--leave-paused")
    assert (code, "left paused" in told) == (0, True)
    own_rig.edit(minReadySeconds=1)
    eventually(lambda: _seen(own_rig))
    assert own_rig.deployment()["spec"]["paused"]


def _seen(rig: Rig) -> bool:
    meta = rig.cluster.get(DEPLOYMENT, "web", rig.namespace)
    return bool(meta["status"].get("observedGeneration") == meta["metadata"]["generation"])


@pytest.mark.parametrize("options", [[], ["--resume", "--leave-paused"], ["--leave-paused", "--resume-pending"]])
def test_one_of_the_two_must_be_chosen(options: list[str]) -> None:
    done = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, ["release-all", *options])
    assert done.exit_code == 2
    assert "choose one of --resume" in done.output
