"""What is particular to each built-in kind: defaults, checks, generation, and what its creation sets."""

import base64

from delivery.lab.apiserver import defaults, pods, validation
from delivery.lab.apiserver.kinds import Rules
from delivery.lab.apiserver.status import Json


def _spec_of(obj: Json) -> object:
    return obj.get("spec")


def _deployment_generation(obj: Json) -> object:
    # The real server counts a change of annotations too, because the rollout controller reads some of them.
    return obj.get("spec"), obj["metadata"].get("annotations")


def _slice_generation(obj: Json) -> object:
    metadata = obj["metadata"]
    content = {name: value for name, value in obj.items() if name != "metadata"}
    return content, metadata.get("labels"), metadata.get("annotations")


def _encode_secret(obj: Json) -> None:
    """`stringData` is write-only: it is folded into `data`."""
    plain = obj.pop("stringData", None)
    if plain:
        data = obj.setdefault("data", {})
        data |= {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
    defaults.secret(obj)


def _tolerate_briefly(pod: Json) -> None:
    """Every new pod outlives five minutes of its node being away, unless it says otherwise."""
    tolerations = pod["spec"].setdefault("tolerations", [])
    for trouble in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{trouble}"
        if not any(item.get("key") in {key, None} for item in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})


def _not_ready_yet(node: Json) -> None:
    """A new node takes no pods before somebody who knows it says that it is ready."""
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    taints = node["spec"].setdefault("taints", [])
    if taint not in taints:
        taints.append(taint)


def _pending(pod: Json) -> Json:
    return {"phase": "Pending", "qosClass": _quality_of_service(pod["spec"])}


def _quality_of_service(spec: Json) -> str:
    resources = [item.get("resources", {}) for item in spec.get("containers", [])]
    if not any(item.get("requests") or item.get("limits") for item in resources):
        return "BestEffort"
    bounded = all(
        {"cpu", "memory"} <= item.get("limits", {}).keys() and item.get("requests") == item["limits"]
        for item in resources
    )
    return "Guaranteed" if bounded else "Burstable"


def _finalized_by_server(namespace: Json) -> None:
    namespace["spec"].setdefault("finalizers", ["kubernetes"])


PLAIN = Rules()
NAMESPACE = Rules(
    defaults=defaults.namespace,
    on_create=_finalized_by_server,
    status_on_create=lambda _: {"phase": "Active"},
    name_rule="label",
    returns_deleted=True,
)
NODE = Rules(
    defaults=defaults.node,
    on_create=_not_ready_yet,
    status_on_create=lambda node: node.get("status"),
)
POD = Rules(
    defaults=defaults.pod,
    on_create=_tolerate_briefly,
    validate=pods.pod,
    validate_update=pods.pod_update,
    status_on_create=_pending,
    returns_deleted=True,
    graceful=True,
)
SERVICE = Rules(
    defaults=defaults.service,
    validate=validation.service,
    validate_update=validation.service_update,
    status_on_create=lambda _: {"loadBalancer": {}},
    name_rule="dns1035",
    create_on_update=True,
    unconditional_update=False,
)
ENDPOINTS = Rules(defaults=defaults.endpoints, create_on_update=True)
CONFIG_MAP = Rules(validate=validation.stored_data, validate_update=validation.stored_data_update)
SECRET = Rules(
    defaults=_encode_secret,
    validate=validation.stored_data,
    validate_update=validation.stored_data_update,
)
SERVICE_ACCOUNT = Rules(returns_deleted=True)
EVENT = Rules(defaults=defaults.event, validate=validation.event, create_on_update=True)
DEPLOYMENT = Rules(
    defaults=defaults.deployment,
    validate=validation.workload,
    validate_update=validation.workload_update,
    generation_of=_deployment_generation,
    status_on_create=lambda _: {},
    status_keeps_labels=True,
)
REPLICA_SET = Rules(
    defaults=defaults.replica_set,
    validate=validation.workload,
    validate_update=validation.workload_update,
    generation_of=_spec_of,
    status_on_create=lambda _: {"replicas": 0},
)
LEASE = Rules(validate=validation.lease, unconditional_update=False, create_on_update=True)
ENDPOINT_SLICE = Rules(
    defaults=defaults.endpoint_slice,
    validate=validation.endpoint_slice,
    validate_update=validation.endpoint_slice_update,
    generation_of=_slice_generation,
)
AUTOSCALER = Rules(
    defaults=defaults.autoscaler,
    validate=validation.autoscaler,
    status_on_create=lambda _: {"currentReplicas": 0, "desiredReplicas": 0},
)
DISRUPTION_BUDGET = Rules(
    defaults=defaults.disruption_budget,
    generation_of=_spec_of,
    unconditional_update=False,
    status_on_create=lambda _: dict(defaults.NO_DISRUPTIONS),
)
ROLE = Rules(name_rule="path", create_on_update=True)
BINDING = Rules(
    defaults=defaults.binding,
    validate_update=validation.role_binding_update,
    name_rule="path",
    create_on_update=True,
)
