"""Built-in kinds: the form they are stored in, what is filled in, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.lab.apiserver.canonical import canonical
from delivery.lab.apiserver.models import schema_of
from delivery.lab.apiserver.quantity import canonical_quantity
from delivery.lab.apiserver.status import ApiError
from tests.lab.apiserver.conftest import DEPLOYMENTS, PODS, Direct, deployment, pod


def read(value: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    unknown: list[str] = []
    return canonical(value, schema_of("V1Deployment"), "Deployment", unknown.append), unknown


def test_empty_values_are_not_kept_and_unknown_ones_are_told() -> None:
    value, unknown = read({"spec": {"paused": False, "minReadySeconds": 0, "replicas": 0, "colour": 1}, "kind": None})
    assert value == {"spec": {"replicas": 0}}
    assert unknown == ["spec.colour"]


def test_a_value_of_the_wrong_type_is_a_bad_request_that_names_the_field() -> None:
    with pytest.raises(ApiError, match=r"spec\.replicas"):
        read({"spec": {"replicas": "many"}})


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("0.1", "100m"),
        ("1024Mi", "1Gi"),
        ("1000m", "1"),
        ("1.5Gi", "1536Mi"),
        ("1e3", "1e3"),
        ("0", "0"),
        ("1500k", "1500k"),
    ],
)
def test_quantities_have_one_spelling(written: str, kept: str) -> None:
    assert canonical_quantity(written) == kept


@given(st.integers(0, 10**15), st.sampled_from(["", "m", "k", "Mi", "Gi", "n"]))
def test_the_one_spelling_is_its_own(number: int, suffix: str) -> None:
    once = canonical_quantity(f"{number}{suffix}")
    assert canonical_quantity(once) == once


@pytest.mark.parametrize("text", ["", "x", "1Q", "1.2.3", "--1"])
def test_what_is_not_a_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical_quantity(text)


def test_a_deployment_is_filled_in(direct: Direct) -> None:
    spec = direct("POST", DEPLOYMENTS, deployment()).ok()["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
    assert spec["template"]["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 30


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("a:1", "IfNotPresent"),
        ("r:5000/a", "Always"),
        ("a@sha256:0", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(direct: Direct, image: str, policy: str) -> None:
    made = direct("POST", PODS, pod("p", containers=[{"name": "app", "image": image}])).ok()
    assert made["spec"]["containers"][0]["imagePullPolicy"] == policy


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (deployment(replicas=-1), ["spec.replicas"]),
        (deployment(selector={"matchLabels": {"app": "other"}}), ["spec.template.metadata.labels"]),
        (deployment(strategy={"type": "Recreate", "rollingUpdate": {}}), ["spec.strategy.rollingUpdate"]),
        (deployment("Bad_Name"), ["metadata.name"]),
    ],
)
def test_refusals_name_the_field(direct: Direct, body: dict[str, Any], fields: list[str]) -> None:
    refused = direct("POST", DEPLOYMENTS, body).refused(422, "Invalid")
    named = [cause["field"] for cause in refused["details"]["causes"]]
    assert set(fields) <= set(named)


def test_a_selector_cannot_change(direct: Direct) -> None:
    direct("POST", DEPLOYMENTS, deployment()).ok()
    other = deployment("web", selector={"matchLabels": {"app": "web", "x": "y"}})
    other["spec"]["template"]["metadata"]["labels"]["x"] = "y"
    refused = direct("PUT", f"{DEPLOYMENTS}/web", other).refused(422, "Invalid")
    assert refused["details"]["causes"][0]["field"] == "spec.selector"


def test_two_services_never_share_an_address(direct: Direct) -> None:
    path = "/api/v1/namespaces/default/services"
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}}
    made = [direct("POST", path, {**body, "metadata": {"name": f"s{n}"}}).ok() for n in range(5)]
    assert len({service["spec"]["clusterIP"] for service in made}) == 5
    taken = {**body, "metadata": {"name": "late"}, "spec": {**body["spec"], "clusterIP": made[0]["spec"]["clusterIP"]}}
    refused = direct("POST", path, taken).refused(422, "Invalid")
    assert refused["details"]["causes"][0]["field"] == "spec.clusterIPs"


def test_an_endpoint_slice_reads_the_same_in_both_versions(direct: Direct) -> None:
    base = "/apis/discovery.k8s.io/{}/namespaces/default/endpointslices"
    body = {
        "apiVersion": "discovery.k8s.io/v1beta1",
        "kind": "EndpointSlice",
        "metadata": {"name": "s"},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.1.1"], "topology": {"kubernetes.io/hostname": "n1"}}],
    }
    direct("POST", base.format("v1beta1"), body).ok()
    current = direct("GET", base.format("v1") + "/s").ok()
    assert (current["apiVersion"], current["endpoints"][0]["nodeName"]) == ("discovery.k8s.io/v1", "n1")


def test_an_event_reads_the_same_in_both_groups(direct: Direct) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "message": "hello",
    }
    direct("POST", "/api/v1/namespaces/default/events", body).ok()
    newer = direct("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e").ok()
    assert (newer["note"], newer["regarding"]["name"]) == ("hello", "p")
