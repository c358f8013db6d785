"""What Linkerd calls its metrics: its proxies' own, with the labels its Prometheus takes from the pods."""

from mesh_adapters.series import Series
from mesh_adapters.subjects import LabelMatch, WorkloadLabels

_ADMIN_PORT = "4191"
"""The proxy's own, where Prometheus scrapes it: those requests are not the application's."""

LINKERD = Series(
    name="linkerd",
    requests="response_total",
    latency_bucket="response_latency_ms_bucket",
    latency_unit_seconds=0.001,
    instance="instance",
    subject=WorkloadLabels("deployment", "namespace"),
    scope=(
        # As the server's proxy sees them; the client's names the workload in other labels.
        LabelMatch("direction", "=", "inbound"),
        LabelMatch("target_port", "!=", _ADMIN_PORT),
        LabelMatch("route_name", "!=", "probe"),  # the kubelet's
    ),
    # The proxy has classified gRPC's statuses with HTTP's.
    failures=((LabelMatch("classification", "=", "failure"),),),
)
"""Durations are in milliseconds, to the first byte of the body."""
