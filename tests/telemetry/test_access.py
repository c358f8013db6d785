"""How Prometheus is reached: who asks, through what, and how much time and memory an answer may take."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.errors import HeadgateError, InvalidSpec, Unavailable
from delivery.telemetry.access import Access
from delivery.telemetry.prometheus import Point, Prometheus
from tests.certificates import self_signed

VECTOR = b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"2"]}]}}'
ANSWERED = [Point({"a": "b"}, 2.0)]
Answering = Callable[[BaseHTTPRequestHandler], None]


@dataclass(slots=True)
class Server:
    """What it was asked, and what it does with it."""

    answer: Answering
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def whole(body: bytes, status: int = 200) -> Answering:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def serving(answer: Answering, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    told = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.paths.append(self.path)
            told.headers.append(dict(self.headers.items()))
            told.forms.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            told.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Requests are kept, not printed."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that has had enough closes the connection."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    told.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_a_query_of_any_length_goes_into_the_body() -> None:
    with serving(whole(VECTOR)) as server:
        query = "x" * 50_000
        assert Prometheus(server.url).query(query, 1.0) == ANSWERED
        assert server.paths == ["/api/v1/query"]
        assert (server.forms[0]["query"], server.forms[0]["time"]) == ([query], ["1.000000"])


def test_a_bearer_token_is_read_anew_for_every_call(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    with serving(whole(VECTOR)) as server:
        prometheus = Prometheus(Access(server.url, bearer_token_file=token))
        prometheus.query("x", 1.0)
        token.write_text("second\n")
        prometheus.query("x", 1.0)
        token.unlink()
        with pytest.raises(Unavailable, match="bearer token"):
            prometheus.query("x", 1.0)
        assert [headers["Authorization"] for headers in server.headers] == ["Bearer first", "Bearer second"]


def test_basic_authentication_and_a_tenant(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    with serving(whole(VECTOR)) as server:
        access = Access(server.url, username="me", password_file=password, headers={"X-Scope-OrgID": "shop"})
        Prometheus(access).query("x", 1.0)
        [headers] = server.headers
        assert headers["Authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()
        assert headers["X-Scope-OrgID"] == "shop"


def test_a_proxy_is_asked_in_its_place() -> None:
    with serving(whole(VECTOR)) as proxy:
        access = Access("http://prometheus.invalid:9090/select/0", proxy=proxy.url)
        assert Prometheus(access).query("x", 1.0) == ANSWERED
        assert proxy.paths == ["http://prometheus.invalid:9090/select/0/api/v1/query"]


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serving(whole(VECTOR)) as server:
        assert Prometheus(server.url).query("x", 1.0) == ANSWERED


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"username": "me"}, "needs a user name and a password file"),
        ({"bearer_token_file": Path("/nowhere")}, "/nowhere, cannot be read"),
        ({"ca_file": Path("/nowhere")}, "/nowhere, cannot be read"),
        ({"cert_file": Path("/nowhere")}, "needs both its file and its key's"),
        ({"bearer_token_file": Path("/nowhere"), "username": "me"}, "not both"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        Prometheus(Access("http://127.0.0.1:9", **options))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for 127.0.0.1 that vouches for itself, and its key."""
    return self_signed(tmp_path_factory.mktemp("tls"))


def test_an_authority_of_its_own_and_mutual_tls(authority: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    context.load_verify_locations(authority / "cert.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(whole(VECTOR), context) as server:
        url = f"https://127.0.0.1:{server.port}"
        known: dict[str, Any] = {"ca_file": authority / "cert.pem"}
        own: dict[str, Any] = {"cert_file": authority / "cert.pem", "key_file": authority / "key.pem"}
        assert Prometheus(Access(url, **known, **own)).query("x", 1.0) == ANSWERED
        for missing in (known, own):
            with pytest.raises(Unavailable, match="cannot be reached"):
                Prometheus(Access(url, **missing)).query("x", 1.0)


# -- what is missing --


def with_warnings(*warnings: str) -> bytes:
    return VECTOR.replace(b'"data"', b'"warnings":' + _json(list(warnings)) + b',"data"')


def test_an_answer_that_lacks_a_part_is_none() -> None:
    with serving(whole(with_warnings("PromQL info: x", "store gateway 10.0.0.3: timeout"))) as server:
        with pytest.raises(Unavailable, match=r"partial: store gateway 10\.0\.0\.3: timeout"):
            Prometheus(server.url).query("x", 1.0)
        server.answer = whole(with_warnings("PromQL warning: bucket label is missing"))
        assert Prometheus(server.url).query("x", 1.0) == ANSWERED
        server.answer = whole(VECTOR.replace(b'"a":"b"', b'"a":"\\"warnings\\""'))
        assert Prometheus(server.url).query("x", 1.0) == [Point({"a": '"warnings"'}, 2.0)]


# -- bounds --


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65_536)


def test_an_answer_without_end_is_given_up_at_its_size() -> None:
    with serving(endless) as server:
        prometheus = Prometheus(Access(server.url, timeout_s=30.0, max_bytes=3_000_000))
        with pytest.raises(Unavailable, match="the answer is larger than 3 MB: fewer series"):
            prometheus.query("x", 1.0)


def drop_by_drop(headers: bool) -> Answering:
    """A byte now and then, which no wait for the next byte would ever mind."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if headers:
            handler.send_response(200)
            handler.end_headers()
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)  # the pace of the one who answers, not a wait for anything

    return answer


@pytest.mark.parametrize("headers", [True, False], ids=["body", "headers"])
def test_an_answer_drop_by_drop_is_given_up_at_the_deadline(headers: bool) -> None:
    with serving(drop_by_drop(headers)) as server:
        prometheus = Prometheus(Access(server.url, timeout_s=0.4))
        with pytest.raises(Unavailable, match=r"no whole answer within 0\.4 s"):
            prometheus.query("x", 1.0)
        server.answer = whole(VECTOR)
        assert prometheus.query("x", 1.0) == ANSWERED  # and the next call goes well


def test_a_connection_that_says_nothing_is_given_up_too() -> None:
    def silent(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.recv(1)  # until the other side ends it

    with serving(silent) as server, pytest.raises(Unavailable, match=r"0\.3 s|timed out"):
        Prometheus(Access(server.url, timeout_s=0.3)).query("x", 1.0)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
samples = st.tuples(st.sampled_from((1, 2.0, 3, 9, 1e300)) | values, st.sampled_from(("1", "NaN", "x")) | values)
entries = st.fixed_dictionaries(
    {"metric": st.just({"a": "b"}) | values},
    optional={
        "value": samples | values,
        "values": st.lists(samples, max_size=3) | values,
        "histogram": st.tuples(st.just(1), st.fixed_dictionaries({"count": values, "buckets": values})) | values,
    },
)
kinds = st.sampled_from(("vector", "matrix", "scalar", "string", "streams")) | values
answers = st.one_of(
    st.binary(max_size=60),
    values.map(lambda value: repr(value).encode()),
    st.builds(
        lambda status, kind, found: _json({"status": status, "data": {"resultType": kind, "result": found}}),
        st.just("success") | values,
        kinds,
        st.lists(entries | values, max_size=3),
    ),
    st.integers(1, 200_000).map(lambda depth: b"[" * depth),
)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("instants", [1, 3], ids=["query", "query_range"])
def test_whatever_is_answered_is_points_or_a_named_error(instants: int) -> None:
    def asked() -> list[Point]:
        if instants == 1:
            return prometheus.query("x", 1.0)
        return [point for _, points in prometheus.query_range("x", 1.0, 3.0, 1.0) for point in points]

    with serving(whole(b"")) as server:
        prometheus = Prometheus(server.url)

        @settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(answers, st.sampled_from((200, 200, 200, 204, 302, 400, 500)))
        def check(body: bytes, status: int) -> None:
            server.answer = whole(body, status)
            try:
                told: object = asked()
            except HeadgateError as problem:
                told = str(problem)
            if isinstance(told, list):
                assert all(isinstance(point, Point) and isinstance(point.value, float) for point in told)
            else:
                assert 0 < len(str(told)) < 1000

        check()
