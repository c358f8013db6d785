"""Envoy's own counters come out of Prometheus under a mesh's names, and not one request is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from delivery.lab import pod
from delivery.lab.envoy import Envoy
from delivery.lab.mesh.control import Files
from delivery.lab.mesh.naming import Upstream
from delivery.lab.mesh.proxy import start_proxy
from delivery.lab.mesh.translate import assignment, cluster, routes
from delivery.lab.process import Process, free_port
from delivery.lab.prometheus import Dialect, Prometheus
from delivery.lab.readiness import answers
from tests.conditions import eventually

CANARY = Upstream("shop", "web-canary", 80, "web-canary", "http")
FAILING, SOUND = 7, 23


@dataclass(frozen=True, slots=True)
class Told:
    """What a mesh calls the canary's requests, by which label they are told apart, and its latency buckets."""

    dialect: Dialect
    requests: str
    code: str
    buckets: str
    labels: str


ISTIO = Told(
    "istio",
    "istio_requests_total",
    "response_code",
    "istio_request_duration_milliseconds_bucket",
    'destination_workload="web-canary", destination_workload_namespace="shop", reporter="destination"',
)
LINKERD = Told(
    "linkerd",
    "response_total",
    "status_code",
    "response_latency_ms_bucket",
    'deployment="web-canary", namespace="shop", direction="inbound"',
)


@pytest.fixture(params=[ISTIO, LINKERD], ids=["istio", "linkerd"])
def told(request: pytest.FixtureRequest) -> Told:
    found: Told = request.param
    return found


@pytest.fixture
def mesh(tmp_path: Path, told: Told, prometheus_here: None) -> Iterator[tuple[Envoy, Prometheus]]:
    """One pod that answers /ready with 200 and everything else with 500, behind Envoy, scraped by Prometheus."""
    with ExitStack() as stack:
        port = free_port("127.9.8.7")
        env = {"LAB_ADDRESS": "127.9.8.7", "LAB_PORT": str(port), "LAB_POD": "p", "LAB_VERSION": "1"}
        command = [sys.executable, "-I", "-S", str(Path(pod.__file__))]
        serving = Process("pod", command, tmp_path / "pod.log", env={**env, "LAB_ERROR_RATE": "1", "LAB_DRAIN_S": "0"})
        stack.callback(serving.stop)
        serving.wait_until(lambda: answers(f"http://127.9.8.7:{port}/ready"), 15)
        (tmp_path / "envoy").mkdir()
        envoy = start_proxy(stack, tmp_path / "envoy")
        _point(Files(tmp_path / "envoy"), port)
        prometheus = Prometheus.start_new(stack, tmp_path / "prometheus", envoy.admin_port, told.dialect)
        yield envoy, prometheus


def _point(files: Files, port: int) -> None:
    endpoint_slice = {
        "metadata": {"namespace": "shop", "labels": {"kubernetes.io/service-name": "web-canary"}},
        "ports": [{"name": "http", "port": port}],
        "endpoints": [{"addresses": ["10.9.8.7"]}],
    }
    files.put(files.endpoints(CANARY), [assignment(CANARY, [endpoint_slice])])
    files.put(files.clusters, [cluster(CANARY, str(files.endpoints(CANARY)))])
    files.put(files.routes, [routes({CANARY.cluster: CANARY}, [])])


def ask(envoy: Envoy, path: str) -> int:
    return requests.get(envoy.url + path, headers={"Host": CANARY.host}, timeout=10).status_code


def counted(prometheus: Prometheus, query: str, label: str = "") -> dict[str, float]:
    answer = requests.get(f"{prometheus.url}/api/v1/query", params={"query": query}, timeout=10).json()
    return {entry["metric"].get(label, ""): float(entry["value"][1]) for entry in answer["data"]["result"]}


def test_prometheus_counts_what_envoy_served_by_workload_and_code(mesh: tuple[Envoy, Prometheus], told: Told) -> None:
    envoy, prometheus = mesh
    eventually(lambda: ask(envoy, "/ready") == 200, 15)
    before = requests.get(f"{envoy.admin_url}/stats?filter=upstream_rq_200", timeout=5).text
    already = int(before.strip().rpartition(" ")[2])
    assert [ask(envoy, "/ready") for _ in range(SOUND)] == [200] * SOUND
    assert [ask(envoy, "/") for _ in range(FAILING)] == [500] * FAILING
    query = f"{told.requests}{{{told.labels}}}"
    wanted = {"200": float(already + SOUND), "500": float(FAILING)}
    eventually(lambda: counted(prometheus, query, told.code) == wanted, 15)
    whole = f'sum({told.buckets}{{{told.labels}, le="+Inf"}})'
    eventually(lambda: counted(prometheus, whole) == {"": already + SOUND + FAILING}, 15)
    bounds = counted(prometheus, f"count({told.buckets}{{{told.labels}}})")
    assert bounds[""] >= 15  # Envoy's default bounds in milliseconds, .5 to 3,600,000, and +Inf
    if told is LINKERD:
        classes = {"success": float(already + SOUND), "failure": float(FAILING)}
        assert counted(prometheus, query, "classification") == classes
