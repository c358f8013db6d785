"""Releases through the controller's API, with a token."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx_sse
from pydantic import ValidationError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from delivery.errors import HeadgateError, InvalidSpec, NotFound, NotNow, Refused, Retry, Unavailable
from delivery.intents.trigger import Triggered, Wish
from delivery.reconcile.explaining import Change, Explanation
from delivery.resources.release import Release, Verb, release_from_object

TRIES = 4
WAIT_AT_ONCE_S = 50.0
AGAIN_S = 1.0
_ERRORS: dict[int, type[HeadgateError]] = {
    401: Refused,
    403: Refused,
    404: NotFound,
    409: NotNow,
    413: InvalidSpec,
    422: InvalidSpec,
    429: Retry,
    503: Unavailable,
    504: Unavailable,
}


class ViaApi:
    """One caller's way to one API."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @classmethod
    @contextmanager
    def open(cls, url: str, token: str, ca_file: Path | None) -> Iterator[ViaApi]:
        if not token:
            raise Refused(f"--api {url}: no token; put one into HEADGATE_TOKEN, or name a --token-file")
        try:
            verify = ssl.create_default_context(cafile=str(ca_file)) if ca_file else ssl.create_default_context()
            client = httpx.Client(
                base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30.0, verify=verify
            )
        except (OSError, ssl.SSLError, httpx.InvalidURL) as problem:
            raise HeadgateError(f"--api {url}, --ca-file {ca_file}: {problem}") from problem
        with client:
            yield cls(client)

    def own_namespace(self) -> str:
        raise HeadgateError("through --api no namespace is your own; write NAMESPACE/NAME, or give --namespace")

    def listed(self, namespace: str | None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        offset: int | None = 0
        while offset is not None:
            query = {"limit": 1000, "offset": offset, **({"namespace": namespace} if namespace else {})}
            page = self._call("GET", "/api/v1/releases", params=query)
            found += page["items"]
            offset = page["next"]
        return found

    def release(self, namespace: str, name: str, release_id: str | None) -> Release:
        try:
            return release_from_object(self._call("GET", _path(namespace, name), params=_id(release_id)))
        except ValidationError as problem:
            raise HeadgateError(f"{namespace}/{name}: the API and this command are of different versions") from problem

    def follow(
        self, namespace: str, name: str, release_id: str | None, timeout: float
    ) -> Iterator[dict[str, Any] | None]:
        end = time.monotonic() + timeout
        known: dict[str, Any] | None = None
        while True:
            try:
                for known in self._events(namespace, name, release_id, end):
                    yield known
                    if known["finishedAt"] or time.monotonic() >= end:
                        return
            except NotFound:
                yield None
            except Retry:
                yield known
            if time.monotonic() >= end:
                return
            time.sleep(max(0.0, min(AGAIN_S, end - time.monotonic())))

    def ask(self, namespace: str, name: str, verb: Verb, reason: str) -> str:
        answer = self._call("POST", f"{_path(namespace, name)}/{verb}", json={"reason": reason})
        return str(answer["name"])

    def trigger(self, namespace: str, deployment: str, wish: Wish) -> Triggered:
        said = {
            "image": wish.image,
            "container": wish.container,
            "version": wish.version,
            "releaseId": wish.release_id,
            "policy": wish.policy,
            "reason": wish.reason,
        }
        answer = self._call(
            "POST",
            f"/api/v1/namespaces/{namespace}/deployments/{deployment}/releases",
            json={key: value for key, value in said.items() if value},
            headers={"Idempotency-Key": wish.key} if wish.key else {},
            again=wish.key is not None,
        )
        return Triggered(answer["releaseId"], answer["changed"], answer["replayed"])

    def explain(self, namespace: str, deployment: str, change: Change) -> Explanation:  # noqa: ARG002 -- a Protocol's
        raise HeadgateError(
            f"{namespace}/{deployment}: explain reads the cluster itself; leave out --api (and HEADGATE_API), and give "
            "--kubeconfig"
        )

    def _events(self, namespace: str, name: str, release_id: str | None, end: float) -> Iterator[dict[str, Any]]:
        """Until the stream ends, or is silent for longer than there is time. Raises NotFound, Retry."""
        silence = httpx.Timeout(30.0, read=max(1.0, min(WAIT_AT_ONCE_S, end - time.monotonic())))
        path = f"{_path(namespace, name)}/events"
        try:
            with httpx_sse.connect_sse(self._client, "GET", path, params=_id(release_id), timeout=silence) as source:
                if source.response.status_code >= 400:
                    source.response.read()
                    raise _error(source.response)
                for event in source.iter_sse():
                    if event.event == "gone":
                        raise NotFound(f"{namespace}/{name}: the Release was deleted")
                    if event.event == "release":  # a ping is none
                        yield event.json()
        except httpx.TransportError as problem:
            raise Unavailable(f"{self._client.base_url}: the stream broke off: {problem}") from problem

    def _call(self, method: str, path: str, *, again: bool = False, **request: Any) -> Any:
        """A call that may be repeated is, after a passing fault."""
        for attempt in Retrying(
            retry=retry_if_exception_type(Retry),
            stop=stop_after_attempt(TRIES if again or method == "GET" else 1),
            wait=wait_exponential_jitter(multiplier=0.2, max=2.0),
            reraise=True,
        ):
            with attempt:
                answer = self._call_once(method, path, request)
        return answer

    def _call_once(self, method: str, path: str, request: dict[str, Any]) -> Any:
        try:
            answer = self._client.request(method, path, **request)
        except (httpx.TransportError, httpx.InvalidURL) as problem:
            raise Unavailable(f"--api {self._client.base_url} cannot be reached: {problem}") from problem
        if answer.status_code >= 400:
            raise _error(answer)
        try:
            return answer.json()
        except ValueError as problem:
            raise HeadgateError(f"--api {self._client.base_url} answers no JSON; is it Headgate's?") from problem


def _path(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/releases/{name}"


def _id(release_id: str | None) -> dict[str, str]:
    return {"releaseId": release_id} if release_id else {}


def _error(answer: httpx.Response) -> HeadgateError:
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"{answer.request.url}: HTTP {answer.status_code}"
    kind = _ERRORS.get(answer.status_code, Unavailable if answer.status_code >= 500 else HeadgateError)
    return kind(detail)
