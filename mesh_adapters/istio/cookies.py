"""The sticky cookie as a response header of a VirtualService's destination."""

from collections.abc import Mapping
from typing import Any

from mesh_adapters.adapter import Stickiness, UnsupportedRoute
from mesh_adapters.splitting.cookies import HEADER, cookie_value, is_header, is_our_cookie


def with_cookie(entry: Mapping[str, Any], sticky: Stickiness, canary: str, where: str) -> dict[str, Any]:
    """A destination that sets the cookie as well. Raises UnsupportedRoute where the user's own headers are in the
    way."""
    headers = entry.get("headers")
    response = (headers or {}).get("response")
    added = (response or {}).get("add")
    if {} in (headers, response, added):
        raise UnsupportedRoute(f"{where}.headers has an empty part, which could not be given back: take it out")
    if any(is_header(name) for name in (*(added or {}), *((response or {}).get("set") or {}))):
        raise UnsupportedRoute(
            f"{where}.headers.response sets {HEADER} already, and a second one cannot be written: take it out, or do "
            "without the sticky cookie in the policy"
        )
    added = {**(added or {}), HEADER: cookie_value(sticky, canary)}
    return {**entry, "headers": {**(headers or {}), "response": {**(response or {}), "add": added}}}


def without_cookie(content: dict[str, Any], canary: str) -> dict[str, Any]:
    """The destination as it was before `with_cookie`."""
    headers = content.get("headers") or {}
    response = headers.get("response") or {}
    added = response.get("add") or {}
    if not is_our_cookie(added.get(HEADER), canary):
        return content
    return _kept(content, "headers", _kept(headers, "response", _kept(response, "add", _kept(added, HEADER, None))))


def _kept(outer: Mapping[str, Any], key: str, inner: Any) -> dict[str, Any]:
    """`outer` with `inner` under `key`, or without the key where nothing is left."""
    if inner:
        return {**outer, key: inner}
    return {name: value for name, value in outer.items() if name != key}
