import pytest

from mesh_adapters.istio.series import ISTIO, series
from mesh_adapters.subjects import LabelMatch


def labels(code: str, protocol: str = "http", grpc: str = "") -> dict[str, str]:
    return {"response_code": code, "request_protocol": protocol, "grpc_response_status": grpc}


@pytest.mark.parametrize("code", ["500", "503", "599"])
def test_a_5xx_is_a_failure(code: str) -> None:
    assert ISTIO.failed(labels(code))


@pytest.mark.parametrize("code", ["200", "301", "404", "429", "0", "5000"])
def test_anything_else_is_not(code: str) -> None:
    assert not ISTIO.failed(labels(code))


@pytest.mark.parametrize("status", ["2", "4", "12", "13", "14", "15"])
def test_a_grpc_call_that_the_server_failed_is_a_failure(status: str) -> None:
    assert ISTIO.failed(labels("200", "grpc", status))
    assert not ISTIO.failed(labels("200", "http", status))


@pytest.mark.parametrize("status", ["", "0", "1", "3", "5", "7", "8", "16"])
def test_a_grpc_answer_to_what_the_client_did_is_not(status: str) -> None:
    assert not ISTIO.failed(labels("200", "grpc", status))


def test_no_request_fails_twice() -> None:
    for code in ("200", "500", "503"):
        for protocol in ("http", "grpc"):
            for status in ("", "0", "2", "5", "14"):
                found = labels(code, protocol, status)
                kinds = [all(match.holds(found) for match in failure) for failure in ISTIO.failures]
                assert sum(kinds) <= 1


def test_the_names_are_istios() -> None:
    assert (ISTIO.requests, ISTIO.latency_bucket) == (
        "istio_requests_total",
        "istio_request_duration_milliseconds_bucket",
    )
    assert ISTIO.subject.labels == ("destination_workload", "destination_workload_namespace")
    assert ISTIO.scope == (LabelMatch("reporter", "=", "destination"),)
    assert ISTIO.classified_by == ("response_code", "request_protocol", "grpc_response_status")
    assert ISTIO.latency_unit_seconds == 0.001


def test_the_clients_view_can_be_had_instead() -> None:
    assert series("source").scope == (LabelMatch("reporter", "=", "source"),)
    assert series("waypoint").scope == (LabelMatch("reporter", "=", "waypoint"),)
    assert series("source").failures == ISTIO.failures


@pytest.mark.parametrize(
    ("operator", "value", "found", "holds"),
    [
        ("=", "a", "a", True),
        ("=", "a", "ab", False),
        ("!=", "a", "b", True),
        ("!=", "a", "a", False),
        ("=~", "a.", "ab", True),
        ("=~", "a", "ab", False),
        ("!~", "a", "ab", True),
        ("!~", "a.", "ab", False),
    ],
)
def test_conditions_mean_what_they_mean_to_prometheus(operator: str, value: str, found: str, holds: bool) -> None:
    assert LabelMatch("x", operator, value).holds({"x": found}) is holds


def test_a_missing_label_is_empty() -> None:
    assert LabelMatch("x", "=", "").holds({})
    assert not LabelMatch("x", "!=", "").holds({})
