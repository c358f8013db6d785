"""What the API server refuses on pods and pod templates, in the words it refuses it with."""

import re
from collections import Counter
from typing import Any

from delivery.lab.apiserver.metadata import LABEL_NOTE, is_label_name, name_errors
from delivery.lab.apiserver.quantity import quantity_value
from delivery.lab.apiserver.status import FieldError, Json, duplicate, forbidden_field, invalid_value, required
from delivery.lab.apiserver.status import unsupported as not_supported

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
PROTOCOLS = ("SCTP", "TCP", "UDP")
PORT_NAME = re.compile(r"(?=.{1,15}$)(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
PORT_NAME_NOTE = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
_RESTART_POLICIES = ("Always", "Never", "OnFailure")
PORT_NOTE = "must be between 1 and 65535, inclusive"


def not_negative(spec: Json, path: str, *names: str) -> list[FieldError]:
    note = "must be greater than or equal to 0"
    return [invalid_value(f"{path}.{n}", spec[n], note) for n in names if isinstance(spec.get(n), int) and spec[n] < 0]


def pod(obj: Json) -> list[FieldError]:
    """A pod of its own: what its template may not say, it may, such as the node it runs on."""
    spec = obj["spec"]
    errors = pod_spec(spec, "spec")
    if spec["restartPolicy"] not in _RESTART_POLICIES:
        errors.append(not_supported("spec.restartPolicy", spec["restartPolicy"], _RESTART_POLICIES))
    return errors


def pod_spec(spec: Json, path: str) -> list[FieldError]:
    containers = spec.get("containers") or []
    errors = [] if containers else [required(f"{path}.containers")]
    listed = spec.get("volumes") or []
    errors += [required(f"{path}.volumes[{index}].name") for index, item in enumerate(listed) if not item.get("name")]
    for kind in ("initContainers", "containers"):
        for index, item in enumerate(spec.get(kind) or []):
            errors += _container(item, f"{path}.{kind}[{index}]")
        errors += repeated_names(spec.get(kind) or [], f"{path}.{kind}")
    volumes = {item.get("name") for item in listed}
    for index, item in enumerate(containers):
        for at, mount in enumerate(item.get("volumeMounts") or []):
            errors += _mount(mount, volumes, f"{path}.containers[{index}].volumeMounts[{at}]")
    if spec.get("nodeName"):
        errors += name_errors(spec["nodeName"], "subdomain", f"{path}.nodeName")
    return errors + not_negative(spec, path, "terminationGracePeriodSeconds")


def _mount(mount: Json, volumes: set[Any], path: str) -> list[FieldError]:
    errors = [required(f"{path}.{part}") for part in ("name", "mountPath") if not mount.get(part)]
    if mount.get("name") not in volumes:
        errors.append(FieldError("FieldValueNotFound", f"{path}.name", f'Not found: "{mount.get("name", "")}"'))
    return errors


def repeated_names(items: list[Json], path: str) -> list[FieldError]:
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
    errors += _resources(item["resources"], f"{path}.resources")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in item:
            errors += _probe(item[name], f"{path}.{name}")
    for index, port in enumerate(item.get("ports") or []):
        errors += port_errors(port, "containerPort", f"{path}.ports[{index}]")
    for index, variable in enumerate(item.get("env") or []):
        errors += _variable(variable.get("name") or "", f"{path}.env[{index}].name")
    return errors


def _variable(name: str, path: str) -> list[FieldError]:
    if not name:
        return [required(path)]
    if re.fullmatch(r"[-._a-zA-Z][-._a-zA-Z0-9]*", name):
        return []
    note = (
        "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must "
        "not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation "
        "is '[-._a-zA-Z][-._a-zA-Z0-9]*')"
    )
    return [invalid_value(path, name, note)]


_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")


def _probe(probe: Json, path: str) -> list[FieldError]:
    used = [name for name in _HANDLERS if name in probe]
    errors = []
    if not used:
        errors.append(required(path, "must specify a handler type"))
    for extra in used[1:]:
        errors.append(forbidden_field(f"{path}.{extra}", "may not specify more than 1 handler type"))
    for name in {"httpGet", "tcpSocket"} & set(used):
        errors += port_reference(probe[name].get("port", 0), f"{path}.{name}.port")
    if "exec" in used and not probe["exec"].get("command"):
        errors.append(required(f"{path}.exec.command"))
    numbers = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
    errors += not_negative(probe, path, *numbers)
    if not path.endswith("readinessProbe") and probe["successThreshold"] != 1:
        errors.append(invalid_value(f"{path}.successThreshold", probe["successThreshold"], "must be 1"))
    return errors


def port_reference(port: int | str, path: str) -> list[FieldError]:
    """A port by number or by name."""
    if isinstance(port, int):
        return [] if 0 < port < 65536 else [invalid_value(path, port, PORT_NOTE)]
    return [] if PORT_NAME.fullmatch(port) else [invalid_value(path, port, PORT_NAME_NOTE)]


def _resources(resources: Json, path: str) -> list[FieldError]:
    errors = []
    for part in ("limits", "requests"):
        for name, amount in (resources.get(part) or {}).items():
            if amount.startswith("-"):
                note = "must be greater than or equal to 0"
                errors.append(invalid_value(f"{path}.{part}[{name}]", amount, note))
    for name, limit in (resources.get("limits") or {}).items():
        request = (resources.get("requests") or {}).get(name, limit)
        if quantity_value(request) > quantity_value(limit):
            note = f"must be less than or equal to {name} limit"
            errors.append(invalid_value(f"{path}.requests", request, note))
    return errors


def port_errors(port: Json, number: str, path: str) -> list[FieldError]:
    value = port.get(number)
    errors = []
    if port.get("name") and not PORT_NAME.fullmatch(port["name"]):
        errors.append(invalid_value(f"{path}.name", port["name"], PORT_NAME_NOTE))
    if not value:
        errors.append(required(f"{path}.{number}"))
    elif not 0 < value < 65536:
        errors.append(invalid_value(f"{path}.{number}", value, PORT_NOTE))
    if port["protocol"] not in PROTOCOLS:
        errors.append(not_supported(f"{path}.protocol", port["protocol"], PROTOCOLS))
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
