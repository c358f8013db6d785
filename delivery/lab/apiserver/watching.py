"""Watches: a stream of changes from a revision on, ending at its timeout, on disconnect, or when the server stops."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from starlette.types import Receive, Scope, Send

from delivery.lab.apiserver.listing import unparsable_query
from delivery.lab.apiserver.requests import Target, Wanted, check_version_match, number, selected, truthy
from delivery.lab.apiserver.selectors import Selection
from delivery.lab.apiserver.status import Json, expired
from delivery.lab.apiserver.store import ADDED, DELETED, MODIFIED, Change, Collection, Store, TooOldError
from delivery.lab.apiserver.table import partial, table

_BOOKMARK_EVERY = 60.0
_BOOKMARK_BEFORE_END = 2.0
_LONGEST = 3600.0


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What a watch follows and how: `start` is the revision after which it begins, None for the state now."""

    target: Target
    selection: Selection
    start: int | None
    timeout: float
    bookmarks: bool
    wanted: Wanted


def watch_options(target: Target, query: Mapping[str, str], wanted: Wanted) -> WatchOptions:
    """Options of a watch request.

    Raises:
        ApiError: when a selector or a version does not parse, or an option is given that watches do not take.
    """
    check_version_match(query, watch=True)
    version = query.get("resourceVersion", "")
    if version and not version.isdigit():
        raise unparsable_query(version)
    chosen = selected(target.resource, query)
    timeout = number(query, "timeoutSeconds")
    return WatchOptions(
        target=target,
        selection=chosen,
        start=int(version) if version not in {"", "0"} else None,
        timeout=float(timeout) if timeout else _LONGEST,
        bookmarks=truthy(query, "allowWatchBookmarks"),
        wanted=wanted,
    )


class WatchResponse:
    """An ASGI response that streams the events of one watch."""

    def __init__(
        self, store: Store, options: WatchOptions, now: Callable[[], datetime], stopping: asyncio.Event
    ) -> None:
        self._store = store
        self._options = options
        self._now = now
        self._stopping = stopping
        self._collection: Collection = store.open(options.target.resource.storage)
        self._waker = asyncio.Event()
        self._disconnected = False
        self._headers_shown = False

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache, private")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        listener = asyncio.create_task(self._listen(receive))
        self._collection.subscribe(self._waker)
        try:
            await self._stream(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            # The client has gone; there is nobody left to tell.
            return
        finally:
            self._collection.unsubscribe(self._waker)
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self._disconnected = True
        self._waker.set()

    async def _stream(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._options.timeout
        bookmark = min(loop.time() + _BOOKMARK_EVERY, max(end - _BOOKMARK_BEFORE_END, loop.time()))
        position, body = self._opening()
        while True:
            try:
                body += b"".join(self._event(change) for change in self._collection.since(position))
            except TooOldError as old:
                await self._send(send, body + self._error(old))
                return
            position = max(position, self._store.revision)
            self._waker.clear()
            if self._options.bookmarks and loop.time() >= bookmark:
                body += self._bookmark(position)
                bookmark = loop.time() + _BOOKMARK_EVERY
            await self._send(send, body)
            body = b""
            if self._over() or loop.time() >= end:
                return
            await self._wait(min(end, bookmark) - loop.time())

    async def _send(self, send: Send, body: bytes) -> None:
        # The first, empty piece makes the server put the headers on the wire at once.
        await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _wait(self, seconds: float) -> None:
        if self._waker.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0)):
                await self._waker.wait()

    def _over(self) -> bool:
        return self._disconnected or self._collection.closed or self._stopping.is_set()

    def _opening(self) -> tuple[int, bytes]:
        """The revision to go on from and, where no revision was asked for, what is there as additions."""
        if self._options.start is not None:
            return self._options.start, b""
        target, chosen = self._options.target, self._options.selection
        objects = self._store.listing(target.resource.storage, target.namespace)
        body = b"".join(self._line(ADDED, obj) for obj in objects if chosen.matches(obj))
        return self._store.revision, body

    def _event(self, change: Change) -> bytes:
        namespace = self._options.target.namespace
        if namespace is not None and change.key[0] != namespace:
            return b""
        kind, obj = _seen(change, self._options.selection)
        if kind == "":
            return b""
        if self._options.wanted.form:
            return self._line(kind, obj)
        cache = f"{kind} {self._options.target.resource.api_version}"
        if cache not in change.encoded:
            change.encoded[cache] = self._line(kind, obj)
        return change.encoded[cache]

    def _line(self, kind: str, obj: Json) -> bytes:
        return _encoded(kind, self._formed(self._options.target.resource.served(obj)))

    def _formed(self, obj: Json) -> Json:
        wanted, resource = self._options.wanted, self._options.target.resource
        if wanted.form == "Table":
            metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
            made = table(resource, [obj], metadata, wanted.include, self._now())
            if self._headers_shown:
                made["columnDefinitions"] = None
            self._headers_shown = True
            return made
        return partial(obj) if wanted.form else obj

    def _bookmark(self, position: int) -> bytes:
        resource = self._options.target.resource
        metadata = {"resourceVersion": str(position), "creationTimestamp": None}
        mark: Json = {"kind": resource.names.kind, "apiVersion": resource.api_version, "metadata": metadata}
        if self._options.wanted.form == "Table":
            mark = table(resource, [], {"resourceVersion": str(position)}, "None", self._now())
        return _encoded("BOOKMARK", mark)

    def _error(self, old: TooOldError) -> bytes:
        return _encoded("ERROR", expired(str(old)).body())


def _encoded(kind: str, obj: Json) -> bytes:
    return json.dumps({"type": kind, "object": obj}, separators=(",", ":")).encode() + b"\n"


def _seen(change: Change, selection: Selection) -> tuple[str, Json]:
    """A change as a watch with this selection sees it; an empty kind when it does not."""
    if selection.everything:
        return change.kind, change.current
    before = change.previous is not None and selection.matches(change.previous)
    if change.kind == DELETED:
        return (DELETED if before else ""), change.current
    if selection.matches(change.current):
        return (MODIFIED if before else ADDED), change.current
    if not before or change.previous is None:
        return "", change.current
    # It left the selection: the watch sees the last matching state go, at the revision of the change.
    revision = change.current["metadata"]["resourceVersion"]
    last = {**change.previous, "metadata": {**change.previous["metadata"], "resourceVersion": revision}}
    return DELETED, last
