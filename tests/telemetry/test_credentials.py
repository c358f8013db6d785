"""Tokens, passwords and addresses with either: fit to be sent, or refused by name; in no message."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from delivery.errors import HeadgateError, InvalidSpec
from delivery.telemetry.access import Access
from delivery.telemetry.prometheus import Prometheus
from delivery.telemetry.reasons import MetricsUnavailable, Reason, reason_of, without_credentials
from tests.telemetry.test_access import ANSWERED, VECTOR, serving, whole

SECRET = "hunter2"
UNFIT = [
    (b"first\nhunter2\n", "has more than one line"),
    ("hunter2-\u0142\n".encode(), "characters that no HTTP header carries"),
    (b"hunter2\x07", "characters that no HTTP header carries"),
    (b"hunter2\xff", "is no text"),
    (b"\n", "is empty"),
    (b"hunter2" * 10_000, "is longer than 65536 bytes"),
]


@pytest.mark.parametrize(("content", "told"), UNFIT)
@pytest.mark.parametrize("kind", ["token", "password"])
def test_a_secret_that_cannot_be_sent_is_refused_without_being_told(
    content: bytes, told: str, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"fine")
    options: dict[str, Any] = {"bearer_token_file": path} if kind == "token" else {"password_file": path}
    access = Access("http://127.0.0.1:9", username="" if kind == "token" else "me", **options)
    prometheus = Prometheus(access)
    path.write_bytes(content)
    with pytest.raises(InvalidSpec, match=told) as at_start:
        Prometheus(access)
    with pytest.raises(MetricsUnavailable, match=told) as later:
        prometheus.query("x", 1.0)
    assert later.value.reason is Reason.NO_CREDENTIALS
    assert all(SECRET not in shown(problem.value) for problem in (at_start, later))


def test_one_of_latin_1_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("m\u00fcller\n")
    with serving(whole(VECTOR)) as server:
        assert Prometheus(Access(server.url, bearer_token_file=path)).query("x", 1.0) == ANSWERED
        assert server.headers[0]["Authorization"] == "Bearer m\u00fcller"


def test_a_file_that_is_gone_is_a_reason_of_its_own_and_not_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("fine")
    with serving(whole(VECTOR)) as server:
        prometheus = Prometheus(Access(server.url, bearer_token_file=path))
        path.unlink()
        with pytest.raises(MetricsUnavailable, match=r"bearer token, .*cannot be read: No such file") as told:
            prometheus.query("x", 1.0, within_s=30.0)
        assert told.value.reason is Reason.NO_CREDENTIALS
        assert server.paths == []
        path.write_text("back")
        assert prometheus.query("x", 1.0) == ANSWERED


def test_an_authority_that_is_gone_is_one_too(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("")
    prometheus = Prometheus(Access("https://127.0.0.1:9", ca_file=path))
    path.unlink()
    with pytest.raises(MetricsUnavailable, match=r"ca\.pem") as told:
        prometheus.query("x", 1.0)
    assert told.value.reason is Reason.NO_CREDENTIALS


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://me:hunter2@127.0.0.1:9", {}),
        ("http://me:hun@hunter2@127.0.0.1:9", {}),
        ("http://me:hunter2/x@127.0.0.1:9", {}),
        ("http://me:hunter2%C5%82@127.0.0.1:9", {}),
        ("gopher://me:hunter2@127.0.0.1:9", {}),
        ("http://127.0.0.1:9", {"proxy": "http://me:hunter2@127.0.0.1:9"}),
        ("http://127.0.0.1:9", {"proxy": "http://me:hunter2%0A@127.0.0.1:9"}),
        ("http://127.0.0.1:9", {"headers": {"X-Token": "hunter2\nmore"}}),
        ("http://127.0.0.1:9", {"headers": {"X-Token": "hunter2\u0142"}}),
        ("http://127.0.0.1:9", {"username": "hunter2\u0142", "password_file": Path("/nowhere")}),
    ],
)
def test_what_an_address_or_a_header_holds_is_in_no_message(url: str, options: dict[str, Any]) -> None:
    access = Access(url, **options)
    with pytest.raises(HeadgateError) as told:
        Prometheus(access).query("x", 1.0)
    assert SECRET not in shown(told.value)
    assert SECRET not in repr(access).replace(access.username or "-", "")


def test_a_server_that_tells_the_address_is_not_repeated() -> None:
    body = b'{"status":"error","error":"no route to http://me:hunter2@store:9090/api"}'
    with serving(whole(body, 503)) as server, pytest.raises(HeadgateError) as told:
        Prometheus(server.url).query("x", 1.0)
    assert "no route to http://store:9090/api" in str(told.value)


def test_the_credentials_of_an_address_are_sent_and_left_out_of_what_is_told() -> None:
    with serving(whole(b"", 503)) as server:
        url = server.url.replace("//", "//me:hunter2@")
        with pytest.raises(HeadgateError, match=f"Prometheus {server.url} answered HTTP 503") as told:
            Prometheus(url).query("x", 1.0)
        assert reason_of(told.value) is Reason.SERVER_ERROR
        assert server.headers[0]["Authorization"].startswith("Basic ")
    assert without_credentials(f"{url} and {url}") == f"{server.url} and {server.url}"


def shown(problem: BaseException) -> str:
    """As a log would have it."""
    return "".join(traceback.format_exception(problem))
