"""Server-sent events: a Release as it goes on, and all Releases for the overview."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from delivery.api.board import Board, Key, Row
from delivery.api.guarding import VERB, GuardedRoute, allow
from delivery.api.models import NAME_PATTERN, Name, Namespace, ReleaseId
from delivery.api.problems import Documented, documented
from delivery.errors import HeadgateError, NotFound

router = APIRouter(prefix="/api/v1", tags=["watch"], route_class=GuardedRoute)
PING_S = 15
REVIEWED_EVERY_S = 60.0  # whether the watcher still may
GATHERED_S = 1.0  # changes of many Releases are told together
_STREAM: Documented = {200: {"description": "events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}}


@router.get(
    "/namespaces/{namespace}/releases/{name}/events",
    openapi_extra={VERB: "watch"},
    response_class=EventSourceResponse,
    responses=_STREAM | documented(404),
    summary="Follow one Release: an event `release` (a ReleaseSummary) a change, until it has ended",
)
async def follow(
    request: Request, namespace: Namespace, name: Name, release_id: ReleaseId = None
) -> EventSourceResponse:
    board: Board = request.app.state.board
    row = board.find(namespace, name, release_id)
    if row is None:
        raise NotFound(f"{namespace}/{name}: neither a Release nor a Deployment with a Release; list them")
    return EventSourceResponse(_one(request, board, (namespace, row.summary["name"])), ping=PING_S)


@router.get(
    "/events",
    openapi_extra={VERB: "watch"},
    response_class=EventSourceResponse,
    responses=_STREAM | documented(),
    summary="Follow all Releases: an event `releases` (a list of ReleaseSummary) a second at most",
)
async def follow_all(
    request: Request, namespace: Annotated[str, Query(pattern=NAME_PATTERN, max_length=63)] | None = None
) -> EventSourceResponse:
    return EventSourceResponse(_all(request, request.app.state.board, namespace or ""), ping=PING_S)


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


async def _all(request: Request, board: Board, namespace: str) -> AsyncIterator[ServerSentEvent]:
    with board.watcher(namespace) as watcher:
        yield ServerSentEvent(event="ready", data="{}")
        async for _ in _while_allowed(request):
            changed = await watcher.changes(REVIEWED_EVERY_S)
            if not changed:
                continue
            await asyncio.sleep(GATHERED_S)
            changed |= await watcher.changes(0.0)
            rows = [(key, board.row(key)) for key in sorted(changed)]
            gone = ",".join(f'"{key[0]}/{key[1]}"' for key, row in rows if row is None)
            there = ",".join(row.encoded.decode() for _, row in rows if row is not None)
            yield ServerSentEvent(event="releases", data=f'{{"items":[{there}],"gone":[{gone}]}}')


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
