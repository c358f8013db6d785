"""Verbs on resources: each handler turns one request into one answer."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delivery.lab.apiserver import patch, protobuf, scale
from delivery.lab.apiserver.definitions import STORAGE as DEFINITIONS
from delivery.lab.apiserver.deletion import DeleteOptions, Deletion, delete_options
from delivery.lab.apiserver.kinds import Resource
from delivery.lab.apiserver.listing import check_reached, list_document, listed
from delivery.lab.apiserver.objects import NAMESPACES, Objects
from delivery.lab.apiserver.reading import WriteOptions, identified, parsed
from delivery.lab.apiserver.requests import Target, Wanted, check_patch, truthy, wanted, write_options
from delivery.lab.apiserver.reviews import Reviews
from delivery.lab.apiserver.status import (
    Json,
    bad_request,
    conflict,
    method_not_allowed,
    not_found,
    not_served,
    success,
    unsupported_media,
)
from delivery.lab.apiserver.table import partial, table
from delivery.lab.apiserver.watching import WatchResponse, watch_options

_CUSTOM_PATCHES = (patch.JSON_PATCH, patch.MERGE_PATCH, patch.APPLY_PATCH)
_PATCHES = (patch.JSON_PATCH, patch.MERGE_PATCH, patch.STRATEGIC_PATCH, patch.APPLY_PATCH)


@dataclass(frozen=True, slots=True)
class Call:
    """One request for a resource, with its body read; header names are in lower case."""

    method: str
    target: Target
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def wanted(self) -> Wanted:
        return wanted(self.headers.get("accept", ""), self.query.get("includeObject") or "Metadata")

    def options(self) -> WriteOptions:
        return write_options(self.query, self.headers.get("user-agent", ""))

    def document(self) -> Any:
        media = self.headers.get("content-type", "application/json").partition(";")[0].strip()
        if media == protobuf.MEDIA_TYPE:
            return protobuf.decoded(self.body)
        if media not in {"", "application/json", "application/yaml", "text/yaml"}:
            raise unsupported_media(("application/json", "application/yaml"))
        return parsed(self.body, self.target.resource.names.kind)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer: HTTP code, document, and warnings for its headers."""

    code: int
    document: Json
    media: str = "application/json"
    warnings: tuple[str, ...] = ()


class Handlers:
    """The verbs, over one set of objects."""

    def __init__(
        self,
        objects: Objects,
        deletion: Deletion,
        reviews: Reviews,
        now: Callable[[], datetime],
        stopping: asyncio.Event,
    ) -> None:
        self._objects = objects
        self._deletion = deletion
        self._reviews = reviews
        self._now = now
        self._stopping = stopping

    def handle(self, call: Call) -> Answer | WatchResponse:
        """Carry out one call.

        Raises:
            ApiError: whatever the request deserves.
        """
        target = call.target
        watching = call.method == "GET" and not target.name and truthy(call.query, "watch")
        if target.subresource:
            return self._on_subresource(call)
        if watching and "watch" in target.resource.verbs:
            return WatchResponse(
                self._objects.store, watch_options(target, call.query, call.wanted), self._now, self._stopping
            )
        verbs = _OBJECT_VERBS if target.name else _COLLECTION_VERBS
        verb, handler = verbs.get(call.method, ("", None))
        if handler is None or verb not in target.resource.verbs:
            raise method_not_allowed()
        return handler(self, call)

    def _shown(self, call: Call, obj: Json, code: int = 200, warnings: list[str] | None = None) -> Answer:
        """An object in the version and form the client asked for."""
        resource, asked = call.target.resource, call.wanted
        served = resource.served(obj)
        if asked.form == "Table":
            metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            served = table(resource, [served], metadata, asked.include, self._now())
        elif asked.form:
            served = partial(served)
        return Answer(code, served, asked.media, tuple(warnings or ()))

    def get(self, call: Call) -> Answer:
        check_reached(self._objects.store, call.query)
        return self._shown(call, self._objects.stored(call.target.resource, call.target.key))

    def list(self, call: Call) -> Answer:
        asked = call.wanted
        found = listed(self._objects.store, call.target, call.query)
        return Answer(200, list_document(call.target.resource, found, asked, self._now()), asked.media)

    def create(self, call: Call) -> Answer:
        target, options = call.target, call.options()
        if not target.resource.kept:
            asked = identified(call.document(), target.resource)
            status = self._reviews.answer(target.resource.names.kind, asked.get("spec") or {})
            return Answer(201, {"metadata": {"creationTimestamp": None}, **asked, "status": status})
        if target.resource.namespaced and target.namespace is None:
            raise method_not_allowed()
        made = self._objects.create(target.resource, target.namespace or "", call.document(), options)
        self._follow_definition(target.resource, made, options)
        return self._shown(call, made, 201, options.warnings)

    def _follow_definition(self, resource: Resource, obj: Json, options: WriteOptions) -> None:
        if resource.storage == DEFINITIONS and not options.dry_run:
            current = self._objects.store.get(DEFINITIONS, ("", obj["metadata"]["name"]))
            if current is not None and not current["metadata"].get("deletionTimestamp"):
                self._objects.define(current)

    def update(self, call: Call) -> Answer:
        options = call.options()
        target = call.target
        obj, created = self._objects.replace(target.resource, target.key, call.document(), options, target.subresource)
        self._follow_definition(target.resource, obj, options)
        return self._shown(call, obj, 201 if created else 200, options.warnings)

    def patch(self, call: Call) -> Answer:
        options, target = call.options(), call.target
        media = call.headers.get("content-type", "").partition(";")[0].strip()
        accepted = _CUSTOM_PATCHES if target.resource.custom else _PATCHES
        if media not in accepted:
            raise unsupported_media(accepted)
        document = parsed(call.body, target.resource.names.kind)
        check_patch(call.query, apply=media == patch.APPLY_PATCH)
        created = False
        if media == patch.APPLY_PATCH:
            obj, created = self._objects.apply(target.resource, target.key, document, options, target.subresource)
        else:
            change = _change(media, document, target.resource)
            obj = self._objects.patch(target.resource, target.key, change, options, target.subresource)
        self._follow_definition(target.resource, obj, options)
        return self._shown(call, obj, 201 if created else 200, options.warnings)

    def _delete_options(self, call: Call) -> DeleteOptions:
        return delete_options(call.document() if call.body else None, dict(call.query))

    def delete(self, call: Call) -> Answer:
        resource, key = call.target.resource, call.target.key
        obj, gone = self._deletion.delete(resource, key, self._delete_options(call))
        if gone and not resource.rules.returns_deleted:
            return Answer(200, success(resource.group, resource.plural, key[1], obj["metadata"]["uid"]))
        return self._shown(call, obj)

    def delete_collection(self, call: Call) -> Answer:
        target, options = call.target, self._delete_options(call)
        if target.resource.namespaced and target.namespace is None:
            raise method_not_allowed()
        found = listed(self._objects.store, target, call.query)
        for obj in found.objects:
            key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            self._deletion.delete(target.resource, key, options)
        return Answer(200, list_document(target.resource, found, Wanted(), self._now()))

    def _on_subresource(self, call: Call) -> Answer:
        target = call.target
        if target.subresource == "status" and target.resource.has_status:
            handler = {"GET": self.get, "PUT": self.update, "PATCH": self.patch}.get(call.method)
        elif target.subresource == "scale" and target.resource.scale:
            handler = {"GET": self._get_scale, "PUT": self._put_scale, "PATCH": self._patch_scale}.get(call.method)
        elif target.subresource in target.resource.subresources:
            extra = {
                ("POST", "binding"): self._bind,
                ("PUT", "finalize"): self._finalize,
                ("POST", "token"): self._issue_token,
            }
            handler = extra.get((call.method, target.subresource))
        else:
            if not target.resource.custom:
                raise not_served()
            raise not_found(target.resource.group, target.resource.plural, target.name)
        if handler is None:
            raise method_not_allowed()
        return handler(call)

    def _get_scale(self, call: Call) -> Answer:
        resource, name = call.target.resource, call.target.name
        obj = self._objects.store.get(resource.storage, call.target.key)
        if obj is None:
            raise not_found(resource.group, f"{resource.plural}/scale", name)
        return Answer(200, scale.scale_of(call.target.resource, obj))

    def _put_scale(self, call: Call) -> Answer:
        document = call.document()
        return self._rescale(call, lambda _: document)

    def _patch_scale(self, call: Call) -> Answer:
        media = call.headers.get("content-type", "").partition(";")[0].strip()
        document = parsed(call.body, "Scale")
        change = _change(media, document, None)
        return self._rescale(call, change)

    def _rescale(self, call: Call, change: Callable[[Json], Json]) -> Answer:
        resource = call.target.resource

        def with_replicas(obj: Json) -> Json:
            return scale.rescaled(resource, obj, change(scale.scale_of(resource, obj)))

        obj = self._objects.patch(resource, call.target.key, with_replicas, call.options(), "scale")
        return Answer(200, scale.scale_of(resource, obj))

    def _bind(self, call: Call) -> Answer:
        node = ((call.document() or {}).get("target") or {}).get("name")
        if not node:
            raise bad_request("Binding: target.name: name the node to bind the pod to")
        resource, key = call.target.resource, call.target.key
        pod = self._objects.stored(resource, key)
        if pod["spec"].get("nodeName"):
            why = f'pod {key[1]} is already assigned to node "{pod["spec"]["nodeName"]}"'
            raise conflict("", "pods/binding", key[1], why)
        self._objects.store.put(resource.storage, key, self._scheduled(pod, node))
        return Answer(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})

    def _issue_token(self, call: Call) -> Answer:
        """A token for a ServiceAccount; this server knows it again as long as it runs."""
        account = self._objects.stored(call.target.resource, call.target.key)
        request = call.document() or {}
        seconds = (request.get("spec") or {}).get("expirationSeconds", 3600)
        status = {"token": self._reviews.issue(account["metadata"]), "expirationTimestamp": self._objects.now()}
        document = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {}, **request}
        return Answer(201, {**document, "spec": {"expirationSeconds": seconds}, "status": status})

    def _scheduled(self, pod: Json, node: str) -> Json:
        now = self._objects.now()
        condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
        status = pod.get("status", {})
        others = [item for item in status.get("conditions", []) if item["type"] != "PodScheduled"]
        status = {**status, "conditions": [*others, condition]}
        return {**pod, "spec": {**pod["spec"], "nodeName": node}, "status": status}

    def _finalize(self, call: Call) -> Answer:
        """Replace a namespace's spec.finalizers; the last one to go lets it go."""
        wanted_spec = (call.document() or {}).get("spec") or {}
        key = call.target.key
        namespace = self._objects.stored(call.target.resource, key)
        updated = {**namespace, "spec": wanted_spec}
        if namespace["metadata"].get("deletionTimestamp") and not wanted_spec.get("finalizers"):
            return self._shown(call, self._objects.store.remove(NAMESPACES, key, updated))
        return self._shown(call, self._objects.store.put(NAMESPACES, key, updated))


def _change(media: str, document: Any, resource: Resource | None) -> Callable[[Json], Json]:
    """A patch body as a function from the object to the patched one."""
    if media == patch.JSON_PATCH:
        return lambda obj: patch.json_patched(obj, document)
    if not isinstance(document, dict):
        raise bad_request("the patch is not an object")
    if media == patch.STRATEGIC_PATCH:
        schema = resource.schema if resource else {}
        return lambda obj: patch.strategic_patched(obj, document, schema)
    return lambda obj: patch.merge_patched(obj, document)


Handler = Callable[[Handlers, Call], Answer]
_COLLECTION_VERBS: dict[str, tuple[str, Handler]] = {
    "GET": ("list", Handlers.list),
    "POST": ("create", Handlers.create),
    "DELETE": ("deletecollection", Handlers.delete_collection),
}
_OBJECT_VERBS: dict[str, tuple[str, Handler]] = {
    "GET": ("get", Handlers.get),
    "PUT": ("update", Handlers.update),
    "PATCH": ("patch", Handlers.patch),
    "DELETE": ("delete", Handlers.delete),
}
