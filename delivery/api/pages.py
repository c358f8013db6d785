"""The pages a person opens at the controller's port. They hold no data: what they show they ask of the API."""

from __future__ import annotations

import re
from html import escape
from importlib import resources
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from delivery.api.access import Access, Unauthenticated
from delivery.api.problems import CHALLENGE
from delivery.errors import HeadgateError

router = APIRouter(include_in_schema=False)
_ASSETS = resources.files("delivery.api") / "assets"
_TYPES = {
    "headgate.css": "text/css",
    "headgate.js": "text/javascript",
    "overview.js": "text/javascript",
    "release.js": "text/javascript",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SIGN_IN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")  # what begins with two slashes, of either kind, is another site
SESSION_S = 8 * 3600


def _text(name: str) -> str:
    return (_ASSETS / name).read_text()


_SIGN_IN = _text("sign-in.html")


def sign_in_page(to: str, problem: str = "", status: int = 200, **headers: str) -> Response:
    """Where a person shows a token, and is then led to `to`."""
    told = f"<p role=alert>{escape(problem)}</p>" if problem else ""
    page = _SIGN_IN.replace("<!-- problem -->", told).replace("<!-- to -->", escape(_inside(to)))
    return HTMLResponse(page, status, headers=headers | _headers(_SIGN_IN_POLICY))


@router.get("/")
async def overview() -> Response:
    return _page("overview.html")


@router.get("/namespaces/{namespace}/releases/{name}")
async def release() -> Response:
    return _page("release.html")


@router.get("/assets/{name}")
async def asset(name: str) -> Response:
    if name not in _TYPES:
        return Response(status_code=404)
    return Response(_text(name), media_type=_TYPES[name], headers={"Cache-Control": "no-cache"})


@router.post("/session")
async def sign_in(
    request: Request,
    token: Annotated[str, Form(max_length=16_384)] = "",
    to: Annotated[str, Form(max_length=2_000)] = "/",
) -> Response:
    """Keeps a token that the cluster knows in a cookie that no script can read."""
    access: Access = request.app.state.access
    try:
        await anyio.to_thread.run_sync(access.caller, token.strip())
    except Unauthenticated as unknown:
        return sign_in_page(to, str(unknown), 401, **{"WWW-Authenticate": CHALLENGE})
    except HeadgateError:
        return sign_in_page(to, "The cluster does not answer; try again in a moment.", 503)
    answer = RedirectResponse(_inside(to), 303)
    answer.set_cookie(
        "headgate-token",
        token.strip(),
        max_age=SESSION_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/session/end")
async def sign_out() -> Response:
    answer = RedirectResponse("/", 303)
    answer.delete_cookie("headgate-token")
    return answer


def _inside(to: str) -> str:
    """A path of ours: nobody who shows a token here is led to another site."""
    return to if _OWN_PATH.fullmatch(to) else "/"


def _page(name: str) -> Response:
    return HTMLResponse(_text(name), headers=_headers(_POLICY))


def _headers(policy: str) -> dict[str, str]:
    return {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
