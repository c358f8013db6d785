"""A recording out of a Prometheus range: every request once, whatever is born, restarts or goes missing."""

import numpy as np
import pytest

from delivery.backtest.prometheus_range import read_range
from delivery.backtest.recording import InvalidRecording, Recording
from delivery.errors import Unavailable
from delivery.telemetry.memory import MemoryPrometheus, Scrape
from mesh_adapters.istio.series import ISTIO
from tests.telemetry.istio_counters import bucket, need, requests

START, END, HISTORY = 1000.0, 1050.0, 60.0
INSTANTS = range(940, 1051, 10)


def _stable(served: float, failed: float = 0.0) -> Scrape:
    return {requests("web"): served - failed, requests("web", "503"): failed}


def _read(source: MemoryPrometheus, end: float = END, history: float = HISTORY, *, latency: bool = False) -> Recording:
    return read_range(source, ISTIO, need(START, latency=latency), end, history)


@pytest.fixture
def source() -> MemoryPrometheus:
    """Stable `a` serves 10 requests and `b` 20 between scrapes, a second before each instant; one of b's fails."""
    found = MemoryPrometheus()
    for number, instant in enumerate(INSTANTS):
        found.scrape(instant - 1, "a", _stable(5000 + 10 * number))
        found.scrape(instant - 1, "b", _stable(7000 + 20 * number, 100 + number))
    return found


def test_what_stable_served_before_counts_by_instance_and_what_it_served_ever_does_not(
    source: MemoryPrometheus,
) -> None:
    recording = _read(source)
    history = recording.history
    assert history is not None
    assert history.t.tolist() == [950, 960, 970, 980, 990, 1000]
    np.testing.assert_array_equal(history.requests, np.tile([10.0, 20.0], (6, 1)))
    np.testing.assert_array_equal(history.errors, np.tile([0.0, 1.0], (6, 1)))
    assert (recording.release, recording.start, recording.interval) == ("shop/web", 1000, 10)
    assert recording.t.tolist() == [1010, 1020, 1030, 1040, 1050]
    assert recording.stable_requests.tolist() == [30] * 5
    assert recording.stable_errors.tolist() == [1] * 5
    assert recording.canary_requests.tolist() == [0] * 5
    assert np.isnan(recording.share).all()


def test_a_canary_born_with_an_error_counts_from_zero(source: MemoryPrometheus) -> None:
    source.scrape(1019, "c", {requests("web-canary"): 4, requests("web-canary", "500"): 1})
    source.scrape(1029, "c", {requests("web-canary"): 9, requests("web-canary", "500"): 1})
    recording = _read(source, 1030)
    assert recording.canary_requests.tolist() == [0, 5, 5]
    assert recording.canary_errors.tolist() == [0, 1, 0]


def test_a_canary_that_was_there_before_the_start_adds_only_what_it_served_since(source: MemoryPrometheus) -> None:
    for at, served in ((969, 300), (999, 400), (1009, 407)):
        source.scrape(at, "c", {requests("web-canary"): served})
    assert _read(source, 1010).canary_requests.tolist() == [7]


def test_a_restarted_instance_counts_anew_in_every_one_of_its_series() -> None:
    source = MemoryPrometheus()
    for at, served, failed in ((999, 1000, 3), (1009, 1010, 3), (1019, 2000, 1), (1029, 2005, 2)):
        source.scrape(at, "a", _stable(served, failed))
    recording = _read(source, 1030, 0.0)
    assert recording.stable_requests.tolist() == [10, 2000, 5]  # the sum grew; the failures' fall gives it away
    assert recording.stable_errors.tolist() == [0, 1, 1]


def test_an_instance_that_misses_scrapes_is_counted_when_it_shows_again(source: MemoryPrometheus) -> None:
    source.scrape(999, "c", {requests("web-canary"): 50})
    source.scrape(1009, "c", {})
    source.scrape(1029, "c", {requests("web-canary"): 62})
    assert _read(source, 1030).canary_requests.tolist() == [0, 0, 12]


@pytest.mark.parametrize("missed", [939, 999])
def test_what_misses_the_scrape_of_the_first_instant_of_a_part_is_no_birth(
    source: MemoryPrometheus, missed: int
) -> None:
    shown = {929: 300, 939: 310, 949: 320, 989: 400, 999: 407, 1009: 414}
    for at, served in shown.items():
        source.scrape(at, "c", {} if at == missed else {requests("web-canary"): served})
        source.scrape(at, "d", {} if at == missed else _stable(served))
    recording = _read(source, 1010)
    since_known = 414 - shown[989 if missed == 999 else 999]
    assert recording.canary_requests.tolist() == [since_known]
    assert recording.stable_requests.tolist() == [30 + since_known]
    assert recording.history is not None
    assert recording.history.requests[:, 2].sum() == 414 - since_known - (310 if missed == 999 else 300)


def test_every_second_stable_instance_by_name_is_the_shadow(source: MemoryPrometheus) -> None:
    recording = _read(source)
    assert recording.shadow_requests.tolist() == [20] * 5
    assert recording.shadow_errors.tolist() == [1] * 5


def test_exposure_is_the_traffic_of_a_canary_instance_over_that_of_a_stable_one(source: MemoryPrometheus) -> None:
    assert _read(source).exposure == 1.0
    for number, at in enumerate(range(999, 1050, 10)):
        for name in ("c1", "c2"):
            source.scrape(at, name, {requests("web-canary"): 45 * number})
    assert _read(source).exposure == pytest.approx(45 / 15)


def test_a_history_that_is_no_multiple_of_the_interval_ends_at_the_start_all_the_same(
    source: MemoryPrometheus,
) -> None:
    recording = _read(source, history=55.0)
    assert recording.history is not None
    assert recording.history.t.tolist() == [960, 970, 980, 990, 1000]
    assert recording.start == 1000


def test_instants_without_stable_are_passed_over_and_the_next_tick_covers_them() -> None:
    source = MemoryPrometheus()
    for at, served in ((989, 90), (999, 100), (1009, 110), (1019, None), (1029, 140), (1039, 150)):
        source.scrape(at, "a", {} if served is None else _stable(served))
        source.scrape(at, "c", {requests("web-canary"): at})
    recording = _read(source, 1040, 10.0)
    assert recording.t.tolist() == [1010, 1030, 1040]
    assert recording.stable_requests.tolist() == [10, 30, 10]
    assert recording.canary_requests.tolist() == [10, 20, 10]


def test_a_stable_instance_born_in_the_history_has_a_column_of_its_own_from_zero(source: MemoryPrometheus) -> None:
    source.scrape(979, "z", _stable(3))
    source.scrape(989, "z", _stable(8))
    history = _read(source).history
    assert history is not None
    assert history.requests[:, 2].tolist() == [0, 0, 0, 3, 5, 0]


def test_histograms_are_increments_of_the_bounds_that_both_arms_have() -> None:
    source = MemoryPrometheus()
    for at, n in ((989, 10), (999, 20), (1009, 30), (1019, 50)):
        shown = {bucket("web", "5"): n, bucket("web", "10"): 2 * n, bucket("web", "+Inf"): 3 * n}
        source.scrape(at, "a", {**_stable(3 * n), **shown})
    for at, n in ((1009, 1), (1019, 4)):
        shown = {bucket("web-canary", "10"): n, bucket("web-canary", "+Inf"): 2 * n}
        source.scrape(at, "c", {requests("web-canary"): 2 * n, **shown})
    recording = _read(source, 1020, 10.0, latency=True)
    assert recording.bounds == (10.0, np.inf)
    assert recording.arm_bounds == ((5.0, 10.0, np.inf), (10.0, np.inf))
    assert recording.stable_buckets.tolist() == [[20, 30], [40, 60]]
    assert recording.canary_buckets.tolist() == [[1, 2], [3, 6]]
    assert recording.history is not None
    assert recording.history.stable_buckets.tolist() == [[20, 30]]


def test_bounds_that_stable_had_not_in_its_history_are_not_common() -> None:
    source = MemoryPrometheus()
    for at, n in ((989, 10), (999, 20)):
        source.scrape(at, "a", {**_stable(2 * n), bucket("web", "5"): n, bucket("web", "+Inf"): 2 * n})
    shown = {bucket("web", "5"): 30, bucket("web", "10"): 35, bucket("web", "+Inf"): 60}
    source.scrape(1009, "a", {**_stable(60), **shown})
    born = {bucket("web-canary", le): 1 for le in ("5", "10", "+Inf")}
    source.scrape(1009, "c", {requests("web-canary"): 1, **born})
    recording = _read(source, 1010, 10.0, latency=True)
    assert recording.bounds == (5.0, np.inf)
    assert recording.history is not None
    assert recording.history.stable_buckets.tolist() == [[10, 20]]
    assert recording.stable_buckets.tolist() == [[10, 20]]


def test_a_workload_that_nobody_knows_is_named() -> None:
    with pytest.raises(InvalidRecording, match="workload web in namespace shop"):
        _read(MemoryPrometheus())


def test_a_prometheus_that_is_down_says_so(source: MemoryPrometheus) -> None:
    source.down = "connection refused"
    with pytest.raises(Unavailable, match="connection refused"):
        _read(source)
