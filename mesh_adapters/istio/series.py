"""What Istio calls its metrics (its standard metrics, as Envoy's Istio filters report them)."""

from typing import Literal

from mesh_adapters.adapter import LabelMatch, Series

_SERVER_FAULTS = "2|4|12|13|14|15"
"""The gRPC status codes that are the server's doing: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE
and DATA_LOSS. The others (NOT_FOUND, CANCELLED, ...) answer what the client did."""


def series(reporter: Literal["destination", "source"] = "destination") -> Series:
    """Istio's metrics as seen by the server's proxy or by the client's; use one and the same for both arms, for only
    the client's sees connections that fail. Durations are in milliseconds."""
    http_failure = LabelMatch("response_code", "=~", "5..")
    return Series(
        requests="istio_requests_total",
        latency_bucket="istio_request_duration_milliseconds_bucket",
        latency_unit_seconds=0.001,
        instance="instance",
        workload="destination_workload",
        namespace="destination_workload_namespace",
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
