"""The HTTP edge against a server that says what the test tells it to."""

from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from delivery.errors import InvalidSpec, Refused, Unavailable
from delivery.telemetry.prometheus import Point, Prometheus


@dataclass(slots=True)
class _Answer:
    url: str
    status: int = 200
    body: bytes = b""
    asked: int = 0


@pytest.fixture
def answer() -> Iterator[_Answer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.asked += 1
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, format: str, *args: object) -> None:
            """Requests are counted, not printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = _Answer(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join(5)


def _vector(*values: str) -> bytes:
    entries = ",".join(f'{{"metric":{{"n":"{n}"}},"value":[1.0,"{value}"]}}' for n, value in enumerate(values))
    return f'{{"status":"success","data":{{"resultType":"vector","result":[{entries}]}}}}'.encode()


def test_values_are_numbers_and_what_is_none_is_no_data(answer: _Answer) -> None:
    answer.body = _vector("3", "NaN", "+Inf", "0")
    assert Prometheus(answer.url).query("x", 1.0) == [Point({"n": "0"}, 3.0), Point({"n": "3"}, 0.0)]


def test_a_bad_query_is_told_in_prometheus_own_words(answer: _Answer) -> None:
    answer.status, answer.body = 400, b'{"status":"error","errorType":"bad_data","error":"parse error: it\'s odd"}'
    with pytest.raises(InvalidSpec, match=r"HTTP 400 to the query sum\(: parse error: it's odd"):
        Prometheus(answer.url).query("sum(", 1.0)


@pytest.mark.parametrize(("status", "error"), [(401, Refused), (403, Refused), (503, Unavailable), (404, Unavailable)])
def test_failures_are_mapped_once_without_a_retry(answer: _Answer, status: int, error: type[Exception]) -> None:
    answer.status, answer.body = status, b"<html>no</html>"
    with pytest.raises(error, match=f"{answer.url} answered HTTP {status}"):
        Prometheus(answer.url).check()
    assert answer.asked == 1


def test_something_else_at_the_address_is_unavailable(answer: _Answer) -> None:
    answer.body = b'{"hello":"world"}'
    with pytest.raises(Unavailable, match="does not answer like Prometheus"):
        Prometheus(answer.url).check()


def test_nobody_at_the_address_names_the_address() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{server.server_port}"
    server.server_close()
    with pytest.raises(Unavailable, match=f"Prometheus {url} cannot be reached"):
        Prometheus(url).check()


def test_a_range_is_told_instant_by_instant(answer: _Answer) -> None:
    series = (
        '[{"metric":{"n":"a"},"values":[[100,"1"],[120,"3"]]},{"metric":{"n":"b"},"values":[[110,"NaN"],[120,"7"]]}]'
    )
    answer.body = f'{{"status":"success","data":{{"resultType":"matrix","result":{series}}}}}'.encode()
    told = Prometheus(answer.url).query_range("x", 100.0, 120.0, 10.0)
    assert told == [
        (100.0, [Point({"n": "a"}, 1.0)]),
        (110.0, []),
        (120.0, [Point({"n": "a"}, 3.0), Point({"n": "b"}, 7.0)]),
    ]


def test_a_range_that_is_refused_says_so(answer: _Answer) -> None:
    answer.status, answer.body = 400, b'{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution"}'
    with pytest.raises(InvalidSpec, match="exceeded maximum resolution"):
        Prometheus(answer.url).query_range("x", 0.0, 1e6, 1.0)


def test_a_range_of_other_instants_than_asked_for_is_no_answer(answer: _Answer) -> None:
    answer.body = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[500,"1"]]}]}}'
    with pytest.raises(Unavailable, match="does not answer like Prometheus"):
        Prometheus(answer.url).query_range("x", 100.0, 120.0, 10.0)
