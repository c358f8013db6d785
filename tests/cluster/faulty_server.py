"""A small API server of one kind, that fails in every way a watch can meet: over real sockets, each fault on demand."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]
Event = tuple[int, str, Object]
NAMESPACE = "shop"
IDLE_S = 0.02  # a sound stream that has no news sends bookmarks
ListFault = Literal["status", "stale", "torn", "silent", "dropped", "empty answer", "html"]
WatchFault = Literal[
    "status", "gone", "error", "ends", "repeats", "torn", "dropped", "silent", "silent before headers", "garbage",
    "bookmarks", "no version",
]  # fmt: skip
GARBAGE = ("}{", "[1, 2]", '"word"', '{"type": "ADDED"}', '{"type": "NEWS", "object": {}}', "\udcff", "[" * 100_000)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request.

    `after`: the events that still arrive before it (of a watch); `back`: how many revisions too old (stale, repeats);
    `status` and `retry_after` (seconds, as the header has it): of a refusal; `line`: of garbage.
    """

    kind: ListFault | WatchFault
    after: int = 0
    back: int = 0
    status: int = 503
    retry_after: str = ""
    line: str = GARBAGE[0]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when it came (monotonic seconds), and from which version a watch was asked."""

    at: float
    watch: bool
    version: str


class FaultyServer:
    """Objects, their history and a revision counter. Faults are met in the order they were planned, one a request.

    `always` is met by each request that has no planned fault: an outage.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.lists: deque[Fault] = deque()
        self.watches: deque[Fault] = deque()
        self.always: Fault | None = None
        self.closing = False
        self.cuts = 0
        self.changed = threading.Condition()
        self._revision = 100
        self._compacted = 100
        self._uids = 0
        self._objects: dict[str, Object] = {}
        self._history: list[Event] = []

    # -- what a test does ------------------------------------------------------------------------------------

    def put(self, name: str) -> None:
        """Creates the object, or changes it."""
        with self.changed:
            before = self._objects.get(name)
            self._revision += 1
            self._uids += before is None
            uid = before["metadata"]["uid"] if before else f"uid-{self._uids}"
            meta = {"name": name, "namespace": NAMESPACE, "uid": uid, "resourceVersion": str(self._revision)}
            self._objects[name] = {"metadata": meta, "spec": {"externalName": f"at-{self._revision}"}}
            self._happened("MODIFIED" if before else "ADDED", self._objects[name])

    def delete(self, name: str) -> None:
        """Deletes the object where there is one."""
        with self.changed:
            gone = self._objects.pop(name, None)
            if gone:
                self._revision += 1
                meta = {**gone["metadata"], "resourceVersion": str(self._revision)}
                self._happened("DELETED", {**gone, "metadata": meta})

    def compact(self) -> None:
        """Forgets the history: a watch from before now is answered 410."""
        with self.changed:
            self._compacted = self._revision

    def cut(self) -> None:
        """Every stream that is open now is dropped."""
        with self.changed:
            self.cuts += 1
            self.changed.notify_all()

    def heal(self) -> None:
        """No more faults from here on."""
        with self.changed:
            self.lists.clear()
            self.watches.clear()
            self.always = None
            self.changed.notify_all()

    def versions(self) -> dict[str, str]:
        """Each object's resourceVersion."""
        with self.changed:
            return {name: obj["metadata"]["resourceVersion"] for name, obj in self._objects.items()}

    # -- what the handler asks -------------------------------------------------------------------------------

    def fault(self, asked: Asked) -> Fault | None:
        """Notes the request; what is to go wrong with it."""
        with self.changed:
            self.asked.append(asked)
            planned = self.watches if asked.watch else self.lists
            return planned.popleft() if planned else self.always

    def listing(self, back: int = 0) -> Object:
        """The list as it was `back` revisions ago, made from the history where that is asked."""
        with self.changed:
            revision = max(self._revision - back, 100)
            found: dict[str, Object] = {}
            for at, kind, obj in self._history:
                if at <= revision:
                    found[obj["metadata"]["name"]] = obj
                    if kind == "DELETED":
                        del found[obj["metadata"]["name"]]
            meta = {"resourceVersion": str(revision)}
            return {"kind": "ServiceList", "apiVersion": "v1", "metadata": meta, "items": list(found.values())}

    def since(self, revision: int) -> list[Event]:
        """The events after it; the caller holds `changed`."""
        return [event for event in self._history if event[0] > revision]

    def forgot(self, revision: int) -> bool:
        with self.changed:
            return revision < self._compacted

    def _happened(self, kind: str, obj: Object) -> None:
        self._history.append((self._revision, kind, {"apiVersion": "v1", "kind": "Service", **obj}))
        self.changed.notify_all()


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """A running server on a free port of 127.0.0.1."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    server = FaultyServer(f"http://127.0.0.1:{http.server_port}")
    http.faulty = server  # type: ignore[attr-defined]  # the handler's only way to it
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield server
    finally:
        with server.changed:
            server.closing = True
            server.changed.notify_all()
        http.shutdown()
        thread.join()
        http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def faulty(self) -> FaultyServer:
        found: FaultyServer = self.server.faulty  # type: ignore[attr-defined]  # set by faulty_server
        return found

    def do_GET(self) -> None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        watch, version = query.get("watch", "").lower() == "true", query.get("resourceVersion", "")
        fault = self.faulty.fault(Asked(time.monotonic(), watch, version))
        with suppress(OSError):  # the client hung up
            if fault and fault.kind == "status":
                self._refuse(fault)
            elif watch:
                self._watch(int(version), int(query.get("timeoutSeconds", "300")), fault)
            else:
                self._list(fault)

    def _refuse(self, fault: Fault) -> None:
        reason = {410: "Expired", 429: "TooManyRequests"}.get(fault.status, "InternalError")
        body = {"kind": "Status", "code": fault.status, "reason": reason, "message": "a test's doing"}
        self._answer(json.dumps(body), fault.status, {"Retry-After": fault.retry_after} if fault.retry_after else {})

    def _answer(self, text: str, status: int = 200, headers: dict[str, str] | None = None, torn: int = 0) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) - torn])

    def _list(self, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        text = json.dumps(self.faulty.listing(fault.back if fault and kind == "stale" else 0))
        if kind == "silent":
            self._say_nothing()
        elif kind == "dropped":
            self._hang_up()
        elif kind == "torn":
            self._answer(text, torn=len(text) // 2)
            self._hang_up()
        else:
            self._answer({"empty answer": "{}", "html": "<html>Please log in</html>"}.get(kind, text))

    def _watch(self, version: int, timeout_s: int, fault: Fault | None) -> None:
        if fault and fault.kind == "silent before headers":
            self._say_nothing()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.faulty.forgot(version):
            self._fail(Fault("gone"), version)
            return
        start = max(version - fault.back, 100) if fault and fault.kind == "repeats" else version
        self._stream(start, time.monotonic() + timeout_s, fault)

    def _stream(self, at: int, until: float, fault: Fault | None) -> None:
        """Events after `at`: as many as there are before the fault, or all that come until the time is over."""
        ending = fault if fault and fault.kind != "repeats" else None
        left = ending.after if ending else sys.maxsize
        cuts = self.faulty.cuts
        while left and not self.faulty.closing and self.faulty.cuts == cuts and time.monotonic() < until:
            with self.faulty.changed:
                events = self.faulty.since(at)[:left]
                if not events and not ending:
                    self.faulty.changed.wait(IDLE_S)
            if not events:
                if ending:
                    break
                self._event("BOOKMARK", {"kind": "Service", "metadata": {"resourceVersion": str(at)}})
            for revision, kind, obj in events:
                self._event(kind, obj)
                at = revision
            left -= len(events)
        if self.faulty.cuts != cuts:
            self._hang_up()
        elif ending:
            self._fail(ending, at)
        else:
            self._end()

    def _fail(self, fault: Fault, at: int) -> None:
        """How the stream ends."""
        if fault.kind in {"gone", "error"}:
            code = 410 if fault.kind == "gone" else fault.status
            self._event(
                "ERROR", {"kind": "Status", "code": code, "reason": "Expired" if code == 410 else "", "message": ""}
            )
        elif fault.kind == "garbage":
            self._chunk(fault.line.encode(errors="surrogateescape") + b"\n")
        elif fault.kind == "no version":
            self._event("ADDED", {"kind": "Service", "metadata": {"name": "nobody", "namespace": NAMESPACE}})
        elif fault.kind == "bookmarks":
            for _ in range(3):
                self._event("BOOKMARK", {"kind": "Service", "metadata": {"resourceVersion": str(at)}})
        elif fault.kind == "silent":
            self._say_nothing()
            return
        elif fault.kind in {"torn", "dropped"}:
            if fault.kind == "torn":
                self._chunk(b'{"type": "MODIFIED", "object": {"metadata": {"name": "to')
            self._hang_up()
            return
        self._end()

    def _event(self, kind: str, obj: Object) -> None:
        self._chunk(json.dumps({"type": kind, "object": obj}).encode() + b"\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def _say_nothing(self) -> None:
        """The connection stays open and silent until this server ends or the client hangs up."""
        self.connection.settimeout(0.05)
        while not self.faulty.closing:
            try:
                if not self.connection.recv(1):
                    break
            except TimeoutError:
                continue
        self.close_connection = True

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: a failing test shows the requests it asks about."""
