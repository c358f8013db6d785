"""A kubelet for tests: pods run and get ready by themselves, and go when they are told to."""

from __future__ import annotations

import itertools
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from delivery.cluster.client import Cluster
from delivery.cluster.informer import Informer
from delivery.cluster.kinds import POD, Kind
from delivery.errors import AlreadyExists, Conflict, NotFound

NODE = Kind("", ("v1",), "Node", "nodes", namespaced=False)
NODE_NAME = "node-1"

READINESS = "kubelet.test/readiness"  # "never": its pods run but do not get ready
TERMINATION = "kubelet.test/termination"  # "lingers": its pods stay terminating until somebody deletes them


class Kubelet:
    """Runs every pod of the control plane."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._numbers = itertools.count(1)
        self._informer = Informer(cluster, POD, on_change=self._on_change)

    def start(self) -> None:
        if self._cluster.serves(NODE):  # the real endpoint controller looks a pod's node up
            with suppress(AlreadyExists):
                self._cluster.create(NODE, {"metadata": {"name": NODE_NAME}})
        self._informer.start()
        self._informer.wait_synced(30)

    def stop(self) -> None:
        self._informer.stop()

    def _on_change(self, key: tuple[str | None, str], pod: dict[str, Any] | None) -> None:
        if pod is None:
            return
        with suppress(NotFound, Conflict):  # it went meanwhile
            wishes = pod["metadata"].get("annotations") or {}
            if pod["metadata"].get("deletionTimestamp"):
                if wishes.get(TERMINATION) != "lingers":
                    self._cluster.delete(POD, key[1], key[0], uid=pod["metadata"]["uid"], grace_period_s=0)
            elif not (pod.get("status") or {}).get("podIP"):
                set_status(self._cluster, pod, ready=wishes.get(READINESS) != "never", ip=self._next_ip())

    def _next_ip(self) -> str:
        number = next(self._numbers)
        return f"10.{1 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"


def set_status(cluster: Cluster, pod: dict[str, Any], *, ready: bool, ip: str = "") -> None:
    """Reports a running pod as ready or not."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    word = "True" if ready else "False"
    conditions = [{"type": kind, "status": word, "lastTransitionTime": now} for kind in ("Ready", "ContainersReady")]
    status: dict[str, Any] = {"phase": "Running", "conditions": conditions}
    if ip:
        status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    meta = pod["metadata"]
    body = {"metadata": {"uid": meta["uid"]}, "status": status}
    cluster.patch(POD, meta["name"], meta["namespace"], body, subresource="status")
