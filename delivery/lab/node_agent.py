"""The lab's kubelet: a process for every Pod, its readiness reported, restarted when it crashes, ended gracefully."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from delivery.clock import to_rfc3339
from delivery.cluster.client import STRATEGIC, Cluster, Object
from delivery.cluster.informer import Informer, Name
from delivery.cluster.kinds import NODE, POD
from delivery.errors import AlreadyExists, Conflict, HeadgateError, NotFound
from delivery.lab.addresses import AddressRange, listen_address
from delivery.lab.process import Process

log = structlog.get_logger()

NODE_NAME, HOST_IP = "lab", "10.0.0.1"
LOOK_EVERY_S = 0.1
DRAIN_S = 2.0
FIRST_RESTART_S, LAST_RESTART_S = 1.0, 30.0
PROBE_TIMEOUT_S = 1.0


@dataclass(slots=True)
class Running:
    """One Pod of ours: its process, and what was last reported of it."""

    name: str
    namespace: str
    uid: str
    container: Object
    env: dict[str, str]
    pod_ip: str
    log: Path
    process: Process | None = None
    restarts: int = 0
    restart_at: float = 0.0
    probe_at: float = 0.0
    failed_probes: int = 0
    ready: bool = False
    ending: bool = False
    reported: dict[str, Any] = field(default_factory=dict)


class NodeAgent:
    """Everything happens in the caller's thread (children die with the thread that started them)."""

    def __init__(self, cluster: Cluster, folder: Path, control: Path) -> None:
        self._cluster = cluster
        self._folder = folder
        self._control = control
        self._addresses = AddressRange.take()
        self._changes: queue.SimpleQueue[tuple[Name, Object | None]] = queue.SimpleQueue()
        self._informer = Informer(cluster, POD, on_change=lambda name, pod: self._changes.put((name, pod)))
        self._pods: dict[str, Running] = {}
        self._stopped = False

    def run(self) -> None:
        """Works until `stop`; then ends every pod's process."""
        with suppress(AlreadyExists):
            self._cluster.create(NODE, {"metadata": {"name": NODE_NAME}})
        self._informer.start()
        try:
            while not self._stopped:
                self._take_changes()
                for pod in list(self._pods.values()):
                    self._tend_or_later(pod)
        finally:
            self._informer.stop()
            for pod in self._pods.values():
                if pod.process:
                    pod.process.signal(signal.SIGKILL)
                    pod.process.stop()
            self._addresses.release()

    def stop(self) -> None:
        """Asks `run` to return; may be called from a signal handler."""
        self._stopped = True

    def _take_changes(self) -> None:
        with suppress(queue.Empty):
            wait = LOOK_EVERY_S
            while True:
                name, pod = self._changes.get(timeout=wait)
                wait = 0.001
                try:
                    self._changed(name, pod)
                except (Conflict, NotFound):
                    continue  # a newer change of this pod is on its way
                except HeadgateError as problem:
                    log.warning("pod", pod=name[1], problem=str(problem))
                    self._changes.put((name, pod))
                    return

    def _changed(self, name: Name, pod: Object | None) -> None:
        if pod is None:
            for running in [r for r in self._pods.values() if (r.namespace, r.name) == name]:
                self._end(running)
            return
        meta = pod["metadata"]
        if meta.get("deletionTimestamp"):
            running_or_none = self._pods.get(meta["uid"])
            if running_or_none:
                self._end(running_or_none)
            else:
                self._delete(name, meta["uid"])
        elif meta["uid"] not in self._pods:
            self._start(pod)

    def _start(self, pod: Object) -> None:
        meta, spec = pod["metadata"], pod["spec"]
        if not spec.get("nodeName"):
            self._cluster.create(POD, _binding(meta), subresource="binding")
        container = spec["containers"][0]
        pod_ip = self._addresses.pod_ip()
        running = Running(
            name=meta["name"],
            namespace=meta["namespace"],
            uid=meta["uid"],
            container=container,
            env=self._environment(meta, container, pod_ip),
            pod_ip=pod_ip,
            log=self._folder / f"pod-{meta['name']}.log",
        )
        self._pods[meta["uid"]] = running
        self._launch(running)
        self._report(running)

    def _environment(self, meta: dict[str, Any], container: Object, pod_ip: str) -> dict[str, str]:
        declared = {entry["name"]: entry.get("value", "") for entry in container.get("env") or ()}
        ports = container.get("ports") or [{"containerPort": 8080}]
        return {
            "LAB_VERSION": container.get("image", "").rpartition(":")[2],
            **declared,
            "LAB_POD": meta["name"],
            "LAB_WORKLOAD": workload_of(meta),
            "LAB_SERVED": str(self._folder / f"served-{workload_of(meta)}~{meta['name']}"),
            "LAB_ADDRESS": listen_address(pod_ip),
            "LAB_PORT": str(ports[0]["containerPort"]),
            "LAB_CONTROL": str(self._control),
            "LAB_DRAIN_S": f"{DRAIN_S:g}",
        }

    def _launch(self, pod: Running) -> None:
        program = str(Path(__file__).with_name("pod.py"))
        pod.process = Process(f"pod {pod.name}", [sys.executable, "-I", "-S", program], pod.log, env=pod.env)

    def _tend_or_later(self, pod: Running) -> None:
        """An API server that does not answer must not end anybody's pods: what could not be said is said later."""
        try:
            self._tend(pod)
        except HeadgateError as problem:
            log.warning("pod", pod=pod.name, problem=str(problem))

    def _tend(self, pod: Running) -> None:
        now = time.monotonic()
        if pod.process is not None and not pod.process.running:
            pod.process.stop()
            pod.process = None
            if not pod.ending:
                self._crashed(pod, now)
        if pod.process is None and pod.ending:
            self._gone(pod)
            return
        if pod.process is None and now >= pod.restart_at:
            self._launch(pod)
        if pod.process is not None and not pod.ending and now >= pod.probe_at:
            self._probe(pod, now)
        self._report(pod)

    def _crashed(self, pod: Running, now: float) -> None:
        pod.ready = False
        pod.restart_at = now + min(LAST_RESTART_S, FIRST_RESTART_S * 2.0**pod.restarts)
        pod.restarts += 1
        log.info("container ended", pod=pod.name, restarts=pod.restarts)

    def _probe(self, pod: Running, now: float) -> None:
        settings = pod.container.get("readinessProbe") or {}
        probe = settings.get("httpGet") or {}
        pod.probe_at = now + (float(settings.get("periodSeconds", 1)) if pod.ready else LOOK_EVERY_S)
        connection = http.client.HTTPConnection(
            listen_address(pod.pod_ip), int(pod.env["LAB_PORT"]), timeout=PROBE_TIMEOUT_S
        )
        try:
            connection.request("GET", probe.get("path", "/ready"))
            passed = connection.getresponse().status < 400
        except OSError:
            passed = False
        finally:
            connection.close()
        pod.failed_probes = 0 if passed else pod.failed_probes + 1
        # One slow answer of a ready pod is no reason to take its traffic.
        pod.ready = passed or (pod.ready and pod.failed_probes < int(settings.get("failureThreshold", 3)))

    def _end(self, pod: Running) -> None:
        if pod.ending:
            return
        pod.ending = True
        if pod.process is not None:
            pod.process.signal(signal.SIGTERM)

    def _gone(self, pod: Running) -> None:
        self._delete((pod.namespace, pod.name), pod.uid)
        del self._pods[pod.uid]

    def _delete(self, name: Name, uid: str) -> None:
        with suppress(NotFound, Conflict):
            self._cluster.delete(POD, name[1], name[0], uid=uid, grace_period_s=0)

    def _report(self, pod: Running) -> None:
        status = status_of(pod)
        if pod.ending or status == pod.reported:
            return
        moment = to_rfc3339(time.time())[:19] + "Z"
        conditions = [{**condition, "lastTransitionTime": moment} for condition in status["conditions"]]
        try:
            self._cluster.patch(
                POD,
                pod.name,
                pod.namespace,
                {"status": {**status, "conditions": conditions}},
                patch_type=STRATEGIC,
                subresource="status",
            )
        except NotFound:
            return  # deleted meanwhile; the informer will say so
        pod.reported = status


def status_of(pod: Running) -> dict[str, Any]:
    """The Pod's status as this node sees it, without times."""
    running = pod.process is not None
    ready = "True" if pod.ready and running else "False"
    state: dict[str, Any] = {"running": {}}
    if not running:
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": "the process ended; it is started again"}}
    return {
        "phase": "Running",
        "podIP": pod.pod_ip,
        "podIPs": [{"ip": pod.pod_ip}],
        "hostIP": HOST_IP,
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Initialized", "status": "True"},
            {"type": "ContainersReady", "status": ready},
            {"type": "Ready", "status": ready},
        ],
        "containerStatuses": [
            {
                "name": pod.container["name"],
                "image": pod.container.get("image", ""),
                "imageID": pod.container.get("image", ""),
                "containerID": f"lab://{pod.uid}",
                "ready": ready == "True",
                "started": running,
                "restartCount": pod.restarts,
                "state": state,
            }
        ],
    }


def _binding(meta: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME},
    }


def workload_of(meta: dict[str, Any]) -> str:
    """The Deployment a pod belongs to: its ReplicaSet's name without the template's hash."""
    owner = next((ref["name"] for ref in meta.get("ownerReferences") or () if ref.get("controller")), "")
    pod_hash = (meta.get("labels") or {}).get("pod-template-hash", "")
    return str(owner).removesuffix(f"-{pod_hash}") if pod_hash else str(owner)


def write_control(path: Path, control: dict[str, Any]) -> None:
    """Puts a new control file in place of the old one, whole."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(control))
    fresh.replace(path)


def main(
    kubeconfig: Annotated[Path, typer.Option()],
    folder: Annotated[Path, typer.Option(help="where the pods' logs go")],
    control: Annotated[Path, typer.Option(help="control file that the pods read")],
) -> None:
    """Run the node agent until SIGTERM."""
    agent = NodeAgent(Cluster.connect(kubeconfig), folder, control)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    os.environ.pop("PYTHONPATH", None)
    agent.run()


if __name__ == "__main__":
    typer.run(main)
