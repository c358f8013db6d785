"""The metrics of a fleet: one exporter shows what the proxies of many pods would, and a real Prometheus scrapes it.

Run as a program it is the exporter: python -m benchmarks.fleet_metrics PORT RELEASES NAMESPACES
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import urllib3
import yaml
from prometheus_client.parser import text_string_to_metric_families
from scipy.stats import lognorm

from benchmarks.idle_cluster import names
from delivery.lab.process import Process, free_port
from delivery.lab.prometheus import find_prometheus
from delivery.lab.readiness import answers

STABLE_PODS, CANARY_PODS = 2, 1
REQUESTS_S = {"stable": 40.0, "canary": 2.0}  # of one pod
CODES = (("200", 0.995), ("404", 0.004), ("503", 0.001))
BOUNDS_MS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000)
MEDIAN_MS, SPREAD = 40.0, 0.7
CACHE_METRICS = (("cache_lookups_total", 1.0), ("cache_misses_total", 0.1))
RELEASES_A_TARGET = 100
SEED = 1


@dataclass(frozen=True, slots=True)
class Pod:
    """Whose proxy shows what."""

    namespace: str
    workload: str
    instance: str
    rate: float


def pods(found: list[tuple[str, str]], first: int = 0) -> list[Pod]:
    """Every pod of every release, stable's and the canary's; `first` is the number of the first release."""
    every = []
    for number, (namespace, name) in enumerate(found, first):
        for arm, workload, count in (("stable", name, STABLE_PODS), ("canary", f"{name}-canary", CANARY_PODS)):
            for pod in range(count):
                instance = f"10.{number // 250}.{number % 250}.{pod + (100 if arm == 'canary' else 1)}:15020"
                every.append(Pod(namespace, workload, instance, REQUESTS_S[arm]))
    return every


class Fleet:
    """Counters of some pods, as text; each look at them adds what the time since the last one brought."""

    def __init__(self, members: list[Pod], seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._lock = threading.Lock()
        self._since = time.monotonic()
        shares = np.array([*(share for _, share in CODES), *_cells(), *(share for _, share in CACHE_METRICS)])
        self._rates = np.array([pod.rate for pod in members])[:, None] * shares
        self._counts = np.zeros(self._rates.shape)
        self._lines = [line for pod in members for line in _lines(pod)]

    def text(self) -> str:
        with self._lock:
            now = time.monotonic()
            self._counts += self._random.poisson(self._rates * (now - self._since))
            self._since = now
            shown = self._counts.copy()
        first, last = len(CODES), len(CODES) + len(BOUNDS_MS) + 1
        shown[:, first:last] = shown[:, first:last].cumsum(axis=1)
        return "".join(map("%s %d\n".__mod__, zip(self._lines, shown.ravel().tolist(), strict=True)))


def _cells() -> list[float]:
    """What part of the requests each bucket holds, by a log-normal law."""
    within = lognorm(SPREAD, scale=MEDIAN_MS).cdf(np.array([*BOUNDS_MS, np.inf]))
    return list(np.diff(within, prepend=0.0))


def _lines(pod: Pod) -> Iterator[str]:
    whose = (
        f'reporter="destination",destination_workload="{pod.workload}",destination_workload_namespace="{pod.namespace}",'
        f'destination_service="{pod.workload}.{pod.namespace}.svc.cluster.local",source_workload="gateway",'
        f'request_protocol="http",response_flags="-",connection_security_policy="mutual_tls",instance="{pod.instance}"'
    )
    for code, _ in CODES:
        yield f'istio_requests_total{{{whose},response_code="{code}"}}'
    for bound in (*(f"{bound:g}" for bound in BOUNDS_MS), "+Inf"):
        yield f'istio_request_duration_milliseconds_bucket{{{whose},response_code="200",le="{bound}"}}'
    for metric, _ in CACHE_METRICS:
        yield f'{metric}{{namespace="{pod.namespace}",deployment="{pod.workload}",instance="{pod.instance}"}}'


def serve(port: int, releases: int, namespaces: int) -> None:
    """Shows every hundred releases under a path of their own: /metrics/0, /metrics/1, ..."""
    found = names(releases, namespaces)
    firsts = range(0, releases, RELEASES_A_TARGET)
    fleets = [Fleet(pods(found[first : first + RELEASES_A_TARGET], first), SEED + first) for first in firsts]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = fleets[int(urlsplit(self.path).path.rpartition("/")[2])].text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are not told."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


@contextmanager
def scraped(folder: Path, releases: int, namespaces: int, every_s: float) -> Iterator[tuple[str, Process]]:
    """A real Prometheus that scrapes the fleet's exporter: its address, and its process."""
    port, own_port = free_port(), free_port()
    targets = range((releases + RELEASES_A_TARGET - 1) // RELEASES_A_TARGET)
    jobs = [
        {
            "job_name": f"mesh-{number}",
            "metrics_path": f"/metrics/{number}",
            "honor_labels": True,
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }
        for number in targets
    ]
    timing = {"scrape_interval": f"{every_s:g}s", "scrape_timeout": f"{every_s:g}s"}
    (folder / "fleet.yml").write_text(yaml.safe_dump({"global": timing, "scrape_configs": jobs}))
    module = [sys.executable, "-m", "benchmarks.fleet_metrics", str(port), str(releases), str(namespaces)]
    command = [
        find_prometheus(),
        f"--config.file={folder / 'fleet.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{own_port}",
        "--log.level=warn",
    ]
    with ExitStack() as stack:
        exporter = Process("exporter", module, folder / "exporter.log", cwd=Path(__file__).parents[1])
        stack.callback(exporter.stop)
        exporter.wait_until(lambda: answers(f"http://127.0.0.1:{port}/metrics/0"), 120)
        prometheus = Process("prometheus", command, folder / "prometheus.log")
        stack.callback(prometheus.stop)
        url = f"http://127.0.0.1:{own_port}"
        prometheus.wait_until(lambda: answers(f"{url}/-/ready"), 60)
        yield url, prometheus


def ranges_asked(url: str) -> float:
    """How many questions about many instants the Prometheus there has answered, or tried to."""
    text = urllib3.PoolManager().request("GET", f"{url}/metrics").data.decode()
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return sum(
        sample.value
        for sample in samples
        if sample.name == "prometheus_http_requests_total" and sample.labels["handler"] == "/api/v1/query_range"
    )


if __name__ == "__main__":
    serve(*(int(word) for word in sys.argv[1:4]))
