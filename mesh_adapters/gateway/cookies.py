"""The sticky cookie as a filter of a backendRef."""

from collections.abc import Mapping
from typing import Any

from mesh_adapters.adapter import Stickiness, UnsupportedRoute
from mesh_adapters.splitting.cookies import HEADER, cookie_value, is_header, is_our_cookie

TYPE, FIELD = "ResponseHeaderModifier", "responseHeaderModifier"


def with_cookie(entry: Mapping[str, Any], sticky: Stickiness, canary: str, where: str) -> dict[str, Any]:
    """A backendRef that sets the cookie as well; the API allows one such filter, so the user's own gets it. Raises
    UnsupportedRoute where what it does is in the way."""
    filters = list(entry.get("filters") or ())
    cookie = {"name": HEADER, "value": cookie_value(sticky, canary)}
    at = next((at for at, each in enumerate(filters) if each.get("type") == TYPE), None)
    if at is None:
        if entry.get("filters") == []:
            raise UnsupportedRoute(f"{where}.filters is empty, which could not be given back: take it out")
        return {**entry, "filters": [*filters, {"type": TYPE, FIELD: {"add": [cookie]}}]}
    modifier = filters[at].get(FIELD) or {}
    if (
        not modifier
        or modifier.get("add") == []
        or any(is_header(each["name"]) for part in ("add", "set") for each in _part(modifier, part))
    ):
        raise UnsupportedRoute(
            f"{where}.filters[{at}].{FIELD} sets {HEADER} already or is empty, so the sticky cookie has no "
            "place there: take it out, or do without the cookie in the policy"
        )
    filters[at] = {**filters[at], FIELD: {**modifier, "add": [*_part(modifier, "add"), cookie]}}
    return {**entry, "filters": filters}


def without_cookie(content: dict[str, Any], canary: str) -> dict[str, Any]:
    """The backendRef as it was before `with_cookie`."""
    filters = content.get("filters") or ()
    if not any(_has_cookie(each, canary) for each in filters):
        return content
    kept = [left for each in filters if (left := _without(each, canary))]
    if kept:
        return {**content, "filters": kept}
    return {key: value for key, value in content.items() if key != "filters"}


def _without(each: Mapping[str, Any], canary: str) -> Mapping[str, Any] | None:
    """The filter without our cookie; None where nothing else was in it."""
    if not _has_cookie(each, canary):
        return each
    added = [header for header in _part(each[FIELD], "add") if not is_our_cookie(header.get("value"), canary)]
    modifier = {key: value for key, value in each[FIELD].items() if key != "add"}
    if added:
        modifier["add"] = added
    return {**each, FIELD: modifier} if modifier else None


def _has_cookie(each: Mapping[str, Any], canary: str) -> bool:
    return any(is_our_cookie(header.get("value"), canary) for header in _part(each.get(FIELD) or {}, "add"))


def _part(modifier: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
    return list(modifier.get(part) or ())
