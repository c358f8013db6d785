"""What the API server refuses on built-in kinds, in the words it refuses it with."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from delivery.lab.apiserver.metadata import LABEL_NOTE, is_label_name, label_errors
from delivery.lab.apiserver.status import FieldError, Json, duplicate, forbidden_field, invalid_value, required
from delivery.lab.apiserver.status import unsupported as not_supported

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_PORT_NOTE = "must be between 1 and 65535, inclusive"
_PORT_NAME = re.compile(r"(?=.{1,15}$)(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_PORT_NAME_NOTE = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_SERVICE_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")


def workload(obj: Json) -> list[FieldError]:
    """A Deployment or a ReplicaSet: replicas, selector, template."""
    spec = obj["spec"]
    errors = _not_negative(spec, "spec", "replicas", "minReadySeconds", "revisionHistoryLimit")
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
    if rolling and _is_zero(rolling.get("maxSurge")) and _is_zero(rolling.get("maxUnavailable")):
        note = "may not be 0 when `maxSurge` is 0"
        return [invalid_value("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], note)]
    if spec.get("progressDeadlineSeconds", 0) <= spec.get("minReadySeconds", 0):
        note = "must be greater than minReadySeconds"
        return [invalid_value("spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], note)]
    return []


def _is_zero(value: Any) -> bool:
    return value in (0, "0", "0%")


def _not_negative(spec: Json, path: str, *names: str) -> list[FieldError]:
    note = "must be greater than or equal to 0"
    return [invalid_value(f"{path}.{n}", spec[n], note) for n in names if isinstance(spec.get(n), int) and spec[n] < 0]


def workload_update(new: Json, old: Json) -> list[FieldError]:
    if new["spec"].get("selector") == old["spec"].get("selector"):
        return []
    return [invalid_value("spec.selector", new["spec"].get("selector"), "field is immutable")]


def pod(obj: Json) -> list[FieldError]:
    return pod_spec(obj["spec"], "spec")


def pod_spec(spec: Json, path: str) -> list[FieldError]:
    containers = spec.get("containers") or []
    errors = [] if containers else [required(f"{path}.containers")]
    for kind in ("initContainers", "containers"):
        for index, item in enumerate(spec.get(kind) or []):
            errors += _container(item, f"{path}.{kind}[{index}]")
        errors += _repeated(spec.get(kind) or [], f"{path}.{kind}")
    volumes = {item.get("name") for item in spec.get("volumes") or []}
    for index, item in enumerate(containers):
        for at, mount in enumerate(item.get("volumeMounts") or []):
            if mount.get("name") not in volumes:
                where = f"{path}.containers[{index}].volumeMounts[{at}].name"
                errors.append(FieldError("FieldValueNotFound", where, f'Not found: "{mount.get("name")}"'))
    return errors + _not_negative(spec, path, "terminationGracePeriodSeconds")


def _repeated(items: list[Json], path: str) -> list[FieldError]:
    counts = Counter(item.get("name") for item in items)
    seen: set[Any] = set()
    errors = []
    for index, item in enumerate(items):
        name = item.get("name")
        if name in seen and counts[name] > 1:
            errors.append(duplicate(f"{path}[{index}].name", name))
        seen.add(name)
    return errors


def _container(item: Json, path: str) -> list[FieldError]:
    errors = []
    name = item.get("name") or ""
    if not name:
        errors.append(required(f"{path}.name"))
    elif not is_label_name(name):
        errors.append(invalid_value(f"{path}.name", name, LABEL_NOTE))
    if not item.get("image"):
        errors.append(required(f"{path}.image"))
    if item["imagePullPolicy"] not in _PULL_POLICIES:
        errors.append(not_supported(f"{path}.imagePullPolicy", item["imagePullPolicy"], _PULL_POLICIES))
    for index, port in enumerate(item.get("ports") or []):
        errors += _port(port, "containerPort", f"{path}.ports[{index}]")
    for index, variable in enumerate(item.get("env") or []):
        if not variable.get("name"):
            errors.append(required(f"{path}.env[{index}].name"))
    return errors


def _port(port: Json, number: str, path: str) -> list[FieldError]:
    value = port.get(number)
    errors = []
    if not value:
        errors.append(required(f"{path}.{number}"))
    elif not 0 < value < 65536:
        errors.append(invalid_value(f"{path}.{number}", value, _PORT_NOTE))
    if port["protocol"] not in _PROTOCOLS:
        errors.append(not_supported(f"{path}.protocol", port["protocol"], _PROTOCOLS))
    return errors


def _service_port(port: Json, path: str) -> list[FieldError]:
    number, target = port.get("port", 0), port.get("targetPort")
    errors = [] if 0 < number < 65536 else [invalid_value(f"{path}.port", number, _PORT_NOTE)]
    if port["protocol"] not in _PROTOCOLS:
        errors.append(not_supported(f"{path}.protocol", port["protocol"], _PROTOCOLS))
    if isinstance(target, int) and not 0 < target < 65536:
        errors.append(invalid_value(f"{path}.targetPort", target, _PORT_NOTE))
    if isinstance(target, str) and not _PORT_NAME.fullmatch(target):
        errors.append(invalid_value(f"{path}.targetPort", target, _PORT_NAME_NOTE))
    return errors


_MUTABLE_IN_POD = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")


def pod_update(new: Json, old: Json) -> list[FieldError]:
    if _without_mutable(new["spec"]) == _without_mutable(old["spec"]):
        return []
    note = (
        "pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`, "
        "`spec.activeDeadlineSeconds` or `spec.tolerations` (only additions to existing tolerations)"
    )
    return [forbidden_field("spec", note)]


def _without_mutable(spec: Json) -> Json:
    fixed = {name: value for name, value in spec.items() if name not in _MUTABLE_IN_POD}
    for kind in ("containers", "initContainers"):
        fixed[kind] = [{k: v for k, v in item.items() if k != "image"} for item in spec.get(kind) or []]
    return fixed


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
    names = [port for port in ports if port.get("name")]
    errors += _repeated(names, "spec.ports")
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


Check = Callable[[Json], list[FieldError]]
