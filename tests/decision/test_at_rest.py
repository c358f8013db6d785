"""No release: adoption, refusals that touch nothing, and the beginning of a release."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from delivery.decision.actions import Announce, CreateRelease, Decision, PauseDeployment
from delivery.decision.planner import decide
from delivery.decision.snapshot import Configuration
from delivery.resources.policy import parse_policy
from delivery.resources.release import Intent, Phase, Release
from tests.decision.given import CANARY, NOW, POLICY, STABLE, THIRD, at_rest, kinds, only, release, stable_set, workload


def resting(**changes: Any) -> Decision:
    return decide(at_rest(**changes), NOW)


def finished(phase: Phase, **fields: Any) -> Release:
    return release(phase, weight=None, **fields)


@pytest.mark.parametrize(
    "changes",
    [
        {"workload": None},
        {"opted_in": False, "workload": workload(paused_by_us=False)},
        {"workload": workload(STABLE)},
        {"workload": workload(STABLE, paused=False, rolled_out=False)},
        {"stable": None},
        {"configuration": Configuration()},
    ],
    ids=["gone", "not-opted-in", "nothing-pending", "first-rollout", "no-stable", "no-policy-yet"],
)
def test_mostly_nothing_is_to_do(changes: dict[str, Any]) -> None:
    assert resting(**changes) == Decision()


def test_adoption_is_one_field_after_the_first_rollout() -> None:
    decision = resting(workload=workload(STABLE, paused=False, rolled_out=True))
    assert kinds(decision) == ["PauseDeployment", "Announce"]
    assert only(decision, PauseDeployment).paused


def test_a_pending_template_becomes_a_release_with_the_policy_as_it_is() -> None:
    created = only(resting(), CreateRelease)
    assert created.name == f"web-{CANARY}"
    assert (created.spec.stable.template_hash, created.spec.canary.template_hash) == (STABLE, CANARY)
    assert created.spec.stable.pod_template_hash == f"pod-{STABLE}"
    assert created.spec.release_id == created.name
    assert (created.spec.attempt, created.spec.policy_name, created.spec.service) == (1, "standard", "web")
    assert parse_policy(created.spec.policy, "kept") == parse_policy(POLICY, "written")


def test_a_release_id_from_the_pipeline_is_kept() -> None:
    assert only(resting(workload=workload(release_id="build-7")), CreateRelease).spec.release_id == "build-7"


@pytest.mark.parametrize(
    ("changes", "reason", "named"),
    [
        (
            {"configuration": Configuration(problem="spec.x: unknown", problem_reason="InvalidPolicy")},
            "InvalidPolicy",
            "spec.x",
        ),
        ({"workload": workload(strategy="Recreate")}, "UnsupportedStrategy", "Deployment shop/web: spec.strategy.type"),
        ({"workload": workload(name="web.v1")}, "UnsuitableName", "Deployment shop/web.v1: metadata.name"),
        ({"workload": workload(name="w" * 57)}, "UnsuitableName", "at most 56"),
        ({"stable": stable_set(ready=0)}, "NoStablePods", "Deployment shop/web: a new template waits"),
        ({"stable": stable_set(replicas=0, ready=0)}, "NoStablePods", "scale the Deployment up"),
    ],
)
@pytest.mark.parametrize("paused", [True, False])
def test_what_cannot_be_released_is_told_and_not_touched(
    changes: dict[str, Any], reason: str, named: str, paused: bool
) -> None:
    if reason == "NoStablePods" and not paused:
        return  # only asked about a paused Deployment
    changes = {**changes, "workload": replace(changes.get("workload", workload()), paused=paused, rolled_out=True)}
    decision = resting(**changes)
    assert kinds(decision) == ["Announce"]
    told = only(decision, Announce)
    assert (told.reason, told.warning) == (reason, True)
    assert named in told.message


@pytest.mark.parametrize("phase", [Phase.ROLLED_BACK, Phase.FAILED])
def test_a_rejected_template_is_not_retried_until_somebody_asks(phase: Phase) -> None:
    assert resting(previous=(finished(phase),)) == Decision()
    again = only(resting(previous=(finished(phase, intents=[Intent(verb="retry")]),)), CreateRelease)
    assert (again.spec.attempt, again.name) == (2, f"web-{CANARY}-2")
    assert resting(previous=(finished(phase, intents=[Intent(verb="retry")], intents_done=1),)) == Decision()


def test_another_template_after_a_rejected_one_is_a_new_release() -> None:
    assert (
        only(resting(previous=(finished(Phase.ROLLED_BACK),), workload=workload(THIRD)), CreateRelease).spec.attempt
        == 1
    )


@pytest.mark.parametrize("phase", [Phase.SUPERSEDED, Phase.BYPASSED, Phase.SUCCEEDED])
def test_a_template_that_was_not_rejected_may_come_back(phase: Phase) -> None:
    assert only(resting(previous=(finished(phase),)), CreateRelease).spec.attempt == 2


def test_a_name_is_never_used_twice_though_older_attempts_were_pruned() -> None:
    left = (finished(Phase.SUPERSEDED, attempt=4), finished(Phase.SUPERSEDED, attempt=3))
    assert only(resting(previous=left), CreateRelease).name == f"web-{CANARY}-5"
