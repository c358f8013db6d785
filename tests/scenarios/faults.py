"""An API server and a network that fail: one call in so many is answered wrongly, late, or not at all."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import urllib3

from tests.scenarios.effects import Pool
from tests.scenarios.in_process import Ending
from tests.scenarios.universe import VirtualClock

REASONS = {"409": "Conflict", "429": "TooManyRequests", "500": "InternalError", "503": "ServiceUnavailable"}
CALLS = (*REASONS, "dropped before", "dropped after", "half open", "torn answer")
WATCHES = (
    "429",
    "500",
    "503",
    "410",
    "410 in the stream",
    "dropped before",
    "half open",
    "torn answer",
    "watch ends early",
    "watch repeats",
)
LISTS = ("429", "500", "503", "410", "dropped before", "half open", "torn answer", "stale list")
STALE_BY = 40  # versions
Through = Callable[[str], urllib3.BaseHTTPResponse]


class FaultyPool:
    """Of all calls the share `rate` fails, drawn from `source`; `counted` says how.

    `watching`: for informers, whose lists may be stale and whose watches fail in ways of their own. A caller that hears
    nothing is blocked meanwhile: `blocked_until` is for whoever gives it its turns.
    """

    def __init__(
        self, pool: Pool, clock: VirtualClock, rate: float, source: random.Random, *, watching: bool = False
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._random = source
        self._watching = watching
        self.rate = rate
        self.counted: Counter[str] = Counter()
        self.blocked_until = 0.0

    def request(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], **transport: Any
    ) -> urllib3.BaseHTTPResponse:
        def through(url: str) -> urllib3.BaseHTTPResponse:
            return self._pool.request(method, url, body=body, headers=headers, **transport)

        if self._random.random() >= self.rate:
            return through(url)
        kind = self._random.choice(self._kinds(url))
        self.counted[kind] += 1
        if kind in REASONS or kind == "410":
            return _refusal(kind, self._random)
        if kind in {"dropped before", "dropped after", "half open"}:
            raise self._silence(kind, url, through, transport)
        return self._spoilt(kind, url, through)

    def _kinds(self, url: str) -> tuple[str, ...]:
        if "watch=true" in url:
            return WATCHES
        return LISTS if self._watching and "limit=" in url else CALLS

    def _silence(self, kind: str, url: str, through: Through, transport: Mapping[str, Any]) -> Exception:
        """Whether what was lost was the question or the answer, nobody can tell."""
        if kind == "dropped after" or (kind == "half open" and self._random.random() < 0.5):
            through(url)
        if kind == "half open":
            if not self._watching:  # an informer waits alone
                self.blocked_until = self._clock.now() + transport["timeout"].read_timeout
            return urllib3.exceptions.ReadTimeoutError(None, url, "Read timed out.")  # type: ignore[arg-type]  # no pool
        return urllib3.exceptions.ProtocolError("Connection aborted.")

    def _spoilt(self, kind: str, url: str, through: Through) -> urllib3.BaseHTTPResponse:
        """An answer with something wrong in it."""
        if kind == "watch repeats":
            return through(_asked(url, resourceVersion=_earlier(_version_in(url), self._random)))
        if kind == "stale list":
            version = json.loads(through(url).data)["metadata"]["resourceVersion"]
            earlier = _earlier(int(version), self._random)
            return through(_asked(url, resourceVersion=earlier, resourceVersionMatch="Exact"))
        answer = through(url)
        data: bytes = answer.data
        if kind == "torn answer":
            return _response(data[: len(data) // 2], answer.status, {})
        lines = data.splitlines(keepends=True)
        kept = lines[: self._random.randint(0, len(lines))]
        if kind == "410 in the stream":
            gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}
            kept.append(json.dumps(gone).encode() + b"\n")
        return _response(b"".join(kept), answer.status, {})


def _earlier(version: int, source: random.Random) -> str:
    return str(max(1, version - source.randint(1, STALE_BY)))


def _version_in(url: str) -> int:
    return int(parse_qs(urlsplit(url).query)["resourceVersion"][0])


def _asked(url: str, **more: str) -> str:
    """The same question with other query parameters."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return parts._replace(query=urlencode({**query, **more})).geturl()


def _refusal(kind: str, source: random.Random) -> urllib3.BaseHTTPResponse:
    status = {"kind": "Status", "reason": REASONS.get(kind, "Expired"), "message": "a test's doing", "code": int(kind)}
    headers = {"Retry-After": str(source.randint(1, 3))} if kind in {"429", "503"} else {}
    return _response(json.dumps(status).encode(), int(kind), headers)


def _response(body: bytes, status: int, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
    return urllib3.HTTPResponse(Ending(body), headers=dict(headers), status=status, preload_content=False)
