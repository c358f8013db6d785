"""From an HTTP answer of the API server to the reaction it asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from delivery.errors import (
    AlreadyExists,
    Conflict,
    Expired,
    HeadgateError,
    InvalidSpec,
    NotFound,
    Refused,
    Retry,
    Unavailable,
)


def error_from_answer(status: int, body: bytes, headers: Mapping[str, str], what: str) -> HeadgateError:
    """The error to raise for an answer of 400 or more; `what` names the object or the call."""
    answer = _status_object(body)
    reason = str(answer.get("reason", ""))
    text = f"{what}: {answer.get('message') or f'HTTP {status}'}"
    if status == 409:
        return AlreadyExists(text) if reason == "AlreadyExists" else Conflict(text)
    if status == 429:
        return Retry(text, after=_retry_after(headers))
    if status >= 500:
        return Unavailable(text, after=_retry_after(headers))
    return _terminal(status, text)


def _terminal(status: int, text: str) -> HeadgateError:
    by_status: dict[int, type[HeadgateError]] = {401: Refused, 403: Refused, 404: NotFound, 410: Expired}
    return by_status.get(status, InvalidSpec)(text)


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {"message": body.decode(errors="replace").strip()}
    return parsed if isinstance(parsed, dict) else {}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return float(headers.get("Retry-After", ""))
    except ValueError:
        return None
