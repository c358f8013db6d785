"""A server without a socket: requests go straight into the ASGI application, on one loop the test drives."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivery.lab.apiserver.routes import ApiServer

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: HTTP code, document (or text), headers."""

    code: int
    body: Any
    headers: dict[str, str]

    def ok(self) -> Any:
        assert self.code < 300, self.body
        return self.body

    def refused(self, code: int, reason: str) -> Any:
        assert (self.code, self.body.get("reason")) == (code, reason), self.body
        return self.body


class Steps:
    """A clock that moves a second each time it is asked."""

    def __init__(self) -> None:
        self._now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


class Direct:
    """Requests to an `ApiServer`; what a request sets in motion has come to rest when its answer is here."""

    def __init__(self, window: int = 4096) -> None:
        self._loop = asyncio.new_event_loop()
        self.server = self._loop.run_until_complete(self._made(window))

    async def _made(self, window: int) -> ApiServer:
        return ApiServer("secret", Steps(), window)

    def close(self) -> None:
        self._loop.close()

    def __call__(
        self, method: str, path: str, body: Any = None, kind: str = "application/json", **headers: str
    ) -> Reply:
        reply = self._loop.run_until_complete(self._sent(method, path, body, kind, headers))
        self._loop.run_until_complete(asyncio.sleep(0))
        return reply

    def events(self, path: str) -> list[Any]:
        """Every event of a watch until it ends by its own timeout."""
        text = self("GET", path).body
        return [json.loads(line) for line in text.splitlines()] if isinstance(text, str) else [text]

    async def _sent(self, method: str, path: str, body: Any, kind: str, headers: dict[str, str]) -> Reply:
        route, _, query = path.partition("?")
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"host": "test", "content-type": kind, "user-agent": "tester/1", **headers}
        scope = {
            "type": "http",
            "method": method,
            "path": route,
            "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()],
            "server": ("test", 80),
            "scheme": "http",
            "http_version": "1.1",
        }
        return await self._exchange(scope, raw)

    async def _exchange(self, scope: dict[str, Any], raw: bytes) -> Reply:
        pieces: list[dict[str, Any]] = []
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Any) -> None:
            pieces.append(message)

        await self.server(scope, receive, send)
        content = b"".join(piece.get("body", b"") for piece in pieces).decode()
        headers = {name.decode(): value.decode() for name, value in pieces[0]["headers"]}
        try:
            return Reply(pieces[0]["status"], json.loads(content), headers)
        except ValueError:
            return Reply(pieces[0]["status"], content, headers)


@pytest.fixture
def direct() -> Iterator[Direct]:
    server = Direct()
    yield server
    server.close()


CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"
WIDGETS = "/apis/test.dev/v1/namespaces/default/widgets"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def config_map(name: str, data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data or {}}


def deployment(name: str = "web", **spec: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
    }
    content = {"selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": content}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    content = {"containers": [{"name": "app", "image": "registry.example/app:1"}], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": content}


def widget_definition(**version: Any) -> dict[str, Any]:
    spec = {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1},
            "colour": {"type": "string", "default": "red"},
            "parts": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["id"],
                "items": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {"id": {"type": "string"}, "count": {"type": "integer"}},
                },
            },
        },
    }
    status = {"type": "object", "properties": {"phase": {"type": "string"}}}
    schema = {"type": "object", "properties": {"spec": spec, "status": status}}
    served = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
        "schema": {"openAPIV3Schema": schema},
        **version,
    }
    names = {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.test.dev"},
        "spec": {"group": "test.dev", "names": names, "scope": "Namespaced", "versions": [served]},
    }


def widget(name: str = "one", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "test.dev/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1, **spec}}
