"""What Linkerd calls its metrics (its proxies' own, with the labels that its Prometheus adds from the pods)."""

from mesh_adapters.adapter import LabelMatch, Series

LINKERD = Series(
    requests="response_total",
    latency_bucket="response_latency_ms_bucket",
    latency_unit_seconds=0.001,
    instance="instance",
    workload="deployment",
    namespace="namespace",
    scope=(LabelMatch("direction", "=", "inbound"),),
    failures=((LabelMatch("classification", "=", "failure"),),),
)
