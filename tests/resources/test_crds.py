"""The CRDs: generated, structural, with defaults, and accepted by a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import DELIVERY_POLICY, RELEASE
from delivery.errors import InvalidSpec
from delivery.lab.control_plane import install_crds
from delivery.resources.crds import all_definitions, to_yaml
from delivery.resources.policy import parse_policy
from delivery.resources.release import (
    AnalysisRecord,
    ReleaseSpec,
    ReleaseStatus,
    Revision,
    release_from_object,
    spec_object,
    status_object,
)

FOLDER = Path(__file__).parents[2] / "manifests" / "crds"
DEFINITIONS = all_definitions()
FOREIGN = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "const", "title", "discriminator", "additionalProperties", "not"}


def schema_of(plural: str) -> dict[str, Any]:
    found: dict[str, Any] = DEFINITIONS[plural]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def parts(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside a schema, with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from parts(inner, f"{path}.{name}")
    if "items" in schema:
        yield from parts(schema["items"], f"{path}[]")


def test_the_manifests_are_what_the_models_generate() -> None:
    """Regenerate with `headgate crds --output manifests/crds`."""
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(DEFINITIONS)
    for plural, definition in DEFINITIONS.items():
        assert (FOLDER / f"{plural}.yaml").read_text() == to_yaml(definition)
        assert yaml.safe_load(to_yaml(definition)) == definition


@pytest.mark.parametrize("plural", DEFINITIONS)
def test_the_schemas_are_structural(plural: str) -> None:
    for path, schema in parts(schema_of(plural)):
        assert not FOREIGN & set(schema), path
        assert isinstance(schema.get("type", ""), str), path
        assert schema.get("type") != "null", path
        assert "type" in schema or schema.get("x-kubernetes-preserve-unknown-fields"), path
        assert schema.get("type") != "array" or "items" in schema, path


@pytest.mark.parametrize("plural", DEFINITIONS)
def test_names_columns_and_the_status_subresource(plural: str) -> None:
    spec = DEFINITIONS[plural]["spec"]
    assert (
        spec["names"]["shortNames"]
        == {"releases": ["rel"], "deliverypolicies": ["dp"], "clusterdeliverypolicies": ["cdp"]}[plural]
    )
    assert spec["names"]["categories"] == ["headgate"]
    [version] = spec["versions"]
    assert version["subresources"] == {"status": {}}
    schema = schema_of(plural)
    for column in version["additionalPrinterColumns"]:
        first, *rest = column["jsonPath"].removeprefix(".").split(".")
        assert first == "metadata" or rest[0].partition("[")[0] in schema["properties"][first]["properties"]


def test_release_columns_say_where_a_release_stands() -> None:
    columns = [column["name"] for column in DEFINITIONS["releases"]["spec"]["versions"][0]["additionalPrinterColumns"]]
    assert columns[:6] == ["Deployment", "Phase", "Step", "Weight", "Verdict", "Age"]


def defaulted(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """What an API server makes of `value`: absent fields get their default, then theirs in turn."""
    filled = dict(value)
    for name, inner in schema.get("properties", {}).items():
        if name not in filled and "default" in inner:
            filled[name] = inner["default"]
        if isinstance(filled.get(name), dict):
            filled[name] = defaulted(inner, filled[name])
    return filled


@pytest.mark.parametrize("plural", ["deliverypolicies", "clusterdeliverypolicies"])
def test_the_defaults_of_the_schema_are_those_of_the_models(plural: str) -> None:
    spec = defaulted(schema_of(plural), {})["spec"]
    assert spec["strategy"]["canary"]["minStepDuration"] == "30s"
    assert spec["analysis"]["noData"] == {"deadline": "5m", "action": "rollback"}
    assert spec["onRollback"] == "keepPending"
    assert parse_policy(spec, "stored") == parse_policy({}, "written")


def test_a_mistyped_field_is_kept_for_the_controller_to_name() -> None:
    for path, schema in parts(schema_of("deliverypolicies")["properties"]["spec"]):
        assert schema.get("type") != "object" or schema["x-kubernetes-preserve-unknown-fields"] is True, path


def test_a_release_carries_its_template_and_its_state_untouched() -> None:
    properties = schema_of("releases")["properties"]
    kept = [properties["spec"]["properties"]["template"], properties["spec"]["properties"]["policy"]]
    kept.append(properties["status"]["properties"]["analysis"]["properties"]["state"])
    assert all(schema["x-kubernetes-preserve-unknown-fields"] for schema in kept)


@pytest.fixture
def served(cluster: Cluster) -> Cluster:
    """A control plane, each in turn, that serves our kinds."""
    install_crds(cluster, sorted(FOLDER.glob("*.yaml")))
    return cluster


def policy_object(namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "standard", "namespace": namespace}, "spec": spec}


def test_a_server_takes_them_and_fills_in_an_empty_policy(served: Cluster, namespace: str) -> None:
    served.create(DELIVERY_POLICY, policy_object(namespace, {"strategy": {"canary": {"steps": [5]}}}))
    stored = served.get(DELIVERY_POLICY, "standard", namespace)["spec"]
    assert stored["strategy"]["canary"]["readyDeadline"] == "10m"
    assert stored["analysis"]["risk"] == {"wrongRollback": 0.01, "wrongAdvance": 0.05}
    assert parse_policy(stored, "stored") == parse_policy({"strategy": {"canary": {"steps": [5]}}}, "written")


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"analysis": {"interval": "fast"}}, "spec.analysis.interval"),
        ({"analysis": {"risk": {"wrongRollback": 0.9}}}, "spec.analysis.risk.wrongRollback"),
        ({"strategy": {"canary": {"onInconclusive": "guess"}}}, "spec.strategy.canary.onInconclusive"),
        ({"strategy": {"canary": {"steps": []}}}, "spec.strategy.canary.steps"),
    ],
)
def test_a_server_refuses_at_admission_what_a_schema_can_say(
    served: Cluster, namespace: str, spec: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidSpec, match=path.replace(".", r"\.")):
        served.create(DELIVERY_POLICY, policy_object(namespace, spec))


def test_a_server_keeps_a_mistyped_field_of_a_policy_and_all_of_a_release(served: Cluster, namespace: str) -> None:
    served.create(DELIVERY_POLICY, policy_object(namespace, {"stratgy": {"x": 1}}))
    assert served.get(DELIVERY_POLICY, "standard", namespace)["spec"]["stratgy"] == {"x": 1}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:2"}]}}
    spec = ReleaseSpec(
        deployment="web", service="web", stable=Revision(template_hash="a"), canary=Revision(template_hash="b"),
        template=template, policy_name="standard", policy={"analysis": {"interval": "2s"}}, release_id="7",
    )  # fmt: skip
    made = served.create(RELEASE, {"metadata": {"name": "web-b", "namespace": namespace}, "spec": spec_object(spec)})
    assert release_from_object(dict(made)).spec == spec
    status = ReleaseStatus(analysis=AnalysisRecord(state={"log": [0.1, None]}, started_at=1_700_000_000.123456))
    served.replace(RELEASE, {**made, "status": status_object(status)}, subresource="status")
    assert release_from_object(dict(served.get(RELEASE, "web-b", namespace))).status == status
