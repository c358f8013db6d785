"""The node agent on an API server: a Pod object gets a process, and the object says what the process does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import NAMESPACE, POD
from delivery.lab.addresses import AddressRange, listen_address
from delivery.lab.apiserver.server import EmbeddedApiServer
from delivery.lab.node_agent import NodeAgent, workload_of, write_control
from delivery.lab.process import Process
from tests.conditions import eventually


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with EmbeddedApiServer() as server:
        client = Cluster.connect(server.write_kubeconfig(tmp_path / "kubeconfig"))
        client.create(NAMESPACE, {"metadata": {"name": "shop"}})
        yield client


@pytest.fixture
def agent(cluster: Cluster, tmp_path: Path) -> Iterator[NodeAgent]:
    write_control(tmp_path / "control.json", {})
    running = NodeAgent(cluster, tmp_path, tmp_path / "control.json")
    thread = threading.Thread(target=running.run)
    thread.start()
    yield running
    running.stop()
    thread.join(20)
    assert not thread.is_alive()


def begin(cluster: Cluster, name: str, **env: str) -> None:
    container = {
        "name": "app",
        "image": "registry.example/shop/web:1.0.0",
        "ports": [{"containerPort": 8080}],
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1},
    }
    cluster.create(POD, {"metadata": {"name": name, "namespace": "shop"}, "spec": {"containers": [container]}})


def status(cluster: Cluster, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get(POD, name, "shop").get("status") or {}
    return found


def ready(cluster: Cluster, name: str) -> str | None:
    conditions: list[Object] = status(cluster, name).get("conditions") or []
    return next((entry["status"] for entry in conditions if entry["type"] == "Ready"), None)


def process_of(agent: NodeAgent, name: str) -> Process:
    process = next(pod.process for pod in agent._pods.values() if pod.name == name)
    assert process is not None
    return process


def test_a_pod_runs_is_ready_and_ends_gracefully(cluster: Cluster, agent: NodeAgent) -> None:
    begin(cluster, "web-1")
    eventually(lambda: ready(cluster, "web-1") == "True")
    assert cluster.get(POD, "web-1", "shop")["spec"]["nodeName"] == "lab"
    assert status(cluster, "web-1")["podIP"].startswith("10.")
    process = process_of(agent, "web-1")
    cluster.delete(POD, "web-1", "shop")
    eventually(lambda: cluster.find(POD, "web-1", "shop") is None)
    assert process.exit_code == 0


def test_a_pod_that_is_never_ready_says_so(cluster: Cluster, agent: NodeAgent) -> None:
    begin(cluster, "web-1", LAB_NEVER_READY="true")
    eventually(lambda: ready(cluster, "web-1") == "False")
    assert status(cluster, "web-1")["containerStatuses"][0]["state"] == {"running": {}}


def test_a_lost_process_is_seen_and_started_again(cluster: Cluster, agent: NodeAgent) -> None:
    begin(cluster, "web-1")
    eventually(lambda: ready(cluster, "web-1") == "True")
    process_of(agent, "web-1").stop()
    eventually(lambda: ready(cluster, "web-1") == "False")
    eventually(lambda: ready(cluster, "web-1") == "True")
    assert status(cluster, "web-1")["containerStatuses"][0]["restartCount"] == 1


def test_a_crashing_version_is_in_crash_loop_back_off(cluster: Cluster, agent: NodeAgent) -> None:
    begin(cluster, "web-1", LAB_CRASH="true")
    eventually(lambda: "waiting" in status(cluster, "web-1").get("containerStatuses", [{}])[0].get("state", {}))
    waiting = status(cluster, "web-1")["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "CrashLoopBackOff"
    assert ready(cluster, "web-1") == "False"


def test_an_agent_that_stops_leaves_no_process(cluster: Cluster, tmp_path: Path) -> None:
    write_control(tmp_path / "control.json", {})
    agent = NodeAgent(cluster, tmp_path, tmp_path / "control.json")
    thread = threading.Thread(target=agent.run)
    thread.start()
    begin(cluster, "web-1")
    eventually(lambda: ready(cluster, "web-1") == "True")
    process = process_of(agent, "web-1")
    agent.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert not process.running


def test_the_workload_is_the_replica_sets_name_without_the_hash() -> None:
    owner = [{"kind": "ReplicaSet", "name": "web-canary-5d4f", "controller": True}]
    meta = {"name": "x", "labels": {"pod-template-hash": "5d4f"}, "ownerReferences": owner}
    assert workload_of(meta) == "web-canary"
    assert workload_of({"name": "x"}) == ""


def test_two_labs_never_share_addresses_and_no_address_is_given_twice() -> None:
    one, two = AddressRange.take(), AddressRange.take()
    try:
        assert one.number != two.number
        given = [one.pod_ip() for _ in range(600)]
        assert len(set(given)) == 600
        assert all(listen_address(ip) == "127." + ip.removeprefix("10.") for ip in given)
    finally:
        one.release()
        two.release()


def test_an_address_that_is_no_pods_is_refused() -> None:
    with pytest.raises(ValueError, match=r"192.168.0.1"):
        listen_address("192.168.0.1")
