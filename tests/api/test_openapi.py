"""The API's own document: OpenAPI 3.1 that shows each request and each good answer by an example that holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from fastapi.routing import APIRoute

from delivery.api import examples
from delivery.api.app import ROUTERS
from delivery.api.backtesting import told
from delivery.api.problems import MEDIA_TYPE
from delivery.resources.image import IMMUTABLE, parse_image
from tests.served import Served

Document = dict[str, Any]


@pytest.fixture
def document(own_served: Served) -> Document:
    """As the listener gives it."""
    with own_served.client() as client:
        found: Document = client.get("/api/v1/openapi.json").json()
    return found


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def good(operation: Document) -> dict[str, Document]:
    """The media types of the answer that is wished for."""
    found = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    assert len(found) == 1
    content: dict[str, Document] = found[0]["content"]
    return content


def holds(document: Document, schema: Document, example: object) -> bool:
    whole = {**schema, "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(whole).is_valid(example)


def test_it_is_openapi_3_1_and_names_every_route_with_data(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    served = {f"{method} {each.path}" for each in routes if each.include_in_schema for method in each.methods or ()}
    assert {label for label, _ in operations(document)} == served
    assert len(served) >= 14


def test_each_request_is_shown(document: Document) -> None:
    for label, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert not parameter["required"] or parameter["schema"]["examples"], (label, parameter["name"])
        for media_type in operation.get("requestBody", {}).get("content", {}).values():
            assert holds(document, media_type["schema"], media_type["example"]), label


def test_each_good_answer_is_shown(document: Document) -> None:
    for label, operation in operations(document):
        shown = [media_type for media_type in good(operation).values() if "example" in media_type]
        assert shown, label
        for media_type in shown:
            assert holds(document, media_type["schema"], media_type["example"]), label


def test_every_problem_is_problem_json_and_every_call_needs_a_token(document: Document) -> None:
    assert document["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for label, operation in operations(document):
        assert "security" not in operation, label
        for status, answer in operation["responses"].items():
            assert status.startswith("2") or list(answer["content"]) == [MEDIA_TYPE], (label, status)


def test_what_a_backtest_answers_is_what_the_example_shows(tmp_path: Path) -> None:
    recording = tmp_path / "recording"
    recording.write_text(examples.RECORDING)
    answer = told(str(recording), examples.BACKTEST["policy"])
    assert not isinstance(answer, str)
    shown = examples.BACKTESTED[0]
    assert answer[0].keys() == shown.keys()
    for field in ("verdict", "t", "carriedBy", "requests"):
        assert answer[0][field] == shown[field]


@pytest.mark.parametrize(
    ("image", "immutable"),
    [
        ("web:1", True),
        ("registry.example:5000/shop/web:1.4.0", True),
        (f"web@sha256:{'a' * 64}", True),
        (f"web:latest@sha256:{'a' * 64}", True),
        ("web", False),
        ("web:latest", False),
        ("Web:1", False),
        ("web:", False),
    ],
)
def test_the_schema_of_an_image_is_what_a_trigger_takes(image: str, immutable: bool) -> None:
    try:
        taken = not parse_image(image).mutable
    except ValueError:
        taken = False
    assert taken is immutable
    assert jsonschema_rs.Draft202012Validator(IMMUTABLE).is_valid(image) is immutable
