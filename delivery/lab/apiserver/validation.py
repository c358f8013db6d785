"""What the API server refuses on built-in kinds, in the words it refuses it with."""

import re
from typing import Any

from delivery.lab.apiserver.metadata import LABEL_NOTE, is_label_name, label_errors
from delivery.lab.apiserver.pods import PORT_NOTE, PROTOCOLS, not_negative, pod_spec, port_reference, repeated_names
from delivery.lab.apiserver.status import FieldError, Json, forbidden_field, invalid_value, required
from delivery.lab.apiserver.status import unsupported as not_supported

_AFFINITIES = ("ClientIP", "None")
_SERVICE_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")


def workload(obj: Json) -> list[FieldError]:
    """A Deployment or a ReplicaSet: replicas, selector, template."""
    spec = obj["spec"]
    errors = not_negative(spec, "spec", "replicas", "minReadySeconds", "revisionHistoryLimit")
    selector = spec.get("selector")
    if selector is None:
        errors += [required("spec.selector"), _mismatch(spec["template"])]
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        errors.append(invalid_value("spec.selector", selector, "empty selector is invalid for deployment"))
    else:
        errors += _selector_matches(selector, spec["template"])
    return errors + _template(spec["template"]) + _deployment_strategy(spec)


def _selector_matches(selector: Json, template: Json) -> list[FieldError]:
    labels = template["metadata"].get("labels") or {}
    if all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()):
        return []
    return [_mismatch(template)]


def _mismatch(template: Json) -> FieldError:
    labels = template["metadata"].get("labels") or {}
    shown = "map[string]string{" + ", ".join(f'"{k}":"{v}"' for k, v in sorted(labels.items())) + "}"
    note = f"Invalid value: {shown}: `selector` does not match template `labels`"
    return FieldError("FieldValueInvalid", "spec.template.metadata.labels", note)


def _template(template: Json) -> list[FieldError]:
    errors = label_errors(template["metadata"].get("labels") or {}, "spec.template.labels")
    errors += pod_spec(template["spec"], "spec.template.spec")
    policy = template["spec"]["restartPolicy"]
    if policy != "Always":
        errors.append(not_supported("spec.template.spec.restartPolicy", policy, ("Always",)))
    return errors


def _deployment_strategy(spec: Json) -> list[FieldError]:
    strategy = spec.get("strategy")
    if strategy is None:
        return []
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind not in {"Recreate", "RollingUpdate"}:
        return [not_supported("spec.strategy", kind, ("Recreate", "RollingUpdate"))]
    if kind == "Recreate" and rolling is not None:
        note = "may not be specified when strategy `type` is 'Recreate'"
        return [forbidden_field("spec.strategy.rollingUpdate", note)]
    return _rolling(rolling or {}) + _deadline(spec)


def _rolling(rolling: Json) -> list[FieldError]:
    errors = [error for name in ("maxUnavailable", "maxSurge") for error in _share(rolling, name)]
    if not errors and rolling and _is_zero(rolling.get("maxSurge")) and _is_zero(rolling.get("maxUnavailable")):
        note = "may not be 0 when `maxSurge` is 0"
        errors.append(invalid_value("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], note))
    return errors


def _deadline(spec: Json) -> list[FieldError]:
    deadline = spec.get("progressDeadlineSeconds", 600)
    if deadline > spec.get("minReadySeconds", 0):
        return []
    return [invalid_value("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")]


def _share(rolling: Json, name: str) -> list[FieldError]:
    """A number of pods or a percentage of them."""
    value, path = rolling.get(name, 0), f"spec.strategy.rollingUpdate.{name}"
    if isinstance(value, int):
        return [] if value >= 0 else [invalid_value(path, value, "must be greater than or equal to 0")]
    if not re.fullmatch(r"[0-9]+%", value):
        note = "a valid percent string must be a numeric string followed by an ending '%' "
        return [invalid_value(path, value, note + "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')")]
    if name == "maxUnavailable" and int(value[:-1]) > 100:
        return [invalid_value(path, value, "must not be greater than 100%")]
    return []


def _is_zero(value: Any) -> bool:
    return value in (0, "0", "0%")


def workload_update(new: Json, old: Json) -> list[FieldError]:
    if new["spec"].get("selector") == old["spec"].get("selector"):
        return []
    return [invalid_value("spec.selector", new["spec"].get("selector"), "field is immutable")]


def _affinity(spec: Json) -> list[FieldError]:
    errors = []
    if spec["type"] == "ExternalName" and not spec.get("externalName"):
        errors.append(required("spec.externalName"))
    if spec["sessionAffinity"] not in _AFFINITIES:
        errors.append(not_supported("spec.sessionAffinity", spec["sessionAffinity"], _AFFINITIES))
    return errors


def _service_port(port: Json, path: str) -> list[FieldError]:
    number, target, name = port.get("port", 0), port.get("targetPort"), port.get("name")
    errors = [] if not name or is_label_name(name) else [invalid_value(f"{path}.name", name, LABEL_NOTE)]
    errors += [] if 0 < number < 65536 else [invalid_value(f"{path}.port", number, PORT_NOTE)]
    if port["protocol"] not in PROTOCOLS:
        errors.append(not_supported(f"{path}.protocol", port["protocol"], PROTOCOLS))
    return errors if target is None else errors + port_reference(target, f"{path}.targetPort")


def service(obj: Json) -> list[FieldError]:
    spec = obj["spec"]
    if spec["type"] not in _SERVICE_TYPES:
        return [not_supported("spec.type", spec["type"], _SERVICE_TYPES)]
    ports = spec.get("ports") or []
    errors = []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        errors.append(required("spec.ports"))
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            errors.append(required(f"spec.ports[{index}].name"))
        errors += _service_port(port, f"spec.ports[{index}]")
    errors += _affinity(spec)
    names = [port for port in ports if port.get("name")]
    errors += repeated_names(names, "spec.ports")
    return errors + label_errors(spec.get("selector") or {}, "spec.selector")


def service_update(new: Json, old: Json) -> list[FieldError]:
    before, after = old["spec"].get("clusterIP"), new["spec"].get("clusterIP")
    if before and before != after and new["spec"]["type"] != "ExternalName":
        return [invalid_value("spec.clusterIPs[0]", [after], "may not change once set")]
    return []


def endpoint_slice_update(new: Json, old: Json) -> list[FieldError]:
    if new.get("addressType") == old.get("addressType"):
        return []
    return [invalid_value("addressType", new.get("addressType"), "field is immutable")]


def endpoint_slice(obj: Json) -> list[FieldError]:
    kind = obj.get("addressType") or ""
    if not kind:
        return [required("addressType")]
    if kind not in {"FQDN", "IPv4", "IPv6"}:
        return [not_supported("addressType", kind, ("FQDN", "IPv4", "IPv6"))]
    return [
        required(f"endpoints[{index}].addresses", "must contain at least 1 address")
        for index, endpoint in enumerate(obj.get("endpoints") or [])
        if not endpoint.get("addresses")
    ]


def stored_data(obj: Json) -> list[FieldError]:
    """The keys of a ConfigMap or a Secret."""
    keys = [*(obj.get("data") or {}), *(obj.get("binaryData") or {})]
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    note = (
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
        "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
    )
    return [invalid_value(f"data[{key}]", key, note) for key in keys if not key or set(key) - allowed]


def stored_data_update(new: Json, old: Json) -> list[FieldError]:
    if not old.get("immutable"):
        return []
    errors = []
    if not new.get("immutable"):
        errors.append(forbidden_field("immutable", "field is immutable when `immutable` is set"))
    for part in ("data", "binaryData"):
        if new.get(part) != old.get(part):
            errors.append(forbidden_field(part, "field is immutable when `immutable` is set"))
    return errors


def lease(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = []
    if spec.get("leaseDurationSeconds", 1) <= 0:
        errors.append(
            invalid_value("spec.leaseDurationSeconds", spec["leaseDurationSeconds"], "must be greater than 0")
        )
    if spec.get("leaseTransitions", 0) < 0:
        note = "must be greater than or equal to 0"
        errors.append(invalid_value("spec.leaseTransitions", spec["leaseTransitions"], note))
    return errors


def event(obj: Json) -> list[FieldError]:
    involved = obj["involvedObject"].get("namespace") or "default"
    if involved == obj["metadata"].get("namespace"):
        return []
    shown = obj["involvedObject"].get("namespace", "")
    return [invalid_value("involvedObject.namespace", shown, "does not match event.namespace")]


def autoscaler(obj: Json) -> list[FieldError]:
    spec = obj["spec"]
    errors = []
    if not spec.get("maxReplicas"):
        errors.append(invalid_value("spec.maxReplicas", spec.get("maxReplicas", 0), "must be greater than 0"))
    elif spec["minReplicas"] > spec["maxReplicas"]:
        errors.append(
            invalid_value("spec.maxReplicas", spec["maxReplicas"], "must be greater than or equal to `minReplicas`")
        )
    target = spec.get("scaleTargetRef") or {}
    errors += [required(f"spec.scaleTargetRef.{name}") for name in ("kind", "name") if not target.get(name)]
    return errors


def role_binding_update(new: Json, old: Json) -> list[FieldError]:
    if new.get("roleRef") == old.get("roleRef"):
        return []
    return [invalid_value("roleRef", new.get("roleRef"), "cannot change roleRef")]
