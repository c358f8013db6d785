"""What stands before every route: who calls (401), whether they may (403), how much and how often."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from time import monotonic
from typing import Any
from urllib.parse import quote

import anyio.to_thread
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, QueryParams
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from delivery.api.access import Access, Asked, Caller, Unauthenticated
from delivery.api.connections import bounded_body, larger
from delivery.api.pages import sign_in_page
from delivery.api.problems import from_error, problem
from delivery.api.rate import Rate
from delivery.errors import HeadgateError

COOKIE = "headgate-token"
SESSION = "/session"
OWN_PAGES = "headgate-request"
"""A header that only scripts of our own pages send: a form of another site cannot."""
VERB = "x-kubernetes-verb"
"""In a route's OpenAPI: the verb on releases.headgate.dev that a call needs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`per_minute`: calls of one caller. Bodies in bytes, and in seconds from the first to the last of them; those of
    `large` paths may be larger and take longer."""

    per_minute: int = 12_000
    body: int = 65_536
    body_s: float = 20.0
    large_body: int = 64 * 1024 * 1024
    large_body_s: float = 300.0
    large: tuple[str, ...] = ("/api/v1/backtest",)

    def for_path(self, path: str) -> tuple[int, float]:
        """Bytes and seconds."""
        return (self.large_body, self.large_body_s) if path in self.large else (self.body, self.body_s)


class Guard:
    """ASGI middleware: nothing behind it is reached without a token that the cluster knows."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        self._app, self._access, self._limits = app, access, limits
        self._rate = Rate(limits.per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = await self._admit(scope, headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        limit, within_s = self._limits.for_path(scope["path"])
        if _declared(headers) > limit:
            await problem(413, larger(limit))(scope, receive, send)
            return
        await self._app(scope, bounded_body(receive, limit, within_s), send)

    async def _admit(self, scope: Scope, headers: Headers) -> Response | None:
        """Puts the caller in `scope`; an answer where nobody is let in."""
        if scope["path"] == SESSION and scope["method"] in {"GET", "POST"}:
            return _where_to_sign_in(scope)
        token, from_cookie = token_of(headers)
        try:
            caller = self._access.known(token) if token else None
            if caller is None:
                caller = await anyio.to_thread.run_sync(self._access.caller, token)
        except Unauthenticated as unknown:
            return _sign_in(scope, headers) or from_error(unknown)
        except HeadgateError as unanswered:
            return from_error(unanswered)
        if from_cookie and scope["method"] not in {"GET", "HEAD"} and OWN_PAGES not in headers:
            return problem(403, f"a change needs an Authorization header, or {OWN_PAGES} beside the cookie")
        if not self._rate.allows(caller.name, monotonic()):
            return problem(429, f"{caller.name} made {self._limits.per_minute} calls within a minute; make fewer")
        scope["headgate.caller"] = caller
        return None


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


def _where_to_sign_in(scope: Scope) -> Response | None:
    """The page to show a token on; None for the token, which that route checks itself."""
    if scope["method"] == "POST":
        return None
    return sign_in_page(QueryParams(scope["query_string"]).get("to", "/"))


def _sign_in(scope: Scope, headers: Headers) -> Response | None:
    """Leads a person's browser to where a token is shown, and from there back."""
    if scope["method"] != "GET" or "text/html" not in headers.get("accept", ""):
        return None
    query = scope["query_string"].decode("latin-1")
    to = quote(scope["path"] + (f"?{query}" if query else ""), safe="")
    return RedirectResponse(f"{SESSION}?to={to}", 303, headers={"Cache-Control": "no-store"})


def _declared(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isdigit() else 0
