"""Every way in which there is no answer has a name of its own, and what may pass is tried again within the time."""

from __future__ import annotations

from dataclasses import replace
from http.server import BaseHTTPRequestHandler

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
from tests.telemetry.test_access import Answering as Answers
from tests.telemetry.test_access import drop_by_drop, serving, whole

EMPTY = b'{"status":"success","data":{"resultType":"vector","result":[]}}'


def vector(at: float, *, series: int = 1, more: str = "") -> bytes:
    entries = ",".join(f'{{"metric":{{"n":"{n}"}},"value":[{at},"1"]}}' for n in range(series))
    return f'{{"status":"success","data":{{"resultType":"vector","result":[{entries}]}}{more}}}'.encode()


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, b"", Reason.SERVER_ERROR),
        (408, b"", Reason.SERVER_ERROR),
        (302, b"", Reason.WRONG_ADDRESS),
        (404, b"404 page not found", Reason.WRONG_ADDRESS),
        (405, b"", Reason.WRONG_ADDRESS),
        (410, b"", Reason.WRONG_ADDRESS),
        (407, b"", Reason.ACCESS_REFUSED),
        (413, b"", Reason.QUERY_TOO_LONG),
        (414, b"", Reason.QUERY_TOO_LONG),
        (418, b"", Reason.NOT_PROMETHEUS),
        (204, b"", Reason.NOT_PROMETHEUS),
        (200, b'{"status":"error","data":{"resultType":"vector","result":[]}}', Reason.SERVER_ERROR),
        (200, b'{"status":"error","error":"query timed out","errorType":"timeout"}', Reason.SERVER_ERROR),
        (200, b'{"status":"error","error":"parse error","errorType":"bad_data"}', Reason.BAD_QUERY),
        (200, b'{"status":"success"}', Reason.NOT_PROMETHEUS),
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


@pytest.mark.parametrize("status", [408, 429, 502])
def test_those_statuses_may_pass(answer: Answering, status: int) -> None:
    answer.first, answer.body = [(status, b"")], vector(100.0)
    assert len(Prometheus(answer.url).query("x", 100.0, within_s=30.0)) == 1


def test_a_wrong_path_prefix_is_told_as_what_to_do(answer: Answering) -> None:
    answer.status, answer.body = 404, b"404 page not found"
    with pytest.raises(MetricsUnavailable, match=r"404: 404 page not found; is --prometheus right, .* path prefix\?"):
        Prometheus(answer.url).query("x", 100.0)


def test_no_longer_than_the_time_allows(answer: Answering) -> None:
    answer.status = 503
    with pytest.raises(MetricsUnavailable) as told:
        Prometheus(answer.url).query("x", 100.0, within_s=0.0)
    assert told.value.reason is Reason.SERVER_ERROR
    assert answer.asked == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, b"no") for status in (302, 400, 403, 404, 405, 413, 414, 418, 422)),
        (200, b"{}"),
        (200, vector(1.0)),
    ],
)
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


# -- too slow, or nobody there --


def silent(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.recv(1)  # until the other side ends it


@pytest.mark.parametrize(
    "answer_with", [silent, drop_by_drop(True), drop_by_drop(False)], ids=["silent", "body", "head"]
)
@pytest.mark.parametrize("instants", [1, 3])
def test_one_who_takes_too_long_is_slow(answer_with: Answers, instants: int) -> None:
    with serving(answer_with) as server, pytest.raises(MetricsUnavailable, match="Prometheus http") as told:
        asked(Prometheus(Access(server.url, timeout_s=0.3)), instants)
    assert told.value.reason is Reason.SLOW


def test_a_slow_one_is_asked_again_while_there_is_time() -> None:
    answers = [silent, silent, whole(vector(100.0))]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        answers.pop(0)(handler)

    with serving(answer) as server:
        assert len(Prometheus(Access(server.url, timeout_s=0.3)).query("x", 100.0, within_s=30.0)) == 1
        assert len(server.paths) == 3


def asked(prometheus: Prometheus, instants: int) -> object:
    if instants == 1:
        return prometheus.query("x", 100.0)
    return prometheus.query_range("x", 100.0, 100.0 + 10.0 * (instants - 1), 10.0)
