"""Random route objects, valid by the CustomResourceDefinitions of the meshes and by what the meshes ask beyond them.

The definitions are those in the folder that HEADGATE_TEST_CRDS names, else the lab's own, which say less.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import delivery.lab
from delivery.cluster.kinds import (
    DESTINATION_RULE,
    GRPC_ROUTE,
    HTTP_ROUTE,
    LINKERD_HTTP_ROUTE,
    TRAFFIC_SPLIT,
    VIRTUAL_SERVICE,
    Kind,
)
from delivery.lab.control_plane import LOADER
from tests.contract.routes.valid_gateway import route_specs
from tests.contract.routes.valid_istio import destination_rule_specs, virtual_service_specs
from tests.contract.routes.valid_splits import traffic_split_specs

Object = dict[str, Any]

KINDS = (VIRTUAL_SERVICE, DESTINATION_RULE, HTTP_ROUTE, GRPC_ROUTE, LINKERD_HTTP_ROUTE, TRAFFIC_SPLIT)
"""What `routes` can build."""

# Servers drop empty maps of metadata, and what is not kept cannot be given back.
_LABELS = st.dictionaries(
    st.sampled_from(("app", "team", "example.org/tier")), st.sampled_from(("web", "a-1", "")), min_size=1
)
_NOTES = st.dictionaries(st.sampled_from(("example.org/owner", "note")), st.text("ab :{}\"'", max_size=8), min_size=1)


def routes(kind: Kind, version: str, *, apex: str = "web", namespace: str = "shop") -> SearchStrategy[Object]:
    """Objects of `kind` in API `version`, named `apex` in `namespace`, that a cluster with the mesh accepts.

    At least one rule of each sends some of its traffic to Service `apex` of the namespace (a TrafficSplit splits it,
    a DestinationRule is about its host). Neither APEX-stable nor APEX-canary is named anywhere.
    Raises KeyError for a version that the definition does not serve.
    """
    schema = spec_schema(kind, version)
    head = {"apiVersion": st.just(f"{kind.group}/{version}"), "kind": st.just(kind.name)}
    metadata = st.fixed_dictionaries(
        {"name": st.just(apex), "namespace": st.just(namespace)},
        optional={"labels": _LABELS, "annotations": _NOTES},
    )
    return st.fixed_dictionaries({**head, "metadata": metadata, "spec": _specs(kind, schema, apex, namespace)})


def crd_folder() -> Path:
    """Where the definitions are read from."""
    named = os.environ.get("HEADGATE_TEST_CRDS")
    return Path(named) if named else Path(delivery.lab.__path__[0]) / "crds"


def served_versions(kind: Kind) -> tuple[str, ...]:
    """The API versions of `kind` that its definition serves, in the definition's order."""
    return tuple(entry["name"] for entry in definition(kind)["spec"]["versions"] if entry["served"])


def spec_schema(kind: Kind, version: str) -> Object:
    """The schema of `spec` in this version. Raises KeyError where it is not served."""
    schemas = {
        entry["name"]: entry["schema"]["openAPIV3Schema"]["properties"]["spec"]
        for entry in definition(kind)["spec"]["versions"]
        if entry["served"]
    }
    found: Object = schemas[version]
    return found


def crd_file(kind: Kind) -> Path:
    """The file with the kind's definition. Raises FileNotFoundError where the folder has none."""
    wanted = f"name: {kind.plural}.{kind.group}\n"
    for file in sorted(crd_folder().glob("*.yaml")):
        if wanted in file.read_text():
            return file
    raise FileNotFoundError(f"{crd_folder()}: no file defines {kind}")


@cache
def definition(kind: Kind) -> Object:
    """The kind's CustomResourceDefinition, read once."""
    name = f"{kind.plural}.{kind.group}"
    documents = yaml.load_all(crd_file(kind).read_text(), Loader=LOADER)
    found: Object = next(each for each in documents if each and each["metadata"]["name"] == name)
    return found


def _specs(kind: Kind, schema: Object, apex: str, namespace: str) -> SearchStrategy[Object]:
    if kind == VIRTUAL_SERVICE:
        return virtual_service_specs(schema, apex, namespace)
    if kind == DESTINATION_RULE:
        return destination_rule_specs(schema, apex, namespace)
    if kind == TRAFFIC_SPLIT:
        return traffic_split_specs(schema, apex)
    return route_specs(schema, apex, namespace)
