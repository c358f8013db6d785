"""The API as it describes itself: OpenAPI 3.1, with an example of each request and of each good answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from delivery.api.problems import Documented, Problem

TEXT = """Releases: begun, followed, approved, read about.

Every call carries a bearer token of the cluster. What it may do the cluster's RBAC says, by verbs on the resource
`releases.headgate.dev`: `get`, `list`, `watch`, `trigger`, `approve`, `promote`, `pause`, `resume`, `abort`, `retry`,
`backtest`. Errors are `application/problem+json`."""
TOKEN = {"type": "http", "scheme": "bearer", "description": "of a user or ServiceAccount of the cluster"}
NOTHING = {"type": "object", "maxProperties": 0}
SIGNS = ("ready", "gone")
"""Events of no content: the stream has begun, the Release is no more."""
TEXT_SCHEMA = {"type": "string"}


def answers(status: int, example: object, media_type: str = "application/json", **content: Any) -> Documented:
    """For a route's OpenAPI: what it answers with when all is well. `content` is more of the media type's."""
    return {status: {"content": {media_type: {"example": example, **content}}}}


def asks(example: object, media_type: str = "application/json") -> dict[str, Any]:
    """For a route's OpenAPI: what it may be asked."""
    return {"requestBody": {"content": {media_type: {"example": example}}}}


def told(name: str, *payloads: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of one server-sent event: in OpenAPI 3.1 that is what the schema of an event stream describes."""
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": {"anyOf": [*payloads, NOTHING]}}
    texts = {"event": {"enum": [name, *SIGNS]}, "id": {"type": "string"}, "data": data}
    return {"type": "object", "properties": texts, "required": ["event", "data"]}


def described(app: FastAPI, routers: Sequence[APIRouter]) -> Callable[[], dict[str, Any]]:
    """Makes the document once, and the same ever after."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, routers)
        return app.openapi_schema

    return openapi


def _document(app: FastAPI, routers: Sequence[APIRouter]) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=TEXT, routes=app.routes, openapi_version="3.1.0"
    )
    parts = document["components"]
    parts["schemas"]["Problem"] = Problem.model_json_schema()
    parts["securitySchemes"] = {"token": TOKEN}
    document["security"] = [{"token": []}]
    routes = (route for router in routers for route in router.routes if isinstance(route, APIRoute))
    for route in (each for each in routes if each.include_in_schema):
        for method in route.methods or ():
            _show(document["paths"][route.path][method.lower()]["responses"], route.responses)
    return document


def _show(shown: dict[str, Any], given: Documented) -> None:
    """The examples once more: FastAPI leaves their nulls out."""
    for status, answer in given.items():
        for media_type, content in answer.get("content", {}).items():
            if "example" in content:
                shown[str(status)]["content"][media_type]["example"] = content["example"]
