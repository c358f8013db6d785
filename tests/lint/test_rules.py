"""`lint` as a whole: what it looks at, in which order, and what no object makes of it."""

import copy
import random
from pathlib import Path
from typing import Any

import pytest

from delivery.lint.finding import Severity
from delivery.lint.rules import INVALID_POLICY, OPTED_IN, RULES, lint
from delivery.resources.annotations import POLICY
from tests.lint.objects import autoscaler, container, deployment, findings, found, policy, service

EVERY_RULE = (*RULES, *OPTED_IN)
PAGE = Path(__file__).parents[2] / "docs" / "lint.md"


def test_rules_have_names_of_their_own_and_the_page_has_all_of_them_in_order() -> None:
    rows = [line.split("|")[1:3] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    documented = [(name.strip(" `"), severity.strip()) for name, severity in rows]
    assert documented == [*((rule.id, rule.severity.value) for rule in EVERY_RULE), (INVALID_POLICY, "error")]
    assert len(dict(documented)) == len(documented)


def test_findings_come_in_the_order_of_the_objects_and_then_of_the_rules() -> None:
    bad = deployment(container(image="web", readinessProbe=None), replicas=1)
    worse = copy.deepcopy(bad)
    worse["metadata"]["name"] = "api"
    told = findings(bad, service(), worse)
    assert [finding.object for finding in told] == ["Deployment shop/web"] * 3 + ["Deployment shop/api"] * 3
    assert [finding.rule for finding in told[:3]] == ["image-without-tag", "no-readiness-probe", "single-replica"]


def test_every_mistake_in_a_policy_is_a_finding_with_its_own_path() -> None:
    wrong = policy(strategy={"canary": {"steps": [5, 3]}, "canery": {}}, analysis={"metrics": [{"kind": "errors"}]})
    assert found(wrong) == [
        (INVALID_POLICY, "spec.strategy.canary.steps"),
        (INVALID_POLICY, "spec.strategy.canery"),
        (INVALID_POLICY, "spec.analysis.metrics[0]"),
    ]
    [finding, *_] = findings(policy("ClusterDeliveryPolicy", strategy={"canery": {}}))
    assert finding.object == "ClusterDeliveryPolicy standard"
    assert finding.severity is Severity.ERROR
    assert finding.message == "unknown field; remove it or correct its name"


@pytest.mark.parametrize("spec", [None, {}, {"strategy": {"canary": {"steps": [5, 20, 50]}}}])
def test_a_sound_policy_is_clean(spec: dict[str, Any] | None) -> None:
    assert lint([{**policy(), "spec": spec}]) == ()


def test_other_kinds_and_groups_are_none_of_our_business() -> None:
    bad = deployment(container(image="web"))
    assert lint([{**bad, "kind": "StatefulSet"}, {**bad, "apiVersion": "example.dev/v1"}]) == ()
    assert lint([{**policy(), "apiVersion": "example.dev/v1", "spec": 7}]) == ()


def test_what_headgate_made_is_not_the_user_s_to_mend() -> None:
    canary = deployment(container(image="web"), replicas=1)
    canary["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "headgate"}
    assert lint([canary]) == ()


def test_the_objects_stay_as_they_are() -> None:
    given = [deployment(container(image="web"), annotations={POLICY: "standard"}), service(), policy(), autoscaler()]
    before = copy.deepcopy(given)
    lint(given)
    assert given == before


@pytest.mark.parametrize("seed", range(20))
def test_no_object_is_malformed_enough_to_raise(seed: int) -> None:
    chance = random.Random(seed)
    sound = [
        deployment(container(), annotations={POLICY: "standard"}, labels={"app.kubernetes.io/version": "1.0.0"}),
        service(),
        policy(strategy={"canary": {"steps": [5]}}),
        autoscaler(minReplicas=2),
    ]
    for _ in range(200):
        given = copy.deepcopy(sound)
        for _ in range(chance.randint(1, 3)):
            _spoil(chance.choice(given), chance)
        for finding in lint(given):
            assert finding.path
            assert finding.message.strip()


def _spoil(value: Any, chance: random.Random) -> None:
    """Puts something of another type in some place below."""
    places = list(value) if isinstance(value, dict) else list(range(len(value)))
    place = chance.choice(places) if places else None
    if place is None:
        return
    inner = value[place]
    if isinstance(inner, dict | list) and inner and chance.random() < 0.7:
        _spoil(inner, chance)
    else:
        value[place] = chance.choice([None, 7, -1, True, "text", "50%", [], {}, [None], [[]], {"a": []}, ["x", {}]])
