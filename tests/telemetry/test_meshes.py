"""Releases in different meshes, collected together: each by its own mesh's series."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delivery.errors import Unavailable
from delivery.telemetry.collector import Collector
from delivery.telemetry.memory import Counter, MemoryPrometheus
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import Point
from delivery.telemetry.samples import ArmIncrement
from mesh_adapters.gateway.series import ENVOY
from mesh_adapters.linkerd.series import LINKERD
from tests.telemetry.collected import collected
from tests.telemetry.istio_counters import bucket, need, requests


def responses(workload: str, classification: str = "success", **labels: str) -> Counter:
    found = {"direction": "inbound", "deployment": workload, "namespace": "shop", "classification": classification}
    return Counter.of("response_total", **{**found, **labels})


def latency(workload: str, le: str) -> Counter:
    return Counter.of("response_latency_ms_bucket", direction="inbound", deployment=workload, namespace="shop", le=le)


def linkerd_need(through: float, name: str = "cart", *, latency: bool = False) -> Need:
    return replace(need(through, name, latency=latency), series=LINKERD)


def test_each_release_is_counted_by_the_series_of_its_mesh() -> None:
    source = MemoryPrometheus()
    for at, more in ((99, 0), (109, 50)):
        source.scrape(at, "s", {requests("web"): 1000 + more, requests("cart"): 5000})
        source.scrape(at, "l", {responses("cart"): 2000 + 2 * more, responses("cart", "failure"): 10 + more / 10})
    source.scrape(109, "lc", {responses("cart-canary"): 7, responses("cart-canary", "failure"): 2})
    source.scrape(109, "sc", {requests("web-canary"): 3})
    readings = collected(Collector(source, settle=1), [need(100), linkerd_need(100)], 111)
    [web], [cart] = readings["shop/web"].samples, readings["shop/cart"].samples
    assert (web.stable, web.canary) == (ArmIncrement(50, 0), ArmIncrement(3, 0))
    assert (cart.stable, cart.canary) == (ArmIncrement(105, 5), ArmIncrement(9, 2))


def test_one_query_a_metric_and_mesh_however_many_releases() -> None:
    source = MemoryPrometheus()
    needs = [need(100, f"web-{n}", latency=True) for n in range(20)]
    needs += [linkerd_need(100, f"cart-{n}", latency=True) for n in range(20)]
    collected(Collector(source, settle=1), needs, 111)
    at_the_instant = [query.partition("{")[0] for query, at in source.asked if at == 110]
    metrics = sorted(query.rpartition("(")[2] for query in at_the_instant)
    assert metrics == [
        "istio_request_duration_milliseconds_bucket",
        "istio_requests_total",
        "response_latency_ms_bucket",
        "response_total",
    ]


def test_what_is_not_the_applications_is_not_counted() -> None:
    source = MemoryPrometheus()
    for at, more in ((99, 0), (109, 100)):
        shown = {
            responses("cart", target_port="8080"): 500 + more,
            responses("cart", "failure", target_port="4191"): more,
            responses("cart", "failure", route_name="probe"): more,
            responses("cart", "failure", direction="outbound"): more,
        }
        source.scrape(at, "l", shown)
    [sample] = collected(Collector(source, settle=1), [linkerd_need(100)], 111)["shop/cart"].samples
    assert sample.stable == ArmIncrement(100, 0)


def test_latencies_come_from_the_meshs_own_histogram() -> None:
    source = MemoryPrometheus()
    for at, count in ((99, 100), (109, 140)):
        shown = {responses("cart"): count, latency("cart", "5"): count / 2, latency("cart", "+Inf"): count}
        source.scrape(at, "l", {**shown, bucket("cart", "5"): 9, requests("cart"): 9})
    [sample] = collected(Collector(source, settle=1), [linkerd_need(100, latency=True)], 111)["shop/cart"].samples
    assert sample.stable.buckets == ((5.0, 20.0), (float("inf"), 40.0))


def upstream(service: str, code: str, port: int = 80, namespace: str = "shop", prefix: str = "") -> Counter:
    cluster = f"{prefix}{namespace}_{service}_{port}"
    return Counter.of("envoy_cluster_upstream_rq", envoy_cluster_name=cluster, envoy_response_code=code)


def upstream_within(service: str, le: str) -> Counter:
    return Counter.of("envoy_cluster_upstream_rq_time_bucket", envoy_cluster_name=f"shop_{service}_80", le=le)


def test_a_gateways_envoy_counts_by_service_whichever_of_its_proxies_answered() -> None:
    asked = replace(need(100, "web", latency=True), stable_name="web-stable", canary_name="web-canary", series=ENVOY)
    source = MemoryPrometheus()
    for at, more in ((99, 0), (109, 40)):
        for proxy, prefix in (("gateway-1", ""), ("gateway-2", "shop/cilium-gateway-web/")):
            shown = {
                upstream("web-stable", "200", prefix=prefix): 9000.0 + more,
                upstream("web-stable", "503", prefix=prefix): 10.0 + more / 10,
                upstream("web-stable", "404", port=8080, prefix=prefix): 5.0 + more / 20,
                upstream("web-stable", "200", namespace="other", prefix=prefix): 77.0 * at,
            }
            source.scrape(at, proxy, shown)
    within = {upstream_within("web-stable", le): 100.0 for le in ("5", "+Inf")}
    source.scrape(99, "gateway-3", within)
    canary = {upstream("web-canary", "200"): 6.0, upstream("web-canary", "500"): 1.0}
    source.scrape(109, "gateway-3", {**{key: value + 8 for key, value in within.items()}, **canary})
    [sample] = collected(Collector(source, settle=1), [asked], 111)["shop/web"].samples
    assert (sample.stable.requests, sample.stable.errors) == (2 * (40 + 4 + 2), 8)
    assert sample.stable.buckets == ((5.0, 8.0), (float("inf"), 8.0))
    assert (sample.canary.requests, sample.canary.errors) == (7, 1)


class WithoutLinkerd(MemoryPrometheus):
    """Answers about one mesh only."""

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
        if "response_total" in promql:
            raise Unavailable("too many samples")
        return super().query(promql, at)


def test_a_mesh_whose_query_fails_does_not_hold_up_another() -> None:
    source = WithoutLinkerd()
    for at in (99, 109):
        source.scrape(at, "s", {requests("web"): 10 * at})
    readings = collected(Collector(source, settle=1), [need(100), linkerd_need(100)], 111)
    assert readings["shop/web"].samples[0].stable == ArmIncrement(100, 0)
    assert readings["shop/cart"].samples == ()
    assert readings["shop/cart"].problem == "too many samples"


@pytest.mark.parametrize("classification", ["success", "failure"])
def test_a_failure_is_what_the_proxy_calls_one(classification: str) -> None:
    assert LINKERD.failed({"classification": classification}) == (classification == "failure")
