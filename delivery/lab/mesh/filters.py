"""What is done to a request on its way, in Envoy's words: shares, headers, mirrors, faults, fractions of a percent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from delivery.lab.mesh.naming import CLUSTER_HEADER
from delivery.resources.duration import parse_duration

Json = dict[str, Any]
FAULT = "envoy.filters.http.fault"
MILLION = 1_000_000
NO_TIMEOUT = "0s"
_HTTP = "type.googleapis.com/envoy.extensions.filters.http"
_REDIRECTS = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}
_APPEND, _OVERWRITE = "APPEND_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS_OR_ADD"


@dataclass(frozen=True, slots=True)
class Share:
    """One destination: its cluster (whether there is one or not), its weight, and what is done to headers on the way
    to it."""

    cluster: str
    weight: int
    headers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HeaderEdits:
    """Headers to set, to add and to remove, of requests or of answers."""

    set: Mapping[str, str] = field(default_factory=dict)
    add: Mapping[str, str] = field(default_factory=dict)
    remove: Sequence[str] = ()


def http_filters() -> list[Json]:
    """The chain every request passes. The fault filter does nothing but what a route tells it to."""
    return [
        {"name": FAULT, "typed_config": {"@type": f"{_HTTP}.fault.v3.HTTPFault"}},
        {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_HTTP}.router.v3.Router"}},
    ]


def forward(
    match: Json,
    shares: Iterable[Share],
    *,
    without: int,
    timeout: str = NO_TIMEOUT,
    action: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
) -> Json:
    """A route to weighted clusters. `without` is the status of what goes nowhere: a share whose cluster does not
    exist, and everything where no share has a weight."""
    weighted = [
        {"name": share.cluster, "weight": share.weight, **share.headers} for share in shares if share.weight > 0
    ]
    edits = {**(headers or {})}
    edits["response_headers_to_add"] = [*edits.get("response_headers_to_add", ()), _CLUSTER_IN_ANSWER]
    if not weighted:
        return {"match": match, "direct_response": {"status": without}}
    sent = {**(action or {}), "weighted_clusters": {"clusters": weighted}, "timeout": timeout}
    if without == 500:  # Envoy's own answer is 503
        sent["cluster_not_found_response_code"] = "INTERNAL_SERVER_ERROR"
    return {"match": match, "route": sent, **edits}


def header_edits(request: HeaderEdits, response: HeaderEdits) -> Json:
    """The four fields by which Envoy edits headers, on a route or a weighted cluster; empty ones are left out."""
    fields = {
        "request_headers_to_add": _to_add(request),
        "request_headers_to_remove": _editable(request.remove),
        "response_headers_to_add": _to_add(response),
        "response_headers_to_remove": _editable(response.remove),
    }
    return {name: value for name, value in fields.items() if value}


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> Json:
    """Two results of `header_edits`, one after the other."""
    return {name: [*first.get(name, ()), *second.get(name, ())] for name in {**first, **second}}


def percentage(percent: float) -> Json:
    """Of a hundred, as Envoy's fraction of a million; finer parts are cut off, as Istio does."""
    return {"numerator": min(MILLION, int(percent * 10_000)), "denominator": "MILLION"}


def mirror(cluster: str, percent: float) -> Json:
    """A copy of this percentage of the requests, its answers dropped."""
    return {"cluster": cluster, "runtime_fraction": {"default_value": percentage(percent)}}


def fault(delay_s: str | None, delay_percent: float, abort_status: int | None, abort_percent: float) -> Json:
    """A route's own setting of the fault filter, {} where there is no fault."""
    config: Json = {}
    if delay_s is not None:
        config["delay"] = {"fixed_delay": delay_s, "percentage": percentage(delay_percent)}
    if abort_status is not None:
        config["abort"] = {"http_status": abort_status, "percentage": percentage(abort_percent)}
    return {FAULT: {"@type": f"{_HTTP}.fault.v3.HTTPFault", **config}} if config else {}


def redirect(status: int, **fields: object) -> Json:
    """A redirect with this status; `fields` are those of Envoy's that say to where, None where one does not change.
    A status that no redirect has becomes Envoy's own, 301."""
    return {name: value for name, value in {**fields, "response_code": _REDIRECTS.get(status)}.items() if value}


def seconds(duration: object) -> str | None:
    """A duration as Envoy reads it, in seconds; None for what is no duration, which the real servers refuse."""
    try:
        return f"{parse_duration(duration):g}s"
    except ValueError:
        return None


def _to_add(edits: HeaderEdits) -> list[Json]:
    return [
        {"header": {"key": name, "value": value}, "append_action": how}
        for headers, how in ((edits.set, _OVERWRITE), (edits.add, _APPEND))
        for name, value in sorted(headers.items())
        if _editable([name])
    ]


def _editable(names: Iterable[str]) -> list[str]:
    """Envoy refuses a whole configuration that edits one of the headers it makes itself."""
    return [name for name in names if not name.startswith(":") and name.lower() != "host"]


_CLUSTER_IN_ANSWER = {"header": {"key": CLUSTER_HEADER, "value": "%UPSTREAM_CLUSTER_RAW%"}}
