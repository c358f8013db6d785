"""Whatever is born, restarts or misses scrapes, and whenever the controller is restarted: every request once."""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.telemetry.collector import Collector
from delivery.telemetry.memory import MemoryPrometheus
from tests.telemetry.collected import collected as readings_of
from tests.telemetry.istio_counters import need, requests

TICKS = 8
Event = tuple[int, int, bool]  # new requests that went well, new failures, and the instance's own trouble
_EVENTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), min_size=TICKS, max_size=TICKS)


@dataclass(slots=True)
class _Instance:
    """`trouble` is a missed scrape or a restart. A restarted one shows an empty counter first, where it had one, for a
    restart that grows past the old value between two scrapes leaves no trace in any counter."""

    name: str
    workload: str
    restarts: bool
    ok: int
    failed: int
    shown: int = 0
    counted: tuple[int, int] = field(default=(0, 0))

    def tick(self, source: MemoryPrometheus, at: float, event: Event) -> None:
        ok, failed, trouble = event
        if trouble and self.restarts and self.ok:
            self.ok, self.failed = 0, 0
        else:
            self.ok, self.failed = self.ok + ok, self.failed + failed
            self.counted = (self.counted[0] + ok + failed, self.counted[1] + failed)
        self.show(source, at, missed=trouble and not self.restarts)

    def show(self, source: MemoryPrometheus, at: float, *, missed: bool = False) -> None:
        counters = {requests(self.workload): float(self.ok)}
        if self.failed:
            counters[requests(self.workload, "500")] = float(self.failed)
        source.scrape(at, self.name, {} if missed else counters)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    events=st.fixed_dictionaries(dict.fromkeys(("anchor", "gappy", "restarting", "canary"), _EVENTS)),
    born=st.integers(0, TICKS - 1),
    collected=st.lists(st.booleans(), min_size=TICKS, max_size=TICKS),
    new_controller=st.lists(st.booleans(), min_size=TICKS, max_size=TICKS),
)
def test_increments_sum_to_what_was_served(
    events: dict[str, list[Event]], born: int, collected: list[bool], new_controller: list[bool]
) -> None:
    source = MemoryPrometheus()
    old = [
        _Instance("anchor", "web", restarts=True, ok=1000, failed=3),
        _Instance("gappy", "web", restarts=False, ok=500, failed=0),
        _Instance("restarting", "web", restarts=True, ok=7, failed=2),
    ]
    canary = _Instance("canary", "web-canary", restarts=False, ok=0, failed=0)
    for at in range(-41, 100, 20):  # a Prometheus that has not lost what was before
        for instance in old:
            instance.show(source, at)
    for tick in range(TICKS):
        for instance in [*old, *([canary] if tick >= born else [])]:
            instance.tick(source, 109 + 10 * tick, events[instance.name][tick])
    end = 109 + 10 * TICKS
    for instance in [*old, canary]:
        instance.show(source, end)

    through, collector = 100.0, Collector(source, settle=1)
    stable, served = [0.0, 0.0], [0.0, 0.0]
    for tick in [*(tick for tick in range(TICKS) if collected[tick]), TICKS]:
        if tick < TICKS and new_controller[tick]:
            collector = Collector(source, settle=1)
        asked = replace(need(through), canary_counted=served[0] > 0)
        reading = readings_of(collector, [asked], 111 + 10 * tick)["shop/web"]
        through = reading.data_through
        for sample in reading.samples:
            stable = [stable[0] + sample.stable.requests, stable[1] + sample.stable.errors]
            served = [served[0] + sample.canary.requests, served[1] + sample.canary.errors]
    assert through == 110 + 10 * TICKS
    assert tuple(served) == canary.counted
    assert tuple(stable) == tuple(sum(instance.counted[part] for instance in old) for part in (0, 1))
