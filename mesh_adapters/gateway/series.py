"""What Envoy calls its metrics where it is a gateway: by the Service it sends to, whoever the client is."""

from mesh_adapters.series import Series
from mesh_adapters.subjects import ClusterName, LabelMatch

ENVOY = Series(
    name="envoy",
    requests="envoy_cluster_upstream_rq",
    latency_bucket="envoy_cluster_upstream_rq_time_bucket",
    latency_unit_seconds=0.001,
    instance="instance",
    subject=ClusterName("envoy_cluster_name"),
    scope=(),
    # Envoy's own answers are among them: no healthy endpoint, a refused connection, a timeout.
    failures=((LabelMatch("envoy_response_code", "=~", "5.."),),),
)
"""Of gateways whose clusters are named `namespace_service_port`: Contour's, and Cilium's behind its own prefix (Envoy
shows their colons as underscores). Envoy Gateway has one cluster for all backends of a rule, which tells no arms apart.
A gRPC status is not among the labels: such a failure shows only as far as it has an HTTP status as well."""
