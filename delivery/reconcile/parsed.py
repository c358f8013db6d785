"""Releases as objects of ours, parsed once a version: a record is large, and passes and looks are many."""

from __future__ import annotations

import threading
from collections import OrderedDict

from delivery.cluster.client import Object
from delivery.resources.release import Release, release_from_object

ENDED_KEPT = 500  # of those that have ended; they are read where a new release begins


class Releases:
    """A cache. Two objects with one uid and one resourceVersion are the same, whoever read them."""

    def __init__(self) -> None:
        self._active: dict[str, Release] = {}
        self._ended: OrderedDict[str, Release] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, obj: Object) -> Release:
        """Raises pydantic's ValidationError for an object that is no Release of ours."""
        meta = obj["metadata"]
        uid, version = meta.get("uid", ""), meta.get("resourceVersion", "")
        with self._lock:
            known = self._active.get(uid) or self._ended.get(uid)
        if known is not None and uid and known.resource_version == version:
            return known
        read = release_from_object(obj)
        if known is not None and known.spec == read.spec:
            read = read.model_copy(update={"spec": known.spec})  # with what was worked out from it already
        self.keep(read)
        return read

    def forget(self, uid: str) -> None:
        """It was deleted."""
        with self._lock:
            self._active.pop(uid, None)
            self._ended.pop(uid, None)

    def keep(self, read: Release) -> None:
        """It is what the API server has at its version."""
        if not read.uid:
            return
        with self._lock:
            self._active.pop(read.uid, None)
            self._ended.pop(read.uid, None)
            if read.active:
                self._active[read.uid] = read
                return
            self._ended[read.uid] = read
            while len(self._ended) > ENDED_KEPT:
                self._ended.popitem(last=False)
