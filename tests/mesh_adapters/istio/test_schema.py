"""Planned objects against the schema of Istio's own CRD, every version it has."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from mesh_adapters.istio.routes import IstioRoutes
from tests.mesh_adapters.istio.virtual_services import Object, canary_weights, split, virtual_services

ISTIO = IstioRoutes()
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def problems(schema: Object, value: Any, path: str = "") -> list[str]:
    """What is wrong with `value`: types, required and unknown fields, bounds and enumerations."""
    if schema.get("x-kubernetes-int-or-string"):
        return [] if isinstance(value, int | str) else [f"{path}: neither integer nor string"]
    kind = schema.get("type", "object")
    fits: bool = isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
    if not fits:
        return [f"{path}: {value!r} is no {kind}"]
    found = [f"{path}: {value!r} is not one of {schema['enum']}"] if value not in schema.get("enum", [value]) else []
    if kind == "integer":
        low, high = (-(2**31), 2**31 - 1) if schema.get("format") == "int32" else (value, value)
        if not max(low, schema.get("minimum", low)) <= value <= min(high, schema.get("maximum", high)):
            found.append(f"{path}: {value} is out of bounds")
    if kind == "array":
        for at, item in enumerate(value):
            found += problems(schema["items"], item, f"{path}[{at}]")
    return found + (_problems_of_fields(schema, value, path) if kind == "object" else [])


def _problems_of_fields(schema: Object, value: Object, path: str) -> list[str]:
    found = [f"{path}.{name}: missing" for name in schema.get("required", []) if name not in value]
    for name, each in value.items():
        inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
        if inner is not None:
            found += problems(inner, each, f"{path}.{name}")
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            found.append(f"{path}.{name}: unknown, it would be pruned")
    return found


@cache
def spec_schemas() -> dict[str, Object]:
    folder = os.environ.get("HEADGATE_TEST_CRDS")
    if not folder:
        pytest.skip("HEADGATE_TEST_CRDS does not name a folder with the meshes' CRDs")
    crd = yaml.safe_load((Path(folder) / "istio-virtualservice.yaml").read_text())
    return {
        version["name"]: version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        for version in crd["spec"]["versions"]
        if version["served"]
    }


def test_the_adapter_knows_exactly_the_versions_that_are_served() -> None:
    assert set(spec_schemas()) == set(ISTIO.ref.versions)


def test_a_created_route_is_valid() -> None:
    for version, schema in spec_schemas().items():
        assert problems(schema, ISTIO.create(split(5), {}, version)["spec"]) == []


@settings(max_examples=25, deadline=None, derandomize=True)
@given(route=virtual_services(), weight=canary_weights)
def test_a_planned_route_is_valid(route: Object, weight: float) -> None:
    planned = ISTIO.plan(route, split(weight))
    for schema in spec_schemas().values():
        assert problems(schema, planned["spec"]) == []


def test_the_check_itself_sees_what_is_wrong() -> None:
    bad = {"hosts": "web", "http": [{"route": [{"weight": 2**31, "share": 1, "destination": {}}]}]}
    found = problems(spec_schemas()["v1"], bad)
    assert [each.split(": ")[0] for each in found] == [
        ".hosts",
        ".http[0].route[0].weight",
        ".http[0].route[0].share",
        ".http[0].route[0].destination.host",
    ]
