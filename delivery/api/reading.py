"""Reading Releases: list, get, wait."""

from __future__ import annotations

import asyncio
import zlib
from typing import Annotated, Any

import anyio.to_thread
import msgspec
from fastapi import APIRouter, Query, Request, Response

from delivery.api import examples
from delivery.api.board import Board, Row, matching
from delivery.api.description import answers
from delivery.api.guarding import VERB, GuardedRoute
from delivery.api.models import (
    PRINTABLE,
    Absent,
    Name,
    Namespace,
    NamespaceQuery,
    ReleaseDocument,
    ReleaseId,
    ReleaseList,
    Waited,
)
from delivery.api.problems import documented
from delivery.cluster.client import Cluster
from delivery.errors import NotFound
from delivery.intents.finding import find_release
from delivery.resources.release import Phase, Release, release_object

router = APIRouter(prefix="/api/v1", tags=["read"], route_class=GuardedRoute)
LONGEST_WAIT_S = 300.0
OUTCOMES = {Phase.SUCCEEDED: "promoted", Phase.ROLLED_BACK: "rolledBack", Phase.FAILED: "failed"}


@router.get(
    "/releases",
    openapi_extra={VERB: "list"},
    response_model=ReleaseList,
    responses=answers(200, examples.LIST) | documented(),
    summary="List Releases, active ones first, then the newest",
)
async def list_releases(
    request: Request,
    namespace: NamespaceQuery = None,
    phase: Annotated[list[Phase] | Absent, Query(description="any of these", examples=[["Paused"]])] = None,
    deployment: Annotated[str, Query(max_length=253, pattern=PRINTABLE, examples=["web"])] = "",
    search: Annotated[str, Query(max_length=253, pattern=PRINTABLE, description="part of a name, image or id")] = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    board: Board = request.app.state.board
    found = matching(board.rows(), namespace=namespace or "", phases=phase or (), deployment=deployment, search=search)
    page = [msgspec.Raw(row.encoded) for row in found[offset : offset + limit]]
    after = offset + limit if offset + limit < len(found) else None
    return _json({"items": page, "total": len(found), "next": after})


@router.get(
    "/namespaces/{namespace}/releases/{name}",
    openapi_extra={VERB: "get"},
    response_model=ReleaseDocument,
    responses=answers(200, examples.DOCUMENT) | documented(404),
    summary="A Release as the cluster holds it",
)
async def get_release(request: Request, namespace: Namespace, name: Name, release_id: ReleaseId = None) -> Response:
    row = wanted_row(request, namespace, name, release_id)
    if row.document:
        return Response(zlib.decompress(row.document), media_type="application/json")
    return _json(release_object(await read(request, row)))


@router.get(
    "/namespaces/{namespace}/releases/{name}/wait",
    openapi_extra={VERB: "get"},
    response_model=Waited,
    responses=answers(200, examples.WAITED) | documented(),
    summary="Wait until the Release has ended, or asks a person (a long poll)",
)
async def wait(
    request: Request,
    namespace: Namespace,
    name: Name,
    release_id: ReleaseId = None,
    timeout: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S, description="seconds; ask again after it")] = 60.0,
    through_pauses: Annotated[
        bool, Query(alias="throughPauses", description="wait on where a person is asked something")
    ] = False,
) -> Response:
    row = await ended(request.app.state.board, namespace, name, release_id, timeout, through_pauses=through_pauses)
    outcome = OUTCOMES.get(Phase(row.summary["phase"]), "undecided") if row else "undecided"
    return _json({"outcome": outcome, "release": msgspec.Raw(row.encoded) if row else None})


async def ended(
    board: Board, namespace: str, name: str, release_id: str | None, timeout: float, *, through_pauses: bool
) -> Row | None:
    """The row once there is nothing more to wait for, or as it is when the time is up; None where there is none."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    with board.watcher(namespace) as watcher:
        while True:
            row = board.find(namespace, name, release_id)
            settled = row is not None and (row.final or (bool(row.summary["question"]) and not through_pauses))
            if settled or loop.time() >= end:
                return row
            await watcher.changes(end - loop.time())


def wanted_row(request: Request, namespace: str, name: str, release_id: str | None) -> Row:
    """Of the Release that is meant. Raises NotFound."""
    board: Board = request.app.state.board
    row = board.find(namespace, name, release_id)
    if row is None:
        which = f" with the release id {release_id}" if release_id else ""
        raise NotFound(f"{namespace}/{name}: neither a Release nor a Deployment with a Release{which}; list them")
    return row


async def read(request: Request, row: Row) -> Release:
    """The Release of a row, from memory while it is active, else from the cluster. Raises NotFound."""
    if row.release is not None:
        return row.release
    cluster: Cluster = request.app.state.cluster
    return await anyio.to_thread.run_sync(find_release, cluster, row.summary["namespace"], row.summary["name"])


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
