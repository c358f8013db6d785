"""The HTTP surface: paths to discovery documents or resource handlers, errors to `Status` answers."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import msgspec
import yaml
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from delivery.lab.apiserver import discovery, openapi
from delivery.lab.apiserver.builtin import builtin_registry
from delivery.lab.apiserver.collector import Collector
from delivery.lab.apiserver.deletion import Deletion
from delivery.lab.apiserver.handlers import Answer, Call, Handlers
from delivery.lab.apiserver.kinds import Registry
from delivery.lab.apiserver.objects import Objects
from delivery.lab.apiserver.reading import WriteOptions
from delivery.lab.apiserver.requests import target
from delivery.lab.apiserver.reviews import Reviews
from delivery.lab.apiserver.status import ApiError, Json, not_served, unauthorized
from delivery.lab.apiserver.store import StorageKey, Store
from delivery.lab.apiserver.watching import WatchResponse

_HEALTH = frozenset({"/healthz", "/readyz", "/livez"})
_FIRST_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ApiServer:
    """An ASGI application that is a Kubernetes API server; all of its state is in `store`.

    Anybody may do anything, but who shows a bearer token must show `token`: a wrong credential is a mistake to tell.
    """

    def __init__(self, token: str = "", clock: Callable[[], datetime] = _utc_now, window: int = 4096) -> None:
        self._token = token
        self.store = Store(window)
        self.registry: Registry = builtin_registry()
        self._own_groups = frozenset(resource.group for resource in self.registry if resource.group)
        self.objects = Objects(self.store, self.registry, clock)
        deletion = Deletion(self.objects)
        self._collector = Collector(self.objects, deletion, _soon)
        self._stopping = asyncio.Event()
        self._reviews = Reviews(self.store, token)
        self._handlers = Handlers(self.objects, deletion, self._reviews, clock, self._stopping)
        self._seed()

    def _seed(self) -> None:
        """What every cluster starts with."""
        for resource in self.registry:
            self.store.open(resource.storage)
        namespaces = self.registry.find("", "v1", "namespaces")
        services = self.registry.find("", "v1", "services")
        if namespaces is None or services is None:
            raise LookupError("namespaces, services: not among the built-in kinds")
        options = WriteOptions(manager="kube-apiserver")
        for name in _FIRST_NAMESPACES:
            self.objects.create(namespaces, "", {"metadata": {"name": name}}, options)
        labels = {"component": "apiserver", "provider": "kubernetes"}
        ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]
        kubernetes = {"metadata": {"name": "kubernetes", "labels": labels}, "spec": {"ports": ports}}
        self.objects.create(services, "default", kubernetes, options)

    def restore(self, objects: Iterable[tuple[StorageKey, Json]]) -> None:
        """Stores objects as they are, with their uids, generations and statuses; called on the loop before any request.
        Those of a custom kind are served once its definition is created.
        """
        for storage, obj in objects:
            meta = obj["metadata"]
            self.store.put(storage, (meta.get("namespace", ""), meta["name"]), obj)

    def stop_watches(self) -> None:
        """End every open watch, and every later one as soon as it is asked for; called on the loop."""
        self._stopping.set()
        for _, collection in self.store.collections():
            collection.wake()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        request = Request(scope, receive)
        answer = await self._answer(request)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response | WatchResponse:
        path = request.url.path
        if not self._known(request.headers.get("authorization", "")):
            refused = unauthorized()
            return _json(refused.body(), refused.code)
        if request.method in {"GET", "HEAD"}:
            document = self._document(path, request)
            if document is not None:
                return _json(document)
        if path in _HEALTH:
            return PlainTextResponse("ok")
        found = target(self.registry, path)
        if found is None:
            return self._nothing_at(path)
        try:
            call = Call(request.method, found, request.query_params, request.headers, await request.body())
            answer = self._handlers.handle(call)
        except ApiError as refused:
            return _json(refused.body(), refused.code)
        return answer if isinstance(answer, WatchResponse) else _rendered(answer)

    def _known(self, authorization: str) -> bool:
        scheme, _, shown = authorization.partition(" ")
        return not self._token or scheme.lower() != "bearer" or self._reviews.user_of(shown.strip()) is not None

    def _nothing_at(self, path: str) -> Response:
        parts = path.split("/")
        if parts[1:2] == ["api"] or (parts[1:2] == ["apis"] and parts[2:3] and parts[2] in self._own_groups):
            missing = not_served()
            return _json(missing.body(), missing.code)
        return PlainTextResponse("404 page not found\n", 404)

    def _document(self, path: str, request: Request) -> Json | None:
        """A discovery or OpenAPI document, if `path` names one."""
        parts = [part for part in path.split("/") if part]
        registry = self.registry
        found: Json | None = None
        match parts:
            case ["version"]:
                found = discovery.VERSION
            case ["api"]:
                found = discovery.core_versions(request.url.netloc)
            case ["apis"]:
                found = discovery.group_list(registry)
            case ["api", version]:
                found = discovery.resource_list(registry, "", version)
            case ["apis", group]:
                found = discovery.group(registry, group)
            case ["apis", group, version]:
                found = discovery.resource_list(registry, group, version)
            case ["openapi", "v2"]:
                found = openapi.v2_document(registry)
            case ["openapi", "v3", *rest]:
                found = openapi.v3(registry, rest)
        return found


def _soon(work: Callable[[], None]) -> None:
    """Run `work` on the loop's next turn; at once where no loop runs, as while the server is being made."""
    try:
        asyncio.get_running_loop().call_soon(work)
    except RuntimeError:
        work()


def _json(document: Json, code: int = 200) -> Response:
    return Response(msgspec.json.encode(document), code, media_type="application/json")


def _rendered(answer: Answer) -> Response:
    if answer.media == "application/yaml":
        response = Response(yaml.safe_dump(answer.document), answer.code, media_type="application/yaml")
    else:
        response = _json(answer.document, answer.code)
    for warning in answer.warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.append("Warning", f'299 - "{quoted}"')
    return response


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
