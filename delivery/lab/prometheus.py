"""A real Prometheus that scrapes the lab's Envoy and gives its statistics the names a mesh's metrics have."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from delivery.errors import InvalidSpec
from delivery.lab.mesh.naming import STAT_PATTERN
from delivery.lab.process import Process, free_port
from delivery.lab.readiness import answers, retrying_ports

READY_WITHIN_S = 30.0
SCRAPE_EVERY = "500ms"
Dialect = Literal["istio", "linkerd"]


@dataclass(frozen=True, slots=True)
class Naming:
    """What a mesh calls Envoy's statistics. `labels`: what of NAMESPACE~SERVICE~WORKLOAD~PORT goes into which label;
    `by_code`: a label's value for the response codes that match."""

    requests: str
    durations: str
    labels: Mapping[str, str]
    constant: Mapping[str, str]
    code: str
    by_code: tuple[tuple[str, str, str], ...] = ()

    @property
    def renamed(self) -> dict[str, str]:
        parts = {f"envoy_cluster_upstream_rq_time_{part}": f"{self.durations}_{part}" for part in _HISTOGRAM}
        return {"envoy_cluster_upstream_rq": self.requests, **parts}


_HISTOGRAM = ("bucket", "sum", "count")
_NAMINGS: Mapping[Dialect, Naming] = {
    "istio": Naming(
        "istio_requests_total",
        "istio_request_duration_milliseconds",
        {
            "destination_workload": "$3",
            "destination_workload_namespace": "$1",
            "destination_service": "$2.$1.svc.cluster.local",
            "destination_service_name": "$2",
            "destination_service_namespace": "$1",
        },
        {"reporter": "destination", "request_protocol": "http", "source_workload": "load"},
        "response_code",
    ),
    "linkerd": Naming(
        "response_total",
        "response_latency_ms",
        {"deployment": "$3", "namespace": "$1"},
        {"direction": "inbound", "tls": "true"},
        "status_code",
        (("classification", "[1-4]..", "success"), ("classification", "5..", "failure")),
    ),
}


def find_prometheus() -> str:
    """The one on PATH, else the one `make setup` unpacked. Raises InvalidSpec."""
    unpacked = Path(__file__).parents[2] / ".tools" / "bin" / "prometheus"
    found = shutil.which("prometheus") or (str(unpacked) if unpacked.exists() else None)
    if found is None:
        raise InvalidSpec("prometheus is not here: `make tools` fetches the distribution's, or put one on PATH")
    return found


@dataclass(slots=True)
class Prometheus:
    """One Prometheus on one port and one data folder; it may be stopped and started again."""

    folder: Path
    target_port: int
    port: int
    dialect: Dialect = "istio"
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    def start_new(cls, stack: ExitStack, folder: Path, target_port: int, dialect: Dialect = "istio") -> Prometheus:
        """Starts one that scrapes the Envoy whose admin port is `target_port`; it stops with `stack`.

        Raises ProcessFailed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration(target_port, dialect)))

        def start(own: ExitStack) -> Prometheus:
            prometheus = cls(folder, target_port, free_port(), dialect)
            prometheus.start()
            own.callback(prometheus.stop)
            return prometheus

        return retrying_ports(stack, start)

    def start(self) -> None:
        """Starts it (again) and waits until it answers; one that runs is left alone."""
        if self.process is not None and self.process.running:
            return
        command = [
            find_prometheus(),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            "--storage.tsdb.retention.time=6h",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        self.process = Process("prometheus", command, self.folder / "prometheus.log")
        try:
            self.process.wait_until(self._ready, READY_WITHIN_S)
        except Exception:
            self.process.stop()
            raise

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def _ready(self) -> bool:
        return answers(f"{self.url}/-/ready")


def configuration(target_port: int, dialect: Dialect = "istio") -> dict[str, Any]:
    """Prometheus' configuration: scrape, keep what a mesh reports, rename it."""
    return {
        "global": {"scrape_interval": SCRAPE_EVERY, "scrape_timeout": SCRAPE_EVERY},
        "scrape_configs": [
            {
                "job_name": "mesh",
                "metrics_path": "/stats/prometheus",
                "params": {"filter": ["^cluster\\..*upstream_rq_"]},
                "static_configs": [{"targets": [f"127.0.0.1:{target_port}"]}],
                "metric_relabel_configs": relabelling(dialect),
            }
        ],
    }


def relabelling(dialect: Dialect = "istio") -> list[dict[str, Any]]:
    """From Envoy's cluster statistics to a mesh's standard metrics."""
    naming = _NAMINGS[dialect]
    rules: list[dict[str, Any]] = [
        {"source_labels": ["__name__"], "regex": "|".join(naming.renamed), "action": "keep"},
        {"source_labels": ["envoy_cluster_name"], "regex": STAT_PATTERN, "action": "keep"},
    ]
    for label, value in naming.labels.items():
        rules.append(
            {
                "source_labels": ["envoy_cluster_name"],
                "regex": STAT_PATTERN,
                "target_label": label,
                "replacement": value,
            }
        )
    rules += [{"target_label": label, "replacement": value} for label, value in naming.constant.items()]
    rules.append({"source_labels": ["envoy_response_code"], "regex": "(.+)", "target_label": naming.code})
    rules += [
        {"source_labels": ["envoy_response_code"], "regex": code, "target_label": label, "replacement": value}
        for label, code, value in naming.by_code
    ]
    rules += [
        {"source_labels": ["__name__"], "regex": old, "target_label": "__name__", "replacement": new}
        for old, new in naming.renamed.items()
    ]
    rules.append({"regex": "envoy_.*", "action": "labeldrop"})
    return rules
