"""The pages a person opens at the controller's port. They hold no data: what they show they ask of the API."""

from __future__ import annotations

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
_TYPES = {"headgate.js": "text/javascript", "headgate.css": "text/css"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SESSION_S = 8 * 3600


def _text(name: str) -> str:
    return (_ASSETS / name).read_text()


SIGN_IN = _text("sign-in.html")


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
async def sign_in(request: Request, token: Annotated[str, Form(max_length=16_384)] = "") -> Response:
    """Keeps a token that the cluster knows in a cookie that no script can read."""
    access: Access = request.app.state.access
    try:
        await anyio.to_thread.run_sync(access.caller, token.strip())
    except Unauthenticated as unknown:
        return _again(401, str(unknown), {"WWW-Authenticate": CHALLENGE})
    except HeadgateError:
        return _again(503, "The cluster does not answer.", {})
    answer = RedirectResponse("/", 303)
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


def _again(status: int, said: str, headers: dict[str, str]) -> Response:
    return HTMLResponse(SIGN_IN.replace("<!-- problem -->", f"<p role=alert>{said}</p>"), status, headers=headers)


def _page(name: str) -> Response:
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(_text(name), headers=headers)
