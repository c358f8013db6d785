"""Counters as Istio's proxies show them, for scrapes of the in-memory Prometheus."""

from delivery.telemetry.memory import Counter
from delivery.telemetry.needs import Need


def requests(workload: str, code: str = "200", namespace: str = "shop") -> Counter:
    return Counter.of(
        "istio_requests_total",
        reporter="destination",
        destination_workload=workload,
        destination_workload_namespace=namespace,
        request_protocol="http",
        response_code=code,
    )


def bucket(workload: str, le: str, namespace: str = "shop") -> Counter:
    return Counter.of(
        "istio_request_duration_milliseconds_bucket",
        reporter="destination",
        destination_workload=workload,
        destination_workload_namespace=namespace,
        le=le,
    )


def need(through: float, name: str = "web", *, interval: float = 10.0, latency: bool = False) -> Need:
    return Need(
        release=f"shop/{name}",
        namespace="shop",
        stable_name=name,
        canary_name=f"{name}-canary",
        interval=interval,
        data_through=through,
        latency=latency,
    )
