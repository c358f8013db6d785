"""Kinds served in two versions whose documents differ: EndpointSlice (v1, v1beta1) and Event (core, events.k8s.io)."""

from delivery.lab.apiserver.status import Json

_EVENT_FIELDS = {
    "note": "message",
    "regarding": "involvedObject",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}
_CORE_FIELDS = {core: new for new, core in _EVENT_FIELDS.items()}
_HOSTNAME, _ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def event_to_core(obj: Json) -> Json:
    """An events.k8s.io Event as the core Event it is stored as."""
    return {_EVENT_FIELDS.get(name, name): value for name, value in obj.items()}


def event_from_core(obj: Json) -> Json:
    renamed = {_CORE_FIELDS.get(name, name): value for name, value in obj.items()}
    for name in ("reportingController", "reportingInstance"):
        if renamed.get(name) == "":
            del renamed[name]
    return renamed


def slice_from_beta(obj: Json) -> Json:
    """v1beta1 keeps the zone, and sometimes the node, in a topology map; v1 has fields for them."""
    return {**obj, "endpoints": [_endpoint_from_beta(endpoint) for endpoint in obj.get("endpoints") or []]}


def _endpoint_from_beta(endpoint: Json) -> Json:
    topology = dict(endpoint.get("topology") or {})
    converted = {name: value for name, value in endpoint.items() if name != "topology"}
    zone = topology.pop(_ZONE, None)
    node = topology.get(_HOSTNAME)
    if zone is not None:
        converted["zone"] = zone
    if node is not None and "nodeName" not in converted:
        converted["nodeName"] = topology.pop(_HOSTNAME)
    if topology:
        converted["deprecatedTopology"] = topology
    return converted


def slice_to_beta(obj: Json) -> Json:
    return {**obj, "endpoints": [_endpoint_to_beta(endpoint) for endpoint in obj.get("endpoints") or []]}


def _endpoint_to_beta(endpoint: Json) -> Json:
    converted = {name: value for name, value in endpoint.items() if name not in {"zone", "deprecatedTopology"}}
    topology = dict(endpoint.get("deprecatedTopology") or {})
    if "zone" in endpoint:
        topology[_ZONE] = endpoint["zone"]
    if topology:
        converted["topology"] = topology
    return converted
