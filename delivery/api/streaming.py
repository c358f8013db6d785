"""Server-sent events: a Release as it goes on, and all Releases for the overview."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from delivery.api import examples
from delivery.api.board import Board, Key, Row
from delivery.api.description import answers, told
from delivery.api.gathering import Gathered
from delivery.api.guarding import VERB, GuardedRoute, allow
from delivery.api.models import Name, Namespace, NamespaceQuery, ReleaseId
from delivery.api.problems import documented
from delivery.api.reading import wanted_row
from delivery.errors import HeadgateError

router = APIRouter(prefix="/api/v1", tags=["watch"], route_class=GuardedRoute)
PING_S = 15
REVIEWED_EVERY_S = 60.0  # whether the watcher still may
_SUMMARY = {"$ref": "#/components/schemas/ReleaseSummary"}
_GONE = {"type": "string", "description": "namespace/name"}
_CHANGES = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": _SUMMARY}, "gone": {"type": "array", "items": _GONE}},
    "required": ["items", "gone"],
}
_ONE, _MANY = told("release", _SUMMARY), told("releases", _CHANGES)


@router.get(
    "/namespaces/{namespace}/releases/{name}/events",
    openapi_extra={VERB: "watch"},
    response_class=EventSourceResponse,
    responses=answers(200, examples.FOLLOWED, "text/event-stream", schema=_ONE) | documented(404),
    summary="Follow one Release: an event `release` (a ReleaseSummary) a change, until it has ended",
)
async def follow(
    request: Request, namespace: Namespace, name: Name, release_id: ReleaseId = None
) -> EventSourceResponse:
    board: Board = request.app.state.board
    row = wanted_row(request, namespace, name, release_id)
    return EventSourceResponse(_one(request, board, (namespace, row.summary["name"])), ping=PING_S)


@router.get(
    "/events",
    openapi_extra={VERB: "watch"},
    response_class=EventSourceResponse,
    responses=answers(200, examples.ALL_FOLLOWED, "text/event-stream", schema=_MANY) | documented(),
    summary="Follow all Releases: an event `releases` (a list of ReleaseSummary) a second at most",
)
async def follow_all(request: Request, namespace: NamespaceQuery = None) -> EventSourceResponse:
    return EventSourceResponse(_all(request, request.app.state.gathered, namespace or ""), ping=PING_S)


async def _one(request: Request, board: Board, key: Key) -> AsyncIterator[ServerSentEvent]:
    told = ""
    with board.watcher(*key) as watcher:
        async for _ in _while_allowed(request):
            row = board.row(key)
            if row is None:
                yield ServerSentEvent(event="gone", data="{}")
                return
            version = row.summary["resourceVersion"]
            if version != told:
                told = version
                yield _event("release", row, version)
            if row.final:
                return
            await watcher.changes(REVIEWED_EVERY_S)


async def _all(request: Request, gathered: Gathered, namespace: str) -> AsyncIterator[ServerSentEvent | bytes]:
    with gathered.reader(namespace) as reader:
        yield ServerSentEvent(event="ready", data="{}")
        async for _ in _while_allowed(request):
            event = await reader.next(REVIEWED_EVERY_S)
            if reader.lost:
                return
            if event is not None:
                yield event


async def _while_allowed(request: Request) -> AsyncIterator[None]:
    """Goes on as long as the caller still may; the cluster is asked now and then."""
    loop = asyncio.get_running_loop()
    due = loop.time() + REVIEWED_EVERY_S
    while True:
        yield None
        if loop.time() >= due:
            try:
                await allow(request, "watch")
            except HeadgateError:
                return
            due = loop.time() + REVIEWED_EVERY_S


def _event(name: str, row: Row, version: str) -> ServerSentEvent:
    return ServerSentEvent(event=name, id=version, data=row.encoded.decode())
