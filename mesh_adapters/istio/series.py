"""What Istio calls its metrics (its standard metrics, as Envoy's Istio filters report them)."""

from typing import Literal

from mesh_adapters.series import Series
from mesh_adapters.subjects import LabelMatch, WorkloadLabels

_SERVER_FAULTS = "2|4|12|13|14|15"
"""The gRPC status codes that are the server's doing: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE
and DATA_LOSS. The others (NOT_FOUND, CANCELLED, ...) answer what the client did."""


def series(reporter: Literal["destination", "source", "waypoint"] = "destination") -> Series:
    """Istio's metrics as seen by the server's proxy, by the client's, or by the waypoint in between (ambient mode). Use
    one and the same for both arms, for only the client's sees connections that fail. Durations are in milliseconds."""
    http_failure = LabelMatch("response_code", "=~", "5..")
    return Series(
        name=f"istio-{reporter}",
        requests="istio_requests_total",
        latency_bucket="istio_request_duration_milliseconds_bucket",
        latency_unit_seconds=0.001,
        instance="instance",
        subject=WorkloadLabels("destination_workload", "destination_workload_namespace"),
        scope=(LabelMatch("reporter", "=", reporter),),
        failures=(
            (http_failure,),
            # A gRPC call fails with response code 200; one that has a 5xx as well is counted above.
            (
                LabelMatch("request_protocol", "=", "grpc"),
                LabelMatch("grpc_response_status", "=~", _SERVER_FAULTS),
                LabelMatch("response_code", "!~", "5.."),
            ),
        ),
    )


ISTIO = series()
