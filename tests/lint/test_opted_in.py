"""What the controller would refuse, or miss, of a Deployment that it is to deliver."""

from typing import Any

import pytest

from delivery.decision import at_rest
from delivery.lint.finding import Severity
from delivery.lint.given import Deployment, Given
from delivery.lint.opted_in import unsuitable_name
from delivery.lint.rules import OPTED_IN
from delivery.resources.annotations import POLICY, SERVICE
from tests.lint.objects import deployment, findings, found, policy, service

AT = f"metadata.annotations[{SERVICE}]"


def opted_in(service: str | None = None, **spec: Any) -> dict[str, Any]:
    annotations = {POLICY: "standard", **({SERVICE: service} if service else {})}
    return deployment(annotations=annotations, **spec)


def test_a_deployment_with_its_policy_and_its_service_is_clean() -> None:
    assert found(opted_in(), service(), policy()) == []
    assert found(opted_in(), service(), policy("ClusterDeliveryPolicy")) == []
    assert found(opted_in("web"), service(), service("internal"), policy()) == []


def test_without_the_annotation_nothing_of_this_is_asked() -> None:
    given = deployment(strategy={"type": "Recreate"})
    assert found(given) == []


@pytest.mark.parametrize(
    "other",
    [
        service(selector={"app": "other"}),
        service(selector={}),
        service(selector=None),
        service(selector={"app": "web", "tier": "front"}),
        service(metadata={"namespace": "stage"}),
        service("web-stable", metadata={"labels": {"app.kubernetes.io/managed-by": "headgate"}}),
    ],
)
def test_no_service_selects_its_pods(other: dict[str, Any]) -> None:
    assert found(opted_in(), other, policy()) == [("no-service", "spec.template.metadata.labels")]


def test_two_services_could_be_meant() -> None:
    [finding] = findings(opted_in(), service("web"), service("internal"), policy())
    assert (finding.rule, finding.path) == ("ambiguous-service", AT)
    assert "internal, web" in finding.message


def test_the_same_service_given_twice_is_one() -> None:
    assert found(opted_in(), service(), service(), policy()) == []


def test_the_named_service_must_be_there_and_select_its_pods() -> None:
    assert found(opted_in("shop"), service(), policy()) == [("unknown-service", AT)]
    other = service("shop", selector={"app": "other"})
    assert found(opted_in("shop"), other, service(), policy()) == [("service-of-other-pods", AT)]


@pytest.mark.parametrize("given", [[], [policy(name="other")], [{**policy(), "metadata": {"name": "standard"}}]])
def test_a_policy_elsewhere_is_only_a_warning(given: list[dict[str, Any]]) -> None:
    [finding] = findings(opted_in(), service(), *given)
    assert finding.rule == "unknown-policy"
    assert finding.severity is Severity.WARNING


def test_objects_without_a_namespace_are_together_in_the_default_one() -> None:
    given = [opted_in(), service(), policy()]
    for obj in given:
        del obj["metadata"]["namespace"]
    given[1]["metadata"]["namespace"] = "default"
    assert found(*given) == []


def test_recreate_leaves_nothing_to_compare_with() -> None:
    assert found(opted_in(strategy={"type": "Recreate"}), service(), policy()) == [
        ("unsupported-strategy", "spec.strategy.type")
    ]


@pytest.mark.parametrize("name", ["web", "w", "1web", "web.front", "web-", "w" * 56, "w" * 57, ""])
def test_names_are_refused_as_the_controller_refuses_them(name: str) -> None:
    refused = not at_rest._SERVICE_NAME.fullmatch(name) or len(name) > at_rest._LONGEST_NAME
    assert bool(list(unsuitable_name(Deployment({"metadata": {"name": name}}), Given()))) == refused


def test_the_order_of_the_rules_is_the_order_of_the_findings() -> None:
    given = opted_in(strategy={"type": "Recreate"})
    given["metadata"]["name"] = "web.front"
    order = [rule.id for rule in OPTED_IN]
    told = [rule for rule, _ in found(given)]
    assert told == ["unsupported-strategy", "unsuitable-name", "no-service", "unknown-policy"]
    assert told == sorted(told, key=order.index)
