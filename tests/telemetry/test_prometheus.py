"""The HTTP edge against a server that says what the test tells it to."""

import math
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from delivery.errors import InvalidSpec, Refused, Unavailable
from delivery.telemetry.prometheus import Point, Prometheus
from delivery.telemetry.reasons import LONGEST_PROBLEM, Reason, reason_of
from tests.telemetry.conftest import Answering


def _vector(*values: str) -> bytes:
    entries = ",".join(f'{{"metric":{{"n":"{n}"}},"value":[1.0,"{value}"]}}' for n, value in enumerate(values))
    return f'{{"status":"success","data":{{"resultType":"vector","result":[{entries}]}}}}'.encode()


def test_values_are_numbers_and_what_is_none_is_told_as_such(answer: Answering) -> None:
    answer.body = _vector("3", "NaN", "+Inf", "0")
    three, nan, infinite, none = Prometheus(answer.url).query("x", 1.0)
    assert (three, none) == (Point({"n": "0"}, 3.0), Point({"n": "3"}, 0.0))
    assert math.isnan(nan.value)
    assert math.isinf(infinite.value)


def test_a_bad_query_is_told_in_prometheus_own_words(answer: Answering) -> None:
    answer.status, answer.body = 400, b'{"status":"error","errorType":"bad_data","error":"parse error: it\'s odd"}'
    with pytest.raises(InvalidSpec, match=r"answered HTTP 400: parse error: it's odd; the query: sum\("):
        Prometheus(answer.url).query("sum(", 1.0)


@pytest.mark.parametrize(("status", "error"), [(401, Refused), (403, Refused), (503, Unavailable), (404, Unavailable)])
def test_failures_are_mapped_once_without_a_retry(answer: Answering, status: int, error: type[Exception]) -> None:
    answer.status, answer.body = status, b"<html>no</html>"
    with pytest.raises(error, match=f"{answer.url} answered HTTP {status}"):
        Prometheus(answer.url).check()
    assert answer.asked == 1


def test_something_else_at_the_address_is_unavailable(answer: Answering) -> None:
    answer.body = b'{"hello":"world"}'
    with pytest.raises(Unavailable, match="does not answer like Prometheus"):
        Prometheus(answer.url).check()


def test_nobody_at_the_address_names_the_address() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{server.server_port}"
    server.server_close()
    with pytest.raises(Unavailable, match=f"Prometheus {url} cannot be reached"):
        Prometheus(url).check()


def test_a_range_is_told_instant_by_instant(answer: Answering) -> None:
    series = '[{"metric":{"n":"a"},"values":[[100,"1"],[120,"3"]]},{"metric":{"n":"b"},"values":[[110,"5"],[120,"7"]]}]'
    answer.body = f'{{"status":"success","data":{{"resultType":"matrix","result":{series}}}}}'.encode()
    told = Prometheus(answer.url).query_range("x", 100.0, 120.0, 10.0)
    assert told == [
        (100.0, [Point({"n": "a"}, 1.0)]),
        (110.0, [Point({"n": "b"}, 5.0)]),
        (120.0, [Point({"n": "a"}, 3.0), Point({"n": "b"}, 7.0)]),
    ]


def test_a_range_tells_native_histograms_as_an_instant_does(answer: Answering) -> None:
    native = '{"count":"3","sum":"2","buckets":[[0,"0.25","0.5","1"],[0,"0.5","1","2"]]}'
    found = f'[{{"metric":{{"n":"a"}},"values":[[100,"5"]],"histograms":[[110,{native}]]}}]'
    answer.body = f'{{"status":"success","data":{{"resultType":"matrix","result":{found}}}}}'.encode()
    [(_, [first]), (_, [second])] = Prometheus(answer.url).query_range("x", 100.0, 110.0, 10.0)
    found = f'[{{"metric":{{"n":"a"}},"histogram":[110,{native}]}}]'
    answer.body = f'{{"status":"success","data":{{"resultType":"vector","result":{found}}}}}'.encode()
    assert first == Point({"n": "a"}, 5.0)
    assert [second] == Prometheus(answer.url).query("x", 110.0)
    assert dict(second.buckets)[0.5] == 1.0


def test_a_range_that_is_refused_says_so(answer: Answering) -> None:
    answer.status, answer.body = 400, b'{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution"}'
    with pytest.raises(InvalidSpec, match="exceeded maximum resolution"):
        Prometheus(answer.url).query_range("x", 0.0, 1e6, 1.0)


def test_a_range_of_other_instants_than_asked_for_is_no_answer(answer: Answering) -> None:
    answer.body = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[500,"1"]]}]}}'
    with pytest.raises(Unavailable, match="the samples are 380 s newer than was asked for"):
        Prometheus(answer.url).query_range("x", 100.0, 120.0, 10.0)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ('[90,"1"]', Reason.OTHER_INSTANT),  # which would be the last but one of the three, counted from the end
        ('[104,"1"]', Reason.OTHER_INSTANT),
        ('[130,"1"]', Reason.OTHER_INSTANT),
        ('[1e308,"1"]', Reason.OTHER_INSTANT),
        ('[-1e308,"1"]', Reason.OTHER_INSTANT),
        ('[100,"1"],[100,"2"]', Reason.NOT_PROMETHEUS),
    ],
)
def test_no_sample_is_put_where_it_does_not_belong(answer: Answering, samples: str, reason: Reason) -> None:
    found = f'[{{"metric":{{}},"values":[{samples}]}}]'
    answer.body = f'{{"status":"success","data":{{"resultType":"matrix","result":{found}}}}}'.encode()
    with pytest.raises(Unavailable) as told:
        Prometheus(answer.url).query_range("x", 100.0, 120.0, 10.0)
    assert reason_of(told.value) is reason


def test_a_sample_beyond_all_time_is_another_instants_at_any_step(answer: Answering) -> None:
    answer.body = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1e308,"1"]]}]}}'
    with pytest.raises(Unavailable, match="newer than was asked for"):
        Prometheus(answer.url).query_range("x", 0.0, 10.0, 0.1)


def test_an_answer_of_the_other_kind_is_none(answer: Answering) -> None:
    answer.body = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
    with pytest.raises(InvalidSpec, match="answers a range of samples, not an instant vector; the query: x"):
        Prometheus(answer.url).query("x", 1.0)
    answer.body = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
    with pytest.raises(Unavailable, match="a vector where a matrix was asked for"):
        Prometheus(answer.url).query_range("x", 0.0, 10.0, 5.0)


@pytest.mark.parametrize("kind", ["scalar", "string"])
def test_a_query_that_answers_no_series_is_at_fault(answer: Answering, kind: str) -> None:
    answer.body = f'{{"status":"success","data":{{"resultType":"{kind}","result":[1,"1"]}}}}'.encode()
    with pytest.raises(InvalidSpec, match=f"the query answers a {kind}, not an instant vector"):
        Prometheus(answer.url).query("scalar(x)", 1.0)


def test_however_long_a_query_is_its_refusal_is_short_and_the_servers_words_come_first(answer: Answering) -> None:
    query = "x" * 120_000
    answer.status, answer.body = 422, f'{{"status":"error","error":"too long query: {query}"}}'.encode()
    with pytest.raises(InvalidSpec, match=r"answered HTTP 422: too long query: x+; the query: x+…$") as told:
        Prometheus(answer.url).query(query, 1.0)
    assert len(str(told.value)) <= LONGEST_PROBLEM
