"""Releases as objects of ours, parsed once a version: a record is large, and passes and looks are many.

What is heard of one is kept packed, for beside the parsed Release it is needed again only where that was let go.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict

import msgspec
from pydantic import ValidationError

from delivery.cluster.client import Object
from delivery.resources.release import Release, release_from_object
from delivery.workload.adoption import without_fields

_PACKED = "headgate packed"  # no key of the API has a space in it
ENDED_KEPT = 500  # of those that have ended; they are read where a new release begins


def packed(obj: Object) -> Object:
    """A Release's metadata and the name of its Deployment, and all else in a tenth of the memory."""
    bare = without_fields(obj)
    rest = {key: bare[key] for key in ("spec", "status") if key in bare}
    deployment = (bare.get("spec") or {}).get("deployment")
    return {
        "metadata": bare["metadata"],
        "spec": {"deployment": deployment},
        _PACKED: zlib.compress(msgspec.json.encode(rest), level=1),
    }


def _unpacked(obj: Object) -> Object:
    if _PACKED not in obj:
        return obj
    rest: Object = msgspec.json.decode(zlib.decompress(obj[_PACKED]))
    return {"metadata": obj["metadata"], **rest}


class Releases:
    """A cache. Two objects with one uid and one resourceVersion are the same, whoever read them."""

    def __init__(self) -> None:
        self._active: dict[str, Release] = {}
        self._ended: OrderedDict[str, Release] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, obj: Object) -> Release:
        """Raises ValidationError for an object that is no Release of ours."""
        meta = obj["metadata"]
        uid, version = meta.get("uid", ""), meta.get("resourceVersion", "")
        with self._lock:
            known = self._active.get(uid) or self._ended.get(uid)
        if known is not None and uid and known.resource_version == version:
            return known
        read = release_from_object(_unpacked(obj))
        if known is not None and known.spec == read.spec:
            read = read.model_copy(update={"spec": known.spec})  # with what was worked out from it already
        self.keep(read)
        return read

    def readable(self, obj: Object | None) -> Release | None:
        """As `of`, but None where it is gone or no Release of ours: its own pass says so."""
        try:
            return self.of(obj) if obj is not None else None
        except ValidationError:
            return None

    def forget(self, uid: str) -> None:
        """It was deleted."""
        with self._lock:
            self._active.pop(uid, None)
            self._ended.pop(uid, None)

    def keep(self, read: Release) -> None:
        """It is what the API server has at its version. Where that came by another way already, it stays the same."""
        if not read.uid:
            return
        with self._lock:
            known = self._active.get(read.uid) or self._ended.get(read.uid)
            if known is not None and known.resource_version == read.resource_version:
                return
            self._active.pop(read.uid, None)
            self._ended.pop(read.uid, None)
            if read.active:
                self._active[read.uid] = read
                return
            self._ended[read.uid] = read
            while len(self._ended) > ENDED_KEPT:
                self._ended.popitem(last=False)
