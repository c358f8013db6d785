"""A Release's report, in the form a person or a page wants."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import anyio.to_thread
import msgspec
from fastapi import APIRouter, Query, Request, Response

from delivery.api.guarding import VERB, GuardedRoute
from delivery.api.models import Name, Namespace, ReleaseId
from delivery.api.problems import Documented, documented
from delivery.api.reading import wanted
from delivery.report.as_json import to_json
from delivery.report.charts import to_svg
from delivery.report.html import to_html
from delivery.report.markdown import to_markdown
from delivery.resources.release import Release

router = APIRouter(prefix="/api/v1", tags=["report"], route_class=GuardedRoute)


class Form(StrEnum):
    """`markdown` is short enough for a comment on a pull request."""

    JSON = "json"
    HTML = "html"
    MARKDOWN = "markdown"
    SVG = "svg"


_RENDERED: dict[Form, tuple[str, Callable[[Release, float], str]]] = {
    Form.JSON: ("application/json", lambda release, now: msgspec.json.encode(to_json(release, now)).decode()),
    Form.HTML: ("text/html", to_html),
    Form.MARKDOWN: ("text/markdown", to_markdown),
    Form.SVG: ("image/svg+xml", to_svg),
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
_HEADERS = {"Content-Security-Policy": _POLICY}
_CONTENT: Documented = {200: {"description": "the report", "content": {media: {} for media, _ in _RENDERED.values()}}}


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
    release = await wanted(request, namespace, name, release_id)
    media, render = _RENDERED[form]
    text = await anyio.to_thread.run_sync(render, release, time.time())
    return Response(text, media_type=media, headers=_HEADERS)
