"""Against a real Prometheus that scrapes two pods: one restarts under load, the canary is born with an error."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from delivery.errors import HeadgateError, InvalidSpec
from delivery.telemetry.collector import Collector
from delivery.telemetry.memory import Counter
from delivery.telemetry.prometheus import Prometheus
from delivery.telemetry.samples import Sample
from tests.telemetry.collected import collected
from tests.telemetry.istio_counters import bucket, need, requests

_UNPACKED = Path(__file__).parents[2] / ".tools" / "bin" / "prometheus"
_BINARY = shutil.which("prometheus") or (str(_UNPACKED) if _UNPACKED.exists() else None)
pytestmark = pytest.mark.skipif(_BINARY is None, reason="no prometheus on PATH or in .tools/bin: run `make tools`")

PATIENCE_S = 15.0
INTERVAL_S = 0.5


@dataclass(slots=True)
class _Pod:
    """A scrape target. While it has no counters it answers 503, so that Prometheus marks its series stale."""

    port: int = 0
    counters: dict[Counter, float] = field(default_factory=dict)

    def text(self) -> str:
        lines = []
        for counter, count in self.counters.items():
            labels = ",".join(f'{label}="{value}"' for label, value in counter.labels)
            lines.append(f"{counter.metric}{{{labels}}} {count}")
        return "\n".join(lines) + "\n"


def _serve(pod: _Pod) -> tuple[ThreadingHTTPServer, Thread]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pod.text().encode()
            self.send_response(200 if pod.counters else 503)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are not printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pod.port = server.server_port
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    return server, thread


@pytest.fixture
def pods() -> Iterator[tuple[_Pod, _Pod]]:
    stable, canary = _Pod(), _Pod()
    servers = [_serve(pod) for pod in (stable, canary)]
    yield stable, canary
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def prometheus(pods: tuple[_Pod, _Pod], tmp_path: Path) -> Iterator[Prometheus]:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as reserved:
        port = reserved.server_port
    targets = ", ".join(f'"127.0.0.1:{pod.port}"' for pod in pods)
    (tmp_path / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 250ms, scrape_timeout: 200ms}}\n"
        f"scrape_configs: [{{job_name: mesh, static_configs: [{{targets: [{targets}]}}]}}]\n"
    )
    command = [
        str(_BINARY),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with subprocess.Popen(command) as process:
        try:
            source = Prometheus(f"http://127.0.0.1:{port}")
            _until(lambda: _answers(source))
            yield source
        finally:
            process.terminate()


def _answers(source: Prometheus) -> bool:
    try:
        source.check()
    except HeadgateError:
        return False
    return True


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


def _scraped(source: Prometheus, pod: _Pod) -> None:
    """Waits until Prometheus shows what the pod shows."""
    promql = f'sum by (__name__) ({{instance="127.0.0.1:{pod.port}", reporter="destination"}})'
    wanted: dict[str, float] = {}
    for counter, count in pod.counters.items():
        wanted[counter.metric] = wanted.get(counter.metric, 0.0) + count
    _until(lambda: {p.labels["__name__"]: p.value for p in source.query(promql, time.time())} == wanted)


def _shows(source: Prometheus, pod: _Pod, workload: str, ok: int, failed: int) -> None:
    pod.counters = {
        requests(workload): ok,
        bucket(workload, "5"): ok,
        bucket(workload, "+Inf"): ok + failed,
    }
    if failed:
        pod.counters[requests(workload, "503")] = failed
    _scraped(source, pod)
    _instant_passes()


def _instant_passes() -> None:
    """What is to be counted must show at an instant: a restart between two takes what was not seen with it."""
    instant = (time.time() // INTERVAL_S + 1) * INTERVAL_S
    _until(lambda: time.time() > instant)


def test_totals_are_exact_over_a_birth_a_restart_a_gap_and_a_new_controller(
    pods: tuple[_Pod, _Pod], prometheus: Prometheus
) -> None:
    stable, canary = pods
    _shows(prometheus, stable, "web", 1000, 3)
    started = time.time()
    _shows(prometheus, stable, "web", 1010, 4)
    _shows(prometheus, canary, "web-canary", 2, 1)  # born with an error
    _shows(prometheus, stable, "web", 5, 0)  # restarted
    canary.counters = {}  # a gap
    _scraped(prometheus, canary)
    _instant_passes()
    middle = time.time()
    _shows(prometheus, canary, "web-canary", 7, 3)
    _shows(prometheus, stable, "web", 9, 2)
    ended = time.time()

    collectors = [Collector(prometheus, settle=0.0) for _ in range(2)]
    samples: list[Sample] = []
    through = started
    _until(lambda: time.time() > ended + INTERVAL_S)
    for collector, now in zip(collectors, (middle, ended + INTERVAL_S), strict=True):
        reading = collected(collector, [need(through, interval=INTERVAL_S, latency=True)], now)["shop/web"]
        assert reading.problem is None
        samples += reading.samples
        through = reading.data_through
    assert through >= ended
    assert sum(sample.stable.requests for sample in samples) == 11 + 5 + 6
    assert sum(sample.stable.errors for sample in samples) == 1 + 2
    assert sum(sample.canary.requests for sample in samples) == 10
    assert sum(sample.canary.errors for sample in samples) == 3
    assert sum(dict(sample.canary.buckets).get(5.0, 0.0) for sample in samples) == 7


def test_a_bad_query_is_refused_in_prometheus_own_words(prometheus: Prometheus) -> None:
    with pytest.raises(InvalidSpec, match="parse error"):
        prometheus.query("sum(", time.time())
