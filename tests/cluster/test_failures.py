"""Every answer of the API server asks for one reaction."""

from __future__ import annotations

import json
from typing import Any

import pytest

from delivery.cluster.failures import error_from_answer
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


def _status(code: int, reason: str = "", message: str = "no luck") -> bytes:
    return json.dumps({"kind": "Status", "code": code, "reason": reason, "message": message}).encode()


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (400, "BadRequest", InvalidSpec),
        (401, "Unauthorized", Refused),
        (403, "Forbidden", Refused),
        (404, "NotFound", NotFound),
        (405, "MethodNotAllowed", InvalidSpec),
        (409, "AlreadyExists", AlreadyExists),
        (409, "Conflict", Conflict),
        (409, "", Conflict),
        (410, "Expired", Expired),
        (415, "UnsupportedMediaType", InvalidSpec),
        (422, "Invalid", InvalidSpec),
        (429, "TooManyRequests", Retry),
        (500, "InternalError", Unavailable),
        (503, "ServiceUnavailable", Unavailable),
        (504, "Timeout", Unavailable),
    ],
)
def test_code_and_reason_choose_the_class(code: int, reason: str, expected: type[HeadgateError]) -> None:
    problem = error_from_answer(code, _status(code, reason), {}, "Pod shop/web")
    assert type(problem) is expected
    assert str(problem) == "Pod shop/web: no luck"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "Pod shop/web: HTTP 502"),
        (b"<html>Bad Gateway</html>\n", "Pod shop/web: <html>Bad Gateway</html>"),
        (b"[1, 2]", "Pod shop/web: HTTP 502"),
        (b'{"message": null}', "Pod shop/web: HTTP 502"),
        (b"\xff\xfe", "Pod shop/web: \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_an_answer_that_is_no_status_is_still_named(body: bytes, text: str) -> None:
    problem = error_from_answer(502, body, {}, "Pod shop/web")
    assert type(problem) is Unavailable
    assert str(problem) == text


@pytest.mark.parametrize(("header", "after"), [("7", 7.0), ("0.5", 0.5), ("", None), ("soon", None)])
@pytest.mark.parametrize("code", [429, 503])
def test_the_servers_wish_when_to_come_back_is_kept(code: int, header: str, after: float | None) -> None:
    problem: Any = error_from_answer(code, _status(code), {"Retry-After": header} if header else {}, "x")
    assert problem.after == after
