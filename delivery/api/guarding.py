"""What stands before every route: who calls (401), whether they may (403), how much and how often."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

import anyio.to_thread
from fastapi import Request
from fastapi.routing import APIRoute
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from delivery.api.access import Access, Asked, Caller, Unauthenticated
from delivery.api.pages import SIGN_IN
from delivery.api.problems import CHALLENGE, from_error, problem
from delivery.errors import HeadgateError

COOKIE = "headgate-token"
SESSION = "/session"
OWN_PAGES = "headgate-request"
"""A header that only scripts of our own pages send: a form of another site cannot."""
VERB = "x-kubernetes-verb"
"""In a route's OpenAPI: the verb on releases.headgate.dev that a call needs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`per_minute`: calls of one caller. Bodies in bytes; those of `large` paths may be larger."""

    per_minute: int = 12_000
    body: int = 65_536
    large_body: int = 64 * 1024 * 1024
    large: tuple[str, ...] = ("/api/v1/backtest",)

    def for_path(self, path: str) -> int:
        return self.large_body if path in self.large else self.body


class Guard:
    """ASGI middleware: nothing behind it is reached without a token that the cluster knows."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        self._app, self._access, self._limits = app, access, limits
        self._rate = MovingWindowRateLimiter(MemoryStorage())
        self._item = RateLimitItemPerMinute(limits.per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = await self._admit(scope, headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        limit = self._limits.for_path(scope["path"])
        if _declared(headers) > limit:
            await problem(413, _larger(limit))(scope, receive, send)
            return
        await self._bounded(scope, receive, send, limit)

    async def _admit(self, scope: Scope, headers: Headers) -> Response | None:
        """Puts the caller in `scope`; an answer where nobody is let in."""
        if scope["path"] == SESSION and scope["method"] == "POST":
            return None  # it is there to show a token, and checks it itself
        token, from_cookie = token_of(headers)
        try:
            caller = self._access.known(token) if token else None
            if caller is None:
                caller = await anyio.to_thread.run_sync(self._access.caller, token)
        except Unauthenticated as unknown:
            return _sign_in(headers) or from_error(unknown)
        except HeadgateError as unanswered:
            return from_error(unanswered)
        if from_cookie and scope["method"] not in {"GET", "HEAD"} and OWN_PAGES not in headers:
            return problem(403, f"a change needs an Authorization header, or {OWN_PAGES} beside the cookie")
        if not self._rate.hit(self._item, caller.name):
            return problem(429, f"{caller.name} made {self._limits.per_minute} calls within a minute; make fewer")
        scope["headgate.caller"] = caller
        return None

    async def _bounded(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413, _larger(limit))
            return message

        await self._app(scope, counted, send)


class GuardedRoute(APIRoute):
    """Asks the cluster before the body is read: who may not call learns nothing about what a call needs."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        verb = (self.openapi_extra or {}).get(VERB)

        async def guarded(request: Request) -> Response:
            if verb is not None:
                await allow(request, verb)
            return await handle(request)

        return guarded


async def allow(request: Request, verb: str) -> None:
    """Raises Forbidden where the caller may not, on the namespace and name of the path or the query."""
    access: Access = request.app.state.access
    path = request.path_params
    namespace = path.get("namespace") or request.query_params.get("namespace", "")
    # A right on one name is a right on a Release or on its Deployment, whichever the path names.
    asked = Asked(verb, namespace, path.get("name", ""))
    caller = caller_of(request)
    if access.decided(caller, asked) is not True:
        await anyio.to_thread.run_sync(access.require, caller, asked)


def caller_of(request: Request) -> Caller:
    """Whom the guard let in."""
    caller: Caller = request.scope["headgate.caller"]
    return caller


def token_of(headers: Headers) -> tuple[str, bool]:
    """The bearer token, and whether it came as our pages' cookie; "" for none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme:
        return (token.strip(), False) if scheme.lower() == "bearer" else ("", False)
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return "", False
    return (cookie.value, True) if cookie else ("", False)


def _sign_in(headers: Headers) -> Response | None:
    """For a person's browser: where to show a token."""
    if "text/html" not in headers.get("accept", ""):
        return None
    return HTMLResponse(SIGN_IN, 401, headers={"WWW-Authenticate": CHALLENGE, "Cache-Control": "no-store"})


def _declared(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isdigit() else 0


def _larger(limit: int) -> str:
    return f"the body is larger than the {limit} bytes that this call takes"
