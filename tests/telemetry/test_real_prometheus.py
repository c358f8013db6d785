"""Against a real Prometheus that scrapes two pods: one restarts under load, the canary is born with an error."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from delivery.errors import HeadgateError, InvalidSpec
from delivery.resources.policy import parse_policy
from delivery.telemetry.collector import Collector
from delivery.telemetry.dry_run import mistakes
from delivery.telemetry.expressions import Expression
from delivery.telemetry.memory import Counter
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import Prometheus
from delivery.telemetry.promql import PAST, Asking
from delivery.telemetry.samples import Reading, Sample
from mesh_adapters.istio.series import ISTIO
from tests.telemetry.collected import collected
from tests.telemetry.istio_counters import bucket, need, requests
from tests.telemetry.native_exposition import CONTENT_TYPE, exposition, native_histogram
from tests.telemetry.native_exposition import counter as counter_family

_UNPACKED = Path(__file__).parents[2] / ".tools" / "bin" / "prometheus"
_BINARY = shutil.which("prometheus") or (str(_UNPACKED) if _UNPACKED.exists() else None)
pytestmark = pytest.mark.skipif(_BINARY is None, reason="no prometheus on PATH or in .tools/bin: run `make tools`")

PATIENCE_S = 15.0
INTERVAL_S = 0.5


@dataclass(slots=True)
class _Pod:
    """A scrape target. While it has no counters it answers 503, so that Prometheus marks its series stale. `searches`:
    a native histogram of its own, for which it speaks protobuf."""

    port: int = 0
    counters: dict[Counter, float] = field(default_factory=dict)
    searches: dict[int, int] = field(default_factory=dict)

    def body(self) -> tuple[str, bytes]:
        """The type and the content of what it shows."""
        if not self.searches:
            return "text/plain; version=0.0.4", self.text().encode()
        families: dict[str, list[tuple[dict[str, str], float]]] = {}
        for counter, count in self.counters.items():
            families.setdefault(counter.metric, []).append((dict(counter.labels), count))
        shown = [counter_family(name, series) for name, series in families.items()]
        return CONTENT_TYPE, exposition(*shown, native_histogram("search_seconds", {}, self.searches))

    def text(self) -> str:
        lines = []
        for counter, count in self.counters.items():
            labels = ",".join(f'{label}="{value}"' for label, value in counter.labels)
            lines.append(f"{counter.metric}{{{labels}}} {count}")
        return "\n".join(lines) + "\n"


def _serve(pod: _Pod) -> tuple[ThreadingHTTPServer, Thread]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = pod.body()
            self.send_response(200 if pod.counters else 503)
            self.send_header("Content-Type", kind)
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
        f"global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}\n"
        f"scrape_configs: [{{job_name: mesh, static_configs: [{{targets: [{targets}]}}]}}]\n"
    )
    command = [
        str(_BINARY),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
        "--enable-feature=native-histograms",
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


def _scraped(source: Prometheus, pods: Sequence[_Pod]) -> float:
    """An instant at which Prometheus shows what all pods show: a restart between two takes what was not seen with it,
    and where stable's scrape failed nothing is counted."""
    instances = "|".join(f"127.0.0.1:{pod.port}" for pod in pods)
    promql = f'sum by (__name__) ({{instance=~"{instances}", reporter="destination"}})'
    wanted: dict[str, float] = {}
    for counter, count in (each for pod in pods for each in pod.counters.items()):
        wanted[counter.metric] = wanted.get(counter.metric, 0.0) + count
    return _instant(lambda at: {p.labels["__name__"]: p.value for p in source.query(promql, at)} == wanted)


def _instants_with(source: Prometheus, pod: _Pod, start: float, end: float) -> list[float]:
    """The instants after `start` up to `end` at which Prometheus shows it: of what is judged, those that count."""
    shown = f'istio_requests_total{{instance="127.0.0.1:{pod.port}"}}'
    count = round((end - start) / INTERVAL_S)
    later = [start + number * INTERVAL_S for number in range(1, count + 1)]
    return [at for at in later if source.query(shown, at)]


def _instant(condition: Callable[[float], bool]) -> float:
    """The first at which the condition is true."""
    at = 0.0

    def is_now() -> bool:
        nonlocal at
        at = time.time() // INTERVAL_S * INTERVAL_S
        return condition(at)

    _until(is_now)
    return at


def _shows(source: Prometheus, pods: Sequence[_Pod], pod: _Pod, workload: str, ok: int, failed: int) -> float:
    """An instant at which it is shown, and what the other pods show."""
    counters: dict[Counter, float] = {
        requests(workload): ok,
        bucket(workload, "5"): ok,
        bucket(workload, "+Inf"): ok + failed,
    }
    pod.counters = counters | ({requests(workload, "503"): failed} if failed else {})
    return _scraped(source, pods)


def test_totals_are_exact_over_a_birth_a_restart_a_gap_and_a_new_controller(
    pods: tuple[_Pod, _Pod], prometheus: Prometheus
) -> None:
    stable, canary = pods
    started = _shows(prometheus, pods, stable, "web", 1000, 3)
    _shows(prometheus, pods, stable, "web", 1010, 4)
    _shows(prometheus, pods, canary, "web-canary", 2, 1)  # born with an error
    _shows(prometheus, pods, stable, "web", 5, 0)  # restarted
    canary.counters = {}  # a gap
    middle = _scraped(prometheus, pods)
    _shows(prometheus, pods, canary, "web-canary", 7, 3)
    ended = _shows(prometheus, pods, stable, "web", 9, 2)

    collectors = [Collector(prometheus, settle=0.0) for _ in range(2)]
    samples: list[Sample] = []
    through = started
    for collector, now in zip(collectors, (middle, ended), strict=True):
        reading = collected(collector, [need(through, interval=INTERVAL_S, latency=True)], now)["shop/web"]
        assert reading.problem is None
        samples += reading.samples
        through = reading.data_through
    assert through == ended
    assert sum(sample.stable.requests for sample in samples) == 11 + 5 + 6
    assert sum(sample.stable.errors for sample in samples) == 1 + 2
    assert sum(sample.canary.requests for sample in samples) == 10
    assert sum(sample.canary.errors for sample in samples) == 3
    assert sum(dict(sample.canary.buckets).get(5.0, 0.0) for sample in samples) == 7


SEARCHES = 'sum by (instance) (search_seconds{instance="127.0.0.1:%s"})'


def _searched(source: Prometheus, pod: _Pod) -> float:
    """An instant at which Prometheus shows the pod's native histogram as it is."""
    wanted = sum(pod.searches.values())
    return _instant(lambda at: [p.value for p in source.query(SEARCHES % pod.port, at)] == [wanted])


def test_native_histograms_are_read_as_they_are_and_counted_where_prometheus_lets_them_through(
    pods: tuple[_Pod, _Pod], prometheus: Prometheus
) -> None:
    stable, canary = pods
    stable.searches = {-5: 90, -4: 9, -3: 1}
    _shows(prometheus, pods, stable, "web", 1000, 0)
    started = _searched(prometheus, stable)
    [point] = prometheus.query(SEARCHES % stable.port, started)
    assert [dict(point.buckets)[2.0**power] for power in (-6, -5, -4, -3, 0)] == [0, 90, 99, 100, 100]
    canary.searches = {-5: 1, -4: 2}
    _shows(prometheus, pods, canary, "web-canary", 5, 0)
    _searched(prometheus, canary)
    stable.searches = {-5: 3, -4: 4, -3: 0}  # restarted
    _shows(prometheus, pods, stable, "web", 4, 0)
    ended = _searched(prometheus, stable)
    own = tuple(
        Expression("search", "buckets", arm, SEARCHES % pod.port, 1000.0)
        for arm, pod in (("stable", stable), ("canary", canary))
    )
    reading = _tick_by_tick(prometheus, replace(need(started, interval=INTERVAL_S), expressions=own), ended)
    lets_through = prometheus.query(f'label_replace({SEARCHES % stable.port}, "x", "1", "", "")', ended)[0].buckets
    problems = {each.custom["search"].problem for each in reading}
    if not lets_through:
        assert any("a newer Prometheus" in (problem or "") for problem in problems)
        assert not any(sample.counts for each in reading for sample in each.samples)
        return
    counts = [sample.counts["search"] for each in reading for sample in each.samples if sample.counts]
    assert sum(arms[0].requests for arms in counts) == 7
    assert sum(arms[1].requests for arms in counts) == 3


def _tick_by_tick(source: Prometheus, asked: Need, end: float) -> list[Reading]:
    """One instant after another, as a controller looks."""
    collector, found, now = Collector(source, settle=0.0), [], asked.data_through
    while now < end:
        now += INTERVAL_S
        found.append(collected(collector, [asked], now)["shop/web"])
        asked = replace(asked, data_through=found[-1].data_through)
    assert asked.data_through == end
    return found


def test_every_form_of_question_is_understood(pods: tuple[_Pod, _Pod], prometheus: Prometheus) -> None:
    stable, canary = pods
    _shows(prometheus, pods, stable, "web", 1000, 3)
    shown = _shows(prometheus, pods, canary, "web-canary", 2, 1)
    _until(lambda: time.time() > shown + 1.0)  # there is a past of a second
    names = [need(0, latency=True), replace(need(0, "other"), namespace="elsewhere"), replace(need(0), namespace="x")]
    now, instances = _scraped(prometheus, pods), [f"127.0.0.1:{pod.port}" for pod in pods]
    for exact in (False, True):
        asking = Asking(ISTIO, exact)
        for last_known in (False, True):
            counts = [point.value for point in prometheus.query(asking.requests(names, last_known=last_known), now)]
            assert sorted(counts) == [1, 2, 3, 1000]
            assert len(prometheus.query(asking.latency(names, last_known=last_known), now)) == 4
        assert len(prometheus.query(asking.seen(names, instances, "1d"), now)) == 4
        assert len(prometheus.query(asking.members(ISTIO.latency_bucket, names, instances, "10m"), now)) == 4
        assert len(prometheus.query(asking.members(ISTIO.requests, names, instances[:1], None), now)) == 2
        assert len(prometheus.query(asking.present(names), now)) == 2
        taken = prometheus.query(asking.newest(names, 1.0), now)
        assert {point.labels.get(PAST) for point in taken} == {None, "1"}
        assert all(now - 5 < point.value <= now for point in taken)


def test_a_bad_query_is_refused_in_prometheus_own_words(prometheus: Prometheus) -> None:
    with pytest.raises(InvalidSpec, match="parse error"):
        prometheus.query("sum(", time.time())


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ('queue{deployment="{{ workload }}"}', None),
        ('queue{deployment="{{ workload }}"} # a remark', None),
        ('queue{deployment="{{ workload }}"}[5m]', "range vector"),
        ('scalar(queue{deployment="{{ workload }}"})', "scalar"),
        ('"x" == bool scalar(queue{deployment="{{ workload }}"})', "parse error"),
    ],
)
def test_a_dry_run_finds_what_would_be_refused_later(prometheus: Prometheus, query: str, told: str | None) -> None:
    gauge = {"name": "q", "kind": "gaugeMean", "query": {"value": query}}
    policy = parse_policy({"analysis": {"metrics": [{"kind": "errorRate"}, gauge]}}, "p")
    found = mistakes(prometheus, policy.analysis.metrics, time.time())
    assert bool(found) == (told is not None)
    assert not told or told in found[0]
