"""A Release's report, in the form a person or a page wants."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from delivery.api import examples
from delivery.api.description import TEXT_SCHEMA
from delivery.api.drawing import MEDIA_TYPES, Drawing, Form
from delivery.api.guarding import VERB, GuardedRoute
from delivery.api.models import Name, Namespace, ReleaseId
from delivery.api.problems import Documented, documented
from delivery.api.reading import read, wanted_row

router = APIRouter(prefix="/api/v1", tags=["report"], route_class=GuardedRoute)


_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
_HEADERS = {"Content-Security-Policy": _POLICY}
_CONTENT: Documented = {
    200: {
        "description": "the report",
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": examples.REPORT},
            **{media: {"schema": TEXT_SCHEMA} for form, media in MEDIA_TYPES.items() if form is not Form.JSON},
        },
    }
}


@router.get(
    "/namespaces/{namespace}/releases/{name}/report",
    openapi_extra={VERB: "get"},
    response_class=Response,
    responses=_CONTENT | documented(404),
    summary="What was seen, decided and why",
)
async def report(
    request: Request,
    namespace: Namespace,
    name: Name,
    release_id: ReleaseId = None,
    form: Annotated[Form, Query(alias="format")] = Form.JSON,
) -> Response:
    release = await read(request, wanted_row(request, namespace, name, release_id))
    drawing: Drawing = request.app.state.drawing
    return Response(await drawing.text(release, form), media_type=MEDIA_TYPES[form], headers=_HEADERS)
