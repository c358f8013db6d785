"""What `kubectl get` prints of built-in kinds."""

from collections.abc import Iterable
from typing import Any

from delivery.lab.apiserver.kinds import Column
from delivery.lab.apiserver.status import Json

_NONE = "<none>"


def _at(obj: Json, *path: str, default: Any = None) -> Any:
    value: Any = obj
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return default if value is None else value


def _joined(items: Iterable[object]) -> str:
    return ",".join(str(item) for item in items) or _NONE


def _labels(labels: dict[str, str] | None) -> str:
    return _joined(f"{key}={value}" for key, value in sorted((labels or {}).items()))


AGE = Column("Age", lambda obj: obj["metadata"].get("creationTimestamp"), timestamp=True)
CREATED_AT = Column("Created At", lambda obj: obj["metadata"].get("creationTimestamp"), "date")


def _containers(*path: str) -> tuple[Column, Column]:
    def part(obj: Json, name: str) -> str:
        return _joined(item.get(name) for item in _at(obj, *path, "containers", default=[]))

    return (
        Column("Containers", lambda obj: part(obj, "name"), priority=1),
        Column("Images", lambda obj: part(obj, "image"), priority=1),
    )


def _count(*path: str) -> Any:
    return lambda obj: _at(obj, *path, default=0)


_SELECTOR = Column("Selector", lambda obj: _labels(_at(obj, "spec", "selector", "matchLabels")), priority=1)
_TEMPLATE = _containers("spec", "template", "spec")


def _pod_ready(pod: Json) -> str:
    statuses = _at(pod, "status", "containerStatuses", default=[])
    ready = sum(bool(item.get("ready")) for item in statuses)
    return f"{ready}/{len(_at(pod, 'spec', 'containers', default=[]))}"


def _pod_status(pod: Json) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for item in _at(pod, "status", "containerStatuses", default=[]):
        for state in ("waiting", "terminated"):
            reason = _at(item, "state", state, "reason")
            if reason:
                return str(reason)
    return str(_at(pod, "status", "reason") or _at(pod, "status", "phase", default="Unknown"))


def _pod_restarts(pod: Json) -> int:
    return sum(item.get("restartCount", 0) for item in _at(pod, "status", "containerStatuses", default=[]))


def _external_ip(service: Json) -> str:
    if _at(service, "spec", "type") == "ExternalName":
        return str(_at(service, "spec", "externalName", default=_NONE))
    ingress = _at(service, "status", "loadBalancer", "ingress", default=[])
    found = [item.get("ip") or item.get("hostname") for item in ingress] + _at(
        service, "spec", "externalIPs", default=[]
    )
    return _joined(found)


def _service_ports(service: Json) -> str:
    return _joined(_service_port(port) for port in _at(service, "spec", "ports", default=[]))


def _service_port(port: Json) -> str:
    outside = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{outside}/{port.get('protocol', 'TCP')}"


def _endpoints(obj: Json) -> str:
    return _joined(
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or []
        for port in subset.get("ports") or []
        for address in subset.get("addresses") or []
    )


def _slice_endpoints(obj: Json) -> str:
    return _joined(address for item in obj.get("endpoints") or [] for address in item.get("addresses") or [])


def _node_status(node: Json) -> str:
    conditions = {item.get("type"): item.get("status") for item in _at(node, "status", "conditions", default=[])}
    ready = {"True": "Ready", "False": "NotReady"}.get(conditions.get("Ready", ""), "Unknown")
    return ready + (",SchedulingDisabled" if _at(node, "spec", "unschedulable") else "")


def _node_roles(node: Json) -> str:
    prefix = "node-role.kubernetes.io/"
    return _joined(key.removeprefix(prefix) for key in node["metadata"].get("labels", {}) if key.startswith(prefix))


def _involved(event: Json) -> str:
    involved = event.get("involvedObject") or {}
    return f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"


def _last_seen(event: Json) -> Any:
    return event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")


def _first_seen(event: Json) -> Any:
    return event.get("firstTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")


def _source(event: Json) -> str:
    source = event.get("source") or {}
    return ", ".join(str(source[name]) for name in ("component", "host") if source.get(name))


def _readiness_gates(pod: Json) -> str:
    gates = [gate.get("conditionType") for gate in _at(pod, "spec", "readinessGates", default=[])]
    true = {item["type"] for item in _at(pod, "status", "conditions", default=[]) if item.get("status") == "True"}
    return f"{len(true & set(gates))}/{len(gates)}" if gates else _NONE


def _node_address(kind: str) -> Any:
    def find(node: Json) -> str:
        listed = _at(node, "status", "addresses", default=[])
        return next((item["address"] for item in listed if item.get("type") == kind), _NONE)

    return find


def _node_info(name: str) -> Any:
    return lambda node: _at(node, "status", "nodeInfo", name) or "<unknown>"


def _subjects(kind: str) -> Any:
    def find(binding: Json) -> str:
        found = [item for item in binding.get("subjects") or [] if item.get("kind") == kind]
        return ", ".join("/".join(filter(None, (item.get("namespace"), item["name"]))) for item in found)

    return find


def _role(binding: Json) -> str:
    return f"{_at(binding, 'roleRef', 'kind')}/{_at(binding, 'roleRef', 'name')}"


def _reference(autoscaler: Json) -> str:
    target = _at(autoscaler, "spec", "scaleTargetRef", default={})
    return f"{target.get('kind')}/{target.get('name')}"


def _cpu_target(autoscaler: Json) -> str:
    current = _at(autoscaler, "status", "currentCPUUtilizationPercentage")
    wanted = _at(autoscaler, "spec", "targetCPUUtilizationPercentage", default="<auto>")
    return f"{'<unknown>' if current is None else f'{current}%'}/{wanted}%"


def _text(*path: str, default: str = _NONE) -> Any:
    return lambda obj: str(_at(obj, *path, default=default))


POD = (
    Column("Ready", _pod_ready),
    Column("Status", _pod_status),
    Column("Restarts", _pod_restarts, "integer"),
    AGE,
    Column("IP", _text("status", "podIP"), priority=1),
    Column("Node", _text("spec", "nodeName"), priority=1),
    Column("Nominated Node", _text("status", "nominatedNodeName"), priority=1),
    Column("Readiness Gates", _readiness_gates, priority=1),
)
DEPLOYMENT = (
    Column("Ready", lambda obj: f"{_count('status', 'readyReplicas')(obj)}/{_count('spec', 'replicas')(obj)}"),
    Column("Up-to-date", _count("status", "updatedReplicas")),
    Column("Available", _count("status", "availableReplicas")),
    AGE,
    *_TEMPLATE,
    _SELECTOR,
)
REPLICA_SET = (
    Column("Desired", _count("spec", "replicas"), "integer"),
    Column("Current", _count("status", "replicas"), "integer"),
    Column("Ready", _count("status", "readyReplicas"), "integer"),
    AGE,
    *_TEMPLATE,
    _SELECTOR,
)
SERVICE = (
    Column("Type", _text("spec", "type")),
    Column("Cluster-IP", _text("spec", "clusterIP")),
    Column("External-IP", _external_ip),
    Column("Port(s)", _service_ports),
    AGE,
    Column("Selector", lambda obj: _labels(_at(obj, "spec", "selector")), priority=1),
)
NAMESPACE = (Column("Status", _text("status", "phase")), AGE)
CONFIG_MAP = (Column("Data", lambda obj: len(obj.get("data") or {}) + len(obj.get("binaryData") or {})), AGE)
SECRET = (Column("Type", _text("type")), Column("Data", lambda obj: len(obj.get("data") or {})), AGE)
SERVICE_ACCOUNT = (Column("Secrets", lambda obj: len(obj.get("secrets") or [])), AGE)
ENDPOINTS = (Column("Endpoints", _endpoints), AGE)
ENDPOINT_SLICE = (
    Column("AddressType", _text("addressType")),
    Column("Ports", lambda obj: _joined(port.get("port") for port in obj.get("ports") or [])),
    Column("Endpoints", _slice_endpoints),
    AGE,
)
NODE = (
    Column("Status", _node_status),
    Column("Roles", _node_roles),
    AGE,
    Column("Version", _text("status", "nodeInfo", "kubeletVersion", default="")),
    Column("Internal-IP", _node_address("InternalIP"), priority=1),
    Column("External-IP", _node_address("ExternalIP"), priority=1),
    Column("OS-Image", _node_info("osImage"), priority=1),
    Column("Kernel-Version", _node_info("kernelVersion"), priority=1),
    Column("Container-Runtime", _node_info("containerRuntimeVersion"), priority=1),
)
LEASE = (Column("Holder", _text("spec", "holderIdentity", default="")), AGE)
EVENT = (
    Column("Last Seen", _last_seen, timestamp=True),
    Column("Type", _text("type", default="")),
    Column("Reason", _text("reason", default="")),
    Column("Object", _involved),
    Column("Subobject", _text("involvedObject", "fieldPath", default=""), priority=1),
    Column("Source", _source, priority=1),
    Column("Message", lambda obj: str(obj.get("message", "")).strip()),
    Column("First Seen", _first_seen, priority=1, timestamp=True),
    Column("Count", lambda obj: obj.get("count", 1), priority=1),
    Column("Name", lambda obj: obj["metadata"].get("name", ""), priority=1, format="name"),
)
AUTOSCALER = (
    Column("Reference", _reference),
    Column("Targets", _cpu_target),
    Column("MinPods", _text("spec", "minReplicas")),
    Column("MaxPods", _count("spec", "maxReplicas")),
    Column("Replicas", _count("status", "currentReplicas")),
    AGE,
)
DISRUPTION_BUDGET = (
    Column("Min Available", _text("spec", "minAvailable", default="N/A")),
    Column("Max Unavailable", _text("spec", "maxUnavailable", default="N/A")),
    Column("Allowed Disruptions", _count("status", "disruptionsAllowed"), "integer"),
    AGE,
)
BINDING = (
    Column("Role", _role),
    AGE,
    Column("Users", _subjects("User"), priority=1),
    Column("Groups", _subjects("Group"), priority=1),
    Column("ServiceAccounts", _subjects("ServiceAccount"), priority=1),
)
