"""An API server and a network that fail: one call in so many is answered wrongly, late, or not at all."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import urllib3

from tests.scenarios.effects import Pool
from tests.scenarios.universe import VirtualClock

KINDS = ("409", "429", "500", "503", "dropped before", "dropped after", "half open", "torn answer")
REASONS = {"409": "Conflict", "429": "TooManyRequests", "500": "InternalError", "503": "ServiceUnavailable"}


class FaultyPool:
    """Of all calls the share `rate` fails, drawn from `seed`; `counted` says how.

    A caller that hears nothing is blocked meanwhile: `blocked_until` is for whoever gives it its turns.
    """

    def __init__(self, pool: Pool, clock: VirtualClock, rate: float, seed: int) -> None:
        self._pool = pool
        self._clock = clock
        self._random = random.Random(seed)
        self.rate = rate
        self.counted: Counter[str] = Counter()
        self.blocked_until = 0.0

    def request(
        self, method: str, url: str, *, body: str | None, headers: Mapping[str, str], **transport: Any
    ) -> urllib3.BaseHTTPResponse:
        def through() -> urllib3.BaseHTTPResponse:
            return self._pool.request(method, url, body=body, headers=headers, **transport)

        if self._random.random() >= self.rate:
            return through()
        kind = self._random.choice(KINDS)
        self.counted[kind] += 1
        if kind in REASONS:
            return _refusal(kind, self._random)
        if kind == "torn answer":
            answer = through()
            return _response(answer.data[: len(answer.data) // 2], answer.status, {})
        # Whether what was lost was the question or the answer, nobody can tell.
        if kind == "dropped after" or (kind == "half open" and self._random.random() < 0.5):
            through()
        if kind == "half open":
            self.blocked_until = self._clock.now() + transport["timeout"].read_timeout
            raise urllib3.exceptions.ReadTimeoutError(None, url, "Read timed out.")  # type: ignore[arg-type]  # no pool
        raise urllib3.exceptions.ProtocolError("Connection aborted.")


def _refusal(kind: str, source: random.Random) -> urllib3.BaseHTTPResponse:
    status = {"kind": "Status", "reason": REASONS[kind], "message": "a test's doing", "code": int(kind)}
    headers = {"Retry-After": str(source.randint(1, 3))} if kind in {"429", "503"} else {}
    return _response(json.dumps(status).encode(), int(kind), headers)


def _response(body: bytes, status: int, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
    return urllib3.HTTPResponse(io.BytesIO(body), headers=dict(headers), status=status, preload_content=False)
