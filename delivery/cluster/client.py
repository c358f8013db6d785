"""One generic client for every kind: plain objects in, plain objects out, our own errors.

The official client supplies what it is best at (kubeconfig, in-cluster credentials, TLS, token refresh, pooling).
Its generated models are not used: they drop fields they do not know, and a user's object must survive byte for byte.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from kubernetes.client import ApiClient

from delivery.cluster.credentials import api_client
from delivery.cluster.kinds import Kind
from delivery.cluster.patience import USUAL, Patience
from delivery.cluster.transport import Transport
from delivery.cluster.watch import Object, Watch, WatchEvent
from delivery.errors import NotFound

__all__ = ["JSON", "MERGE", "STRATEGIC", "Cluster", "Listing", "Object", "PatchType", "Watch", "WatchEvent"]

PatchType = Literal[
    "application/merge-patch+json", "application/json-patch+json", "application/strategic-merge-patch+json"
]
MERGE: PatchType = "application/merge-patch+json"
JSON: PatchType = "application/json-patch+json"
STRATEGIC: PatchType = "application/strategic-merge-patch+json"


@dataclass(frozen=True, slots=True)
class Listing:
    """A consistent list of one kind and the resourceVersion a watch resumes from."""

    items: list[Object]
    resource_version: str


class Cluster(Transport):
    """The Kubernetes API, typed by our error tree. Thread-safe."""

    def __init__(self, api: ApiClient, sleep: Callable[[float], None] = time.sleep, patience: Patience = USUAL) -> None:
        super().__init__(api, sleep, patience)
        self._served: dict[str, tuple[str, ...]] = {}
        self._on_written: Callable[[Kind, Object], None] | None = None

    @classmethod
    def connect(cls, kubeconfig: Path | None, context: str | None = None) -> Cluster:
        """From a kubeconfig file, or from the pod's service account when none is given.

        Raises InvalidSpec when neither can be read.
        """
        return cls(api_client(kubeconfig, context))

    def with_patience(self, patience: Patience) -> Cluster:
        """To the same server, with the same credentials and connections."""
        return Cluster(self._api, self._sleep, patience)

    def tell(self, on_written: Callable[[Kind, Object], None]) -> None:
        """Calls `on_written` with what the server answers to each create, update and patch of a whole object."""
        self._on_written = on_written

    # -- reads ----------------------------------------------------------------------------------------------

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object:
        """One object. Raises NotFound."""
        return self._call("GET", self._path(kind, namespace, name), what=f"{kind} {_named(name, namespace)}")

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None where it (or its kind) does not exist."""
        try:
            return self.get(kind, name, namespace)
        except NotFound:
            return None

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: Mapping[str, str] | str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Listing:
        """All objects of a kind (in one namespace or everywhere), read page by page."""
        items: list[Object] = []
        token, version = "", ""
        while True:
            query = {
                "limit": limit,
                "continue": token,
                "labelSelector": _selector(labels),
                "fieldSelector": fields,
            }
            page = self._call("GET", self._path(kind, namespace), query=query, what=f"list of {kind}")
            meta = page.get("metadata") or {}
            for item in page.get("items") or []:
                items.append({"apiVersion": page["apiVersion"], "kind": kind.name, **item})
            token, version = str(meta.get("continue") or ""), str(meta.get("resourceVersion") or version)
            if not token:
                return Listing(items, version)

    def watch(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        resource_version: str,
        timeout_s: int = 300,
        labels: Mapping[str, str] | str = "",
    ) -> Watch:
        """Changes after `resource_version` until the server ends the stream."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": timeout_s,
            "labelSelector": _selector(labels),
        }
        what = f"watch of {kind}"
        # A connection that went silent without a word is noticed a little after the server should have ended it.
        response = self._send("GET", self._path(kind, namespace), query=query, what=what, read_timeout=timeout_s + 15)
        return Watch(response, what)

    # -- writes ---------------------------------------------------------------------------------------------

    def create(self, kind: Kind, obj: Mapping[str, Any], *, subresource: str = "") -> Object:
        """Creates an object, or a subresource of one (`binding`). Raises AlreadyExists, InvalidSpec."""
        namespace = obj["metadata"].get("namespace")
        name = obj["metadata"].get("name") or obj["metadata"].get("generateName", "")
        body = {"apiVersion": self.api_version(kind), "kind": kind.name, **obj}
        if subresource:
            return self._call("POST", self._path(kind, namespace, name, subresource), body=dict(obj), what=name)
        body["apiVersion"] = self.api_version(kind)
        what = f"{kind} {_named(name, namespace)}"
        return self._told(kind, self._call("POST", self._path(kind, namespace), body=body, what=what))

    def replace(self, kind: Kind, obj: Mapping[str, Any], *, subresource: str = "") -> Object:
        """A full update; the object's resourceVersion is the precondition. Raises Conflict, NotFound."""
        return self._told(kind, self._put(kind, obj, subresource))

    def try_out(self, kind: Kind, obj: Mapping[str, Any]) -> Object:
        """What `replace` would store, with the server's defaults; nothing is stored. Raises what `replace` raises."""
        return self._put(kind, obj, query={"dryRun": "All"})

    def _put(
        self, kind: Kind, obj: Mapping[str, Any], subresource: str = "", query: Mapping[str, object] | None = None
    ) -> Object:
        meta = obj["metadata"]
        path = self._path(kind, meta.get("namespace"), meta["name"], subresource)
        what = f"{kind} {_named(meta['name'], meta.get('namespace'))}"
        return self._call("PUT", path, query=query, body=dict(obj), what=what)

    def patch(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        body: Any,
        *,
        patch_type: PatchType = MERGE,
        subresource: str = "",
    ) -> Object:
        """A patch; put `metadata.resourceVersion` in a merge patch to make it a precondition."""
        path = self._path(kind, namespace, name, subresource)
        what = f"{kind} {_named(name, namespace)}"
        return self._told(kind, self._call("PATCH", path, body=body, content_type=patch_type, what=what))

    def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_period_s: int | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
    ) -> None:
        """Deletes; `uid` and `resource_version` are preconditions. Raises NotFound, Conflict."""
        wanted = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {key: value for key, value in wanted.items() if value is not None}
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if preconditions:
            body["preconditions"] = preconditions
        if grace_period_s is not None:
            body["gracePeriodSeconds"] = grace_period_s
        self._call("DELETE", self._path(kind, namespace, name), body=body, what=f"{kind} {_named(name, namespace)}")

    # -- discovery ------------------------------------------------------------------------------------------

    def api_version(self, kind: Kind) -> str:
        """`group/version` as used with this server. Raises NotFound when the server serves none we speak."""
        version = self._version(kind)
        return f"{kind.group}/{version}" if kind.group else version

    def serves(self, kind: Kind) -> bool:
        """Whether the server knows this kind in a version we speak (asked anew while it does not)."""
        try:
            resources = self._call("GET", self._base(kind), what=f"discovery of {kind}")
        except NotFound:
            return False
        return any(entry["name"] == kind.plural for entry in resources.get("resources", []))

    def _version(self, kind: Kind) -> str:
        if not kind.group:
            return kind.versions[0]
        with self._lock:
            served = self._served.get(kind.group)
        if served is None:
            answer = self._call("GET", f"/apis/{kind.group}", what=f"API group {kind.group}")
            served = tuple(entry["version"] for entry in answer["versions"])
            if set(served) & set(kind.versions):  # else it may be installed in one of ours later
                with self._lock:
                    self._served[kind.group] = served
        for version in kind.versions:
            if version in served:
                return version
        raise NotFound(f"API group {kind.group}: serves {', '.join(served)}, we speak {kind.versions}")

    def _base(self, kind: Kind) -> str:
        version = self._version(kind)
        return f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"

    def _path(self, kind: Kind, namespace: str | None, name: str = "", subresource: str = "") -> str:
        parts = [self._base(kind)]
        if kind.namespaced and namespace:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(kind.plural)
        # A name is a person's input in places: a slash in it must not reach another resource.
        parts += [quote(part, safe="") for part in (name, subresource) if part]
        return "/".join(parts)

    def _told(self, kind: Kind, written: Object) -> Object:
        if self._on_written is not None and written.get("kind") == kind.name:
            self._on_written(kind, written)
        return written


def _named(name: str, namespace: str | None) -> str:
    return f"{namespace}/{name}" if namespace else name


def _selector(labels: Mapping[str, str] | str) -> str:
    return labels if isinstance(labels, str) else ",".join(f"{k}={v}" for k, v in labels.items())
