"""What the watch-fault tests are run on: our informer, or the official client's, each as patient as a test can be."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import urllib3
from kubernetes.client import ApiClient, Configuration, CoreV1Api
from kubernetes.informer import SharedInformer

from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer, Name
from delivery.cluster.kinds import SERVICE
from tests.cluster.faulty_server import NAMESPACE

CHOSEN = os.environ.get("HEADGATE_WATCH_SUBJECT", "own")  # or "official"
SILENCE_S = 0.25  # so long a silent call is borne in these tests


class Told:
    """What was told last of each object, and whether it ever went backwards. Holds no objects."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[str, int] = {}
        self._last: dict[str, str | None] = {}
        self.calls = 0
        self.backwards: list[str] = []

    def __call__(self, name: str, uid: str | None, version: str | None) -> None:
        with self._lock:
            self.calls += 1
            self._last[name] = version
            if uid and version:
                if int(version) < self._newest.get(uid, 0):
                    self.backwards.append(f"{name}: {version} after {self._newest[uid]}")
                self._newest[uid] = max(int(version), self._newest.get(uid, 0))

    def left(self) -> dict[str, str]:
        """Each object's version by what was told last of it, without those that are gone."""
        with self._lock:
            return {name: version for name, version in self._last.items() if version}


class Subject(Protocol):
    """An informer under test."""

    told: Told

    @property
    def ended(self) -> bool:
        """Whether its thread is gone."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def versions(self) -> dict[str, str]:
        """The resourceVersion of each object it holds."""


class ImpatientCluster(Cluster):
    """Silence and back-off as in production, but sooner over."""

    def __init__(self, url: str, silence_s: float = SILENCE_S, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(ApiClient(Configuration(host=url)), sleep)
        self._silence_s = silence_s

    def _send(self, *args: Any, **kwargs: Any) -> urllib3.BaseHTTPResponse:
        return super()._send(*args, **{**kwargs, "read_timeout": self._silence_s})

    def hang_up(self) -> None:
        self._pool.clear()


class Own:
    """Our informer."""

    def __init__(self, url: str, *, silence_s: float = SILENCE_S, quick: bool = True) -> None:
        self.told = Told()
        self.cluster = ImpatientCluster(url, silence_s, (lambda _: time.sleep(0.002)) if quick else time.sleep)
        self.informer = Informer(self.cluster, SERVICE, NAMESPACE, on_change=self._on_change)

    @property
    def ended(self) -> bool:
        return not self.informer._thread.is_alive()

    def start(self) -> None:
        self.informer.start()

    def stop(self) -> None:
        self.informer.stop()
        self.cluster.hang_up()

    def versions(self) -> dict[str, str]:
        return {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in self.informer.list()}

    def _on_change(self, name: Name, obj: Object | None) -> None:
        meta = obj["metadata"] if obj else {}
        self.told(name[1], meta.get("uid"), meta.get("resourceVersion"))


class Official:
    """The official client's, given the read timeout that it does not have by itself."""

    def __init__(self, url: str, *, silence_s: float = SILENCE_S, quick: bool = True) -> None:
        self.told = Told()
        api = CoreV1Api(ApiClient(Configuration(host=url)))

        @functools.wraps(api.list_namespaced_service)
        def listed(**asked: Any) -> Any:
            return api.list_namespaced_service(_request_timeout=(5, silence_s), **asked)

        self._informer = SharedInformer(listed, namespace=NAMESPACE)
        for kind in ("ADDED", "MODIFIED"):
            self._informer.add_event_handler(kind, self._on_held)
        self._informer.add_event_handler("DELETED", lambda obj: self.told(obj.metadata.name, None, None))
        self._thread: threading.Thread | None = None

    @property
    def ended(self) -> bool:
        return self._thread is None or not self._thread.is_alive()

    def start(self) -> None:
        self._informer.start()
        self._thread = self._informer._thread

    def stop(self) -> None:
        self._informer.stop()

    def versions(self) -> dict[str, str]:
        return {obj.metadata.name: obj.metadata.resource_version for obj in self._informer.cache.list()}

    def _on_held(self, obj: Any) -> None:
        self.told(obj.metadata.name, obj.metadata.uid, obj.metadata.resource_version)


def subject(url: str, *, silence_s: float = SILENCE_S, quick: bool = True) -> Subject:
    """The informer that is to be tested, not yet started. `quick`: a client that waits less between its tries."""
    made: type[Own] | type[Official] = Official if CHOSEN == "official" else Own
    return made(url, silence_s=silence_s, quick=quick)
