"""One API server over HTTP: credentials, patience, counts of calls, and its errors in our own tree."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import msgspec
import urllib3
from kubernetes.client import ApiClient
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from delivery.cluster.credentials import Authorization
from delivery.cluster.failures import error_from_answer
from delivery.cluster.patience import USUAL, Patience, between_attempts
from delivery.cluster.watch import Object
from delivery.errors import Retry, Unavailable

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0  # as long as an admission webhook may take
GET_TIMEOUT_S = 10.0  # nothing but a silent connection takes that long for one object


class Transport:
    """Calls by path. Thread-safe."""

    def __init__(self, api: ApiClient, sleep: Callable[[float], None] = time.sleep, patience: Patience = USUAL) -> None:
        self._api, self._sleep, self._patience = api, sleep, patience
        self._reading, self._writing = (
            Retrying(
                retry=retry_if_exception_type(Retry),
                stop=stop_after_attempt(attempts),
                wait=between_attempts,
                sleep=sleep,
                reraise=True,
            )
            for attempts in (patience.attempts, 1)
        )  # one for each call would leave its cycle of references behind, a few hundred for each release
        self._authorization = Authorization(api.configuration)
        self._host = str(api.configuration.host).rstrip("/")
        self._pool = api.rest_client.pool_manager
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, int]] = Counter()

    @property
    def host(self) -> str:
        """The API server's address."""
        return self._host

    @property
    def calls(self) -> dict[tuple[str, int], int]:
        """How often the server was asked, by method and HTTP status; status 0 where no answer came."""
        with self._lock:
            return dict(self._calls)

    def ping(self) -> str:
        """The server's git version. Raises Unavailable or Refused."""
        return str(self._call("GET", "/version", what=f"API server {self._host}").get("gitVersion", ""))

    def _call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Mapping[str, object] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Object:
        """One call and its whole answer. A read is tried again after a passing fault, and as late as it is told to;
        a write is not: whether it happened is for the next pass to see."""
        for attempt in self._reading if method == "GET" else self._writing:
            with attempt:
                answer = self._call_once(method, path, query=query, body=body, content_type=content_type, what=what)
        return answer

    def _call_once(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Mapping[str, object] | None,
        body: Any,
        content_type: str,
    ) -> Object:
        single = method == "GET" and not query
        patience = GET_TIMEOUT_S if single else READ_TIMEOUT_S
        response = self._send(
            method, path, query=query, body=body, content_type=content_type, what=what, read_timeout=patience
        )
        with closing(response):
            try:
                answer: Object = msgspec.json.decode(response.read())
            except (urllib3.exceptions.HTTPError, OSError, ValueError, msgspec.MsgspecError) as problem:
                raise Unavailable(f"{what}: the answer of {method} broke off ({problem})") from problem
            finally:
                response.release_conn()
        return answer

    def _send(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Mapping[str, object] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        read_timeout: float | None = READ_TIMEOUT_S,
    ) -> urllib3.BaseHTTPResponse:
        asked = {key: value for key, value in (query or {}).items() if value not in ("", None)}
        url = f"{self._host}{path}" + (f"?{urlencode(asked)}" if asked else "")
        headers = {"Accept": "application/json", "User-Agent": "headgate", **self._authorization.headers()}
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            response: urllib3.BaseHTTPResponse = self._pool.request(
                method,
                url,
                body=None if body is None else msgspec.json.encode(body),
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=self._patience.bound(read_timeout)),
                retries=False,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as problem:
            self._count(method, 0)
            raise Unavailable(f"API server {self._host} cannot be reached ({what}): {_cause(problem)}") from problem
        self._count(method, response.status)
        if response.status >= 400:
            with closing(response):
                raise error_from_answer(response.status, response.read(), response.headers, what)
        return response

    def _count(self, method: str, status: int) -> None:
        with self._lock:
            self._calls[method, status] += 1


def _cause(problem: BaseException) -> str:
    return str(getattr(problem, "reason", None) or problem)
