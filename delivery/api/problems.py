"""Errors as `application/problem+json` (RFC 9457): what is wrong, and what to do about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from delivery.api.access import Forbidden, Unauthenticated
from delivery.errors import Conflict, HeadgateError, InvalidSpec, NotFound, NotNow, Retry

MEDIA_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="headgate"'
RETRY_AFTER_S = 5
Documented = dict[int | str, dict[str, Any]]
PROBLEM = {"$ref": "#/components/schemas/Problem"}


class Problem(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "shop/web: neither a Release nor a Deployment with a Release",
                }
            ]
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="what is wrong, and what to do about it")
    errors: list[str] = Field(default_factory=list, description="one sentence for each field that is wrong")


_STATUS: tuple[tuple[type[HeadgateError], int], ...] = (
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (NotNow, 409),
    (Conflict, 409),
    (InvalidSpec, 422),
    (Retry, 503),
)
_SAID = {
    400: "the request cannot be read",
    401: "no token, or one that the cluster does not know",
    403: "the cluster does not allow it",
    404: "there is no such object",
    405: "there is no such call",
    408: "the body came too slowly",
    409: "it does not apply as things stand, or somebody else wrote first",
    413: "the body is too large",
    422: "something in the request is wrong",
    429: "too many requests",
    503: "the cluster cannot be asked",
}


def documented(*statuses: int) -> Documented:
    """For a route's OpenAPI: the problems it may answer with, those that any call may meet included."""
    always = (400, 401, 403, 408, 413, 422, 429, 503)
    content = {MEDIA_TYPE: {"schema": PROBLEM}}
    return {
        status: {"description": _SAID[status], "headers": _documented_headers(status), "content": content}
        for status in sorted({*always, *statuses})
    }


def problem(
    status: int, detail: str, errors: list[str] | None = None, headers: dict[str, str] | None = None
) -> Response:
    """The answer."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or [])
    extra = {**_headers(status), **(headers or {})}
    return JSONResponse(body.model_dump(exclude_defaults=False), status, headers=extra, media_type=MEDIA_TYPE)


def from_error(error: HeadgateError) -> Response:
    """What one of our own errors means to a caller. What the cluster refuses to us is not the caller's to mend."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 503)
    return problem(status, str(error))


async def on_headgate_error(_request: Request, error: Exception) -> Response:
    """Ours, raised in a route."""
    return from_error(error) if isinstance(error, HeadgateError) else problem(503, str(error))


async def on_invalid(_request: Request, error: Exception) -> Response:
    """What the request's schema refuses."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    sentences = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in found]
    return problem(422, "; ".join(sentences) or str(error), sentences)


async def on_http(_request: Request, error: Exception) -> Response:
    """What the router refuses: no such path, no such method."""
    if not isinstance(error, HTTPException):
        return problem(503, str(error))
    detail = error.detail if error.status_code != 404 else "no such path; GET /api/v1/openapi.json lists all there are"
    return problem(error.status_code, str(detail), headers=dict(error.headers or {}))


async def on_fault(_request: Request, _error: Exception) -> Response:
    """A fault of our own; the server logs it."""
    return problem(500, "a fault of Headgate's own, not of the request; the controller's log says more")


def _headers(status: int) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": CHALLENGE}
    if status == 408:
        return {"Connection": "close"}
    return {"Retry-After": str(RETRY_AFTER_S)} if status in {429, 503} else {}


def _documented_headers(status: int) -> dict[str, Any]:
    if status == 401:
        return {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    if status not in {429, 503}:
        return {}
    schema = {"type": "integer", "minimum": 0}
    return {"Retry-After": {"required": True, "description": "seconds", "schema": schema}}
