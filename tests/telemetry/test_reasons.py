"""Every way in which there is no answer has a name of its own, and what may pass is tried again within the time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delivery.errors import HeadgateError
from delivery.telemetry.access import Access
from delivery.telemetry.collector import Collector
from delivery.telemetry.memory import MemoryPrometheus
from delivery.telemetry.prometheus import Prometheus
from delivery.telemetry.reasons import MetricsUnavailable, Reason, reason_of
from tests.telemetry.collected import collected
from tests.telemetry.conftest import Answering
from tests.telemetry.istio_counters import need, requests

EMPTY = b'{"status":"success","data":{"resultType":"vector","result":[]}}'


def vector(at: float, *, series: int = 1, more: str = "") -> bytes:
    entries = ",".join(f'{{"metric":{{"n":"{n}"}},"value":[{at},"1"]}}' for n in range(series))
    return f'{{"status":"success","data":{{"resultType":"vector","result":[{entries}]}}{more}}}'.encode()


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, b"", Reason.SERVER_ERROR),
        (429, b"too many", Reason.SERVER_ERROR),
        (503, b'{"status":"error","error":"query timed out"}', Reason.SERVER_ERROR),
        (400, b'{"status":"error","error":"parse error"}', Reason.BAD_QUERY),
        (422, b'{"status":"error","error":"many-to-many matching"}', Reason.BAD_QUERY),
        (401, b"", Reason.ACCESS_REFUSED),
        (403, b"", Reason.ACCESS_REFUSED),
        (200, b"<html>log in</html>", Reason.NOT_PROMETHEUS),
        (200, b'{"status":"success","data":{}}', Reason.NOT_PROMETHEUS),
        (200, vector(100.0, more=',"warnings":["a store did not answer"]'), Reason.PARTIAL),
        (200, vector(100.0, more=',"isPartial":true'), Reason.PARTIAL),
        (200, vector(100.0, more=',"warnings":["results truncated due to limit"]'), Reason.TOO_MANY_SERIES),
        (200, vector(100.0, series=4), Reason.TOO_MANY_SERIES),
        (200, vector(100.0) + b" " * 3000, Reason.TOO_LARGE),
        (200, vector(70.0), Reason.OTHER_INSTANT),
        (200, vector(103.0), Reason.OTHER_INSTANT),
    ],
)
def test_an_answer_that_is_of_no_use_says_why(answer: Answering, status: int, body: bytes, reason: Reason) -> None:
    answer.status, answer.body = status, body
    with pytest.raises(HeadgateError) as told:
        Prometheus(Access(answer.url, max_series=3, max_bytes=2000)).query("x", 100.0)
    assert reason_of(told.value) is reason


def test_remarks_of_promql_lack_nothing(answer: Answering) -> None:
    answer.body = vector(100.0, more=',"warnings":["PromQL info: metric might not be a counter"]')
    assert len(Prometheus(answer.url).query("x", 100.0)) == 1


def test_the_server_is_told_the_bounds_as_well(answer: Answering) -> None:
    answer.body = EMPTY
    Prometheus(Access(answer.url, timeout_s=3.0, max_series=77)).query("x", 100.0)
    form = answer.forms[0]
    assert (form["timeout"], form["limit"], form["time"]) == (["3000ms"], ["77"], ["100.000000"])


def test_what_may_pass_is_tried_again_within_the_time(answer: Answering) -> None:
    answer.first, answer.body = [(503, b""), (500, b"")], vector(100.0)
    assert len(Prometheus(answer.url).query("x", 100.0, within_s=30.0)) == 1
    assert answer.asked == 3


def test_no_longer_than_the_time_allows(answer: Answering) -> None:
    answer.status = 503
    with pytest.raises(MetricsUnavailable) as told:
        Prometheus(answer.url).query("x", 100.0, within_s=0.0)
    assert told.value.reason is Reason.SERVER_ERROR
    assert answer.asked == 1


@pytest.mark.parametrize(("status", "body"), [(400, b"{}"), (403, b""), (200, b"{}"), (200, vector(1.0))])
def test_what_does_not_pass_by_itself_is_not_tried_again(answer: Answering, status: int, body: bytes) -> None:
    answer.status, answer.body = status, body
    with pytest.raises(HeadgateError):
        Prometheus(answer.url).query("x", 100.0, within_s=30.0)
    assert answer.asked == 1


def test_an_answer_without_the_workload_and_one_of_nan_are_told_apart() -> None:
    source = MemoryPrometheus()
    source.scrape(99, "s", {requests("web"): 5})
    source.scrape(109, "s", {requests("web"): float("nan")})
    asked = [need(100), replace(need(100), release="shop/cart", stable_name="cart", canary_name="cart-canary")]
    readings = collected(Collector(source, settle=1), asked, 111)
    assert readings["shop/web"].reason is Reason.NOT_A_NUMBER
    assert readings["shop/cart"].reason is Reason.NO_SERIES
    assert not readings["shop/web"].samples
    assert readings["shop/web"].data_through == 100


def test_the_reason_comes_with_the_reading() -> None:
    source = MemoryPrometheus(down="away")
    reading = collected(Collector(source, settle=1), [need(100)], 111)["shop/web"]
    assert (reading.problem, reading.reason) == ("away", Reason.UNREACHABLE)
