"""Objects out of text: what is taken, what is refused, and how they are searched."""

from __future__ import annotations

import pytest

from delivery.cluster.kinds import HTTP_ROUTE, LINKERD_HTTP_ROUTE, SERVICE
from delivery.errors import InvalidSpec
from delivery.route_files.documents import DocumentReader, parse
from delivery.route_files.texts import to_json

WEB = "{apiVersion: v1, kind: Service, metadata: {name: web, labels: {app: web}}}"


def test_empty_documents_are_left_out_and_a_list_is_taken_apart() -> None:
    listed = to_json(parse(f"---\n{WEB}\n---\n---\n{WEB.replace('web', 'cart')}\n", "f"))
    assert [obj["metadata"]["name"] for obj in parse(listed, "f")] == ["web", "cart"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "f: neither YAML nor JSON: while parsing"),
        ("- 1", "f: document 1: not a Kubernetes object but list"),
        (f"{WEB}\n---\n{{kind: Service, metadata: {{name: web}}}}", "f: document 2: apiVersion is missing"),
        ("{apiVersion: v1, kind: Service}", "f: document 1: Service has no metadata.name"),
    ],
)
def test_what_is_no_object_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        parse(text, "f")


def test_objects_are_found_as_in_a_cluster() -> None:
    route = "{apiVersion: policy.linkerd.io/v1beta3, kind: HTTPRoute, metadata: {name: web, namespace: other}}"
    reader = DocumentReader(parse(f"{WEB}\n---\n{route}", "f"), "shop")
    found = reader.find(SERVICE, "web", "shop")
    assert found is not None
    assert found["metadata"]["namespace"] == "shop"
    assert reader.find(SERVICE, "web", "other") is None
    assert reader.list(SERVICE, labels={"app": "cart"}) == []
    assert reader.serves(LINKERD_HTTP_ROUTE)
    assert not reader.serves(HTTP_ROUTE)
