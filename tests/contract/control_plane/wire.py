"""The API as it is on the wire: the official client's connection, but status codes and bodies as they come."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client import ApiClient

Query = Mapping[str, str | int]

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

READ_TIMEOUT_S = 20.0  # a watch that says nothing for so long fails the test instead of hanging it


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    def ok(self) -> Any:
        """The body of an answer that must be a success."""
        assert self.status < 300, self.body
        return self.body

    def refused(self, code: int, reason: str) -> Any:
        """The Status object of an answer that must be this refusal."""
        assert (self.status, self.body.get("kind")) == (code, "Status"), self.body
        assert (self.body["apiVersion"], self.body["status"]) == ("v1", "Failure")
        assert (self.body["code"], self.body["reason"]) == (code, reason), self.body
        return self.body

    def causes(self, code: int = 422, reason: str = "Invalid") -> list[tuple[str, str]]:
        """(reason, field) of every cause of a refusal, sorted."""
        details = self.refused(code, reason)["details"]
        return sorted((cause["reason"], cause["field"]) for cause in details["causes"])

    def field_causes(self) -> set[tuple[str, str]]:
        """The causes of a 422 without the indices of items, which some versions write and some do not."""
        return {(reason, re.sub(r"\[\d+\]", "", field)) for reason, field in self.causes()}


class Wire:
    """Requests with the credentials of an official ApiClient."""

    def __init__(self, api: ApiClient) -> None:
        self.api = api

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        accept: str = JSON,
        raw: bytes | None = None,
        token: str = "",
        query: Query | None = None,
    ) -> Answer:
        """One request. `raw` is sent as it is instead of `body`, `token` instead of the kubeconfig's."""
        content = raw if raw is not None else (None if body is None else json.dumps(body).encode())
        headers = {"Accept": accept, **({"Content-Type": content_type} if content is not None else {})}
        if token:
            headers["authorization"] = f"Bearer {token}"
        response = self._open(method, path, content, headers, query or {})
        text = response.read()
        response.release_conn()
        try:
            answer = json.loads(text)
        except ValueError:
            answer = text.decode()
        return Answer(response.status, answer, response.headers)

    def get(self, path: str, **query: str | int) -> Answer:
        return self.send("GET", path, query=query)

    def create(self, path: str, body: Any, **query: str | int) -> Answer:
        return self.send("POST", path, body, query=query)

    def replace(self, path: str, body: Any, **query: str | int) -> Answer:
        return self.send("PUT", path, body, query=query)

    def delete(self, path: str, options: Any = None, **query: str | int) -> Answer:
        return self.send("DELETE", path, options, query=query)

    def merge(self, path: str, body: Any, **query: str | int) -> Answer:
        return self.send("PATCH", path, body, content_type=MERGE_PATCH, query=query)

    def json_patch(self, path: str, *operations: Any, **query: str | int) -> Answer:
        return self.send("PATCH", path, list(operations), content_type=JSON_PATCH, query=query)

    def strategic(self, path: str, body: Any, **query: str | int) -> Answer:
        return self.send("PATCH", path, body, content_type=STRATEGIC_MERGE_PATCH, query=query)

    def apply(self, path: str, body: Any, manager: str, **query: str | int) -> Answer:
        return self.send("PATCH", path, body, content_type=APPLY_PATCH, query={"fieldManager": manager, **query})

    @contextmanager
    def watch(self, path: str, query: Query, *, accept: str = JSON) -> Iterator[Iterator[Any]]:
        """An open watch; inside, an iterator of its events. Ends with the block."""
        response = self._open("GET", path, None, {"Accept": accept}, {"watch": "true", **query})
        try:
            assert response.status == 200, response.read()
            yield _events(response)
        finally:
            response.close()

    def watched(self, path: str, count: int, **query: str | int) -> list[Any]:
        """The next `count` events of a watch."""
        with self.watch(path, query) as events:
            return [next(events) for _ in range(count)]

    def _open(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        query: Query,
    ) -> urllib3.BaseHTTPResponse:
        configuration = self.api.configuration
        credentials = {entry["key"]: entry["value"] for entry in configuration.auth_settings().values()}
        url = f"{configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        response: urllib3.BaseHTTPResponse = self.api.rest_client.pool_manager.request(
            method,
            url,
            body=content,
            headers={**credentials, **headers},
            preload_content=False,
            retries=False,
            timeout=urllib3.Timeout(READ_TIMEOUT_S),
        )
        return response


def _events(response: urllib3.BaseHTTPResponse) -> Iterator[Any]:
    pending = b""
    for chunk in response.stream(amt=None, decode_content=True):
        *whole, pending = (pending + chunk).split(b"\n")
        yield from (json.loads(line) for line in whole if line.strip())
