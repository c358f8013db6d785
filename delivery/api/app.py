"""The API put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio.to_thread
from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from delivery.api import asking, backtesting, pages, reading, reports, streaming
from delivery.api.access import Access
from delivery.api.board import Board
from delivery.api.description import described
from delivery.api.drawing import Drawing
from delivery.api.exposition import Exposition
from delivery.api.gathering import Gathered
from delivery.api.guarding import Guard, Limits
from delivery.api.problems import on_fault, on_headgate_error, on_http, on_invalid, problem
from delivery.cluster.client import Cluster
from delivery.errors import HeadgateError

ROUTERS = tuple(part.router for part in (reading, asking, streaming, reports, backtesting, pages))
OPENAPI = "/api/v1/openapi.json"


def create_app(cluster: Cluster, access: Access, board: Board, limits: Limits | None = None) -> ASGIApp:
    """Everything that needs a token. `board` lives on the loop that serves it."""
    app = api(cluster, access, board)
    return Guard(app, access, limits or Limits())


def api(cluster: Cluster, access: Access, board: Board) -> FastAPI:
    """The routes, without what stands before them."""

    @asynccontextmanager
    async def attached(_app: FastAPI) -> AsyncIterator[None]:
        board.attach(asyncio.get_running_loop())
        yield
        board.attach(None)

    app = FastAPI(
        title="Headgate",
        version=version("headgate"),
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=attached,
    )
    app.openapi = described(app, ROUTERS)  # type: ignore[method-assign]  # FastAPI's own way to extend its document
    app.state.cluster, app.state.access, app.state.board = cluster, access, board
    app.state.gathered, app.state.drawing = Gathered(board), Drawing()
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(HeadgateError, on_headgate_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_fault)
    return app


def health_app(registry: CollectorRegistry, ready: Callable[[], bool]) -> FastAPI:
    """Probes and metrics, for the kubelet and Prometheus: on a port of its own, since neither shows a token."""
    app, exposition = FastAPI(openapi_url=None), Exposition(registry)

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz")
    async def readyz() -> Response:
        if ready():
            return Response("ok\n", media_type="text/plain")
        return problem(503, "the Releases are not all known yet, or the API is not served")

    @app.get("/metrics")
    async def metrics() -> Response:
        text = exposition.at_hand()
        if text is None:
            text = await anyio.to_thread.run_sync(exposition.text)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return app
