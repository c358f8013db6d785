"""What the API server fills in on built-in kinds; each function changes the object it is given in place."""

from typing import Any

from delivery.lab.apiserver.quantity import canonical_quantity
from delivery.lab.apiserver.status import Json, bad_request

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_FILE_MODE = 0o644


def deployment(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    pod_template(spec)
    status = obj.setdefault("status", {})
    if status.get("replicas") == 0:
        del status["replicas"]
    for condition in status.get("conditions", ()):
        condition.setdefault("lastUpdateTime", None)
        condition.setdefault("lastTransitionTime", None)


def replica_set(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    pod_template(spec)
    obj.setdefault("status", {}).setdefault("replicas", 0)


def pod_template(spec: Json) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {}).setdefault("creationTimestamp", None)
    pod_spec(template.setdefault("spec", {}))


def pod(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault("priority", 0)
    pod_spec(spec)
    for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
        resources = container["resources"]
        for name, limit in resources.get("limits", {}).items():
            resources.setdefault("requests", {}).setdefault(name, limit)
    status = obj.setdefault("status", {})
    for condition in status.get("conditions", ()):
        condition.setdefault("lastProbeTime", None)
        condition.setdefault("lastTransitionTime", None)
    for container_status in [*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())]:
        for name, empty in (("imageID", ""), ("image", ""), ("state", {}), ("lastState", {})):
            container_status.setdefault(name, empty)
    if status.get("podIP"):
        status.setdefault("podIPs", [{"ip": status["podIP"]}])


def pod_spec(spec: Json) -> None:
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for kind in ("containers", "initContainers"):
        for item in spec.get(kind, ()):
            container(item)
            _host_ports(item, host_network=spec.get("hostNetwork", False))
    for item in spec.get("volumes", ()):
        volume(item)


def _host_ports(item: Json, *, host_network: bool) -> None:
    if host_network:
        for port in item.get("ports", ()):
            port.setdefault("hostPort", port.get("containerPort", 0))


def container(item: Json) -> None:
    item.setdefault("imagePullPolicy", "Always" if _floating(item.get("image", "")) else "IfNotPresent")
    item.setdefault("terminationMessagePath", "/dev/termination-log")
    item.setdefault("terminationMessagePolicy", "File")
    quantities(item.setdefault("resources", {}))
    for port in item.get("ports", ()):
        port.setdefault("protocol", "TCP")
        _without_empty_name(port)
    for variable in item.get("env", ()):
        if variable.get("value") == "":
            del variable["value"]
        _field_reference(variable.get("valueFrom", {}))
    for name in _PROBES:
        if name in item:
            probe(item[name])
    for hook in item.get("lifecycle", {}).values():
        _http_get(hook)


def _floating(image: str) -> bool:
    """Whether an image names no fixed version: no digest, and no tag or the tag `latest`."""
    if "@" in image:
        return False
    _, _, tag = image.rpartition("/")[2].partition(":")
    return tag in {"", "latest"}


def _without_empty_name(port: Json) -> None:
    if port.get("name") == "":
        del port["name"]


def quantities(resources: Json) -> None:
    for part in ("requests", "limits", "capacity", "allocatable"):
        for name, text in resources.get(part, {}).items():
            try:
                resources[part][name] = canonical_quantity(str(text))
            except ValueError as wrong:
                raise bad_request(f"{part}.{name}: {text!r} is not a quantity: {wrong}") from wrong


def probe(item: Json) -> None:
    item.setdefault("timeoutSeconds", 1)
    item.setdefault("periodSeconds", 10)
    item.setdefault("successThreshold", 1)
    item.setdefault("failureThreshold", 3)
    _http_get(item)


def _http_get(handler: Json) -> None:
    if "httpGet" in handler:
        handler["httpGet"].setdefault("path", "/")
        handler["httpGet"].setdefault("scheme", "HTTP")


def _field_reference(source: Json) -> None:
    if "fieldRef" in source:
        source["fieldRef"].setdefault("apiVersion", "v1")


def volume(item: Json) -> None:
    if len(item) == 1:
        item["emptyDir"] = {}
    for kind in ("configMap", "secret", "downwardAPI", "projected"):
        if kind in item:
            item[kind].setdefault("defaultMode", _FILE_MODE)
    for entry in item.get("downwardAPI", {}).get("items", ()):
        _field_reference(entry)
    if "hostPath" in item:
        item["hostPath"].setdefault("type", "")
    for source in item.get("projected", {}).get("sources", ()):
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", 3600)
        for entry in source.get("downwardAPI", {}).get("items", ()):
            _field_reference(entry)


def service(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    kind = spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["sessionAffinity"] == "ClientIP":
        affinity = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        affinity.setdefault("timeoutSeconds", 10800)
    if kind in {"NodePort", "LoadBalancer"}:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    for port in spec.get("ports", ()):
        port.setdefault("protocol", "TCP")
        _without_empty_name(port)
        if port.get("targetPort") in (None, 0, "") and kind != "ExternalName":
            port["targetPort"] = port.get("port", 0)
    obj.setdefault("status", {}).setdefault("loadBalancer", {})


def endpoints(obj: Json) -> None:
    for subset in obj.get("subsets", ()):
        for port in subset.get("ports", ()):
            port.setdefault("protocol", "TCP")


def endpoint_slice(obj: Json) -> None:
    for port in obj.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")
    for endpoint in obj.get("endpoints") or ():
        endpoint.setdefault("conditions", {})


def secret(obj: Json) -> None:
    obj.setdefault("type", "Opaque")


def node(obj: Json) -> None:
    obj.setdefault("spec", {})
    status = obj.setdefault("status", {})
    quantities(status)
    if status.get("capacity"):
        status.setdefault("allocatable", dict(status["capacity"]))
    status.setdefault("daemonEndpoints", {}).setdefault("kubeletEndpoint", {"Port": 0})
    info = status.setdefault("nodeInfo", {})
    for name in ("architecture", "bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion"):
        info.setdefault(name, "")
    for name in ("kubeletVersion", "machineID", "operatingSystem", "osImage", "systemUUID"):
        info.setdefault(name, "")


def autoscaler(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    spec.setdefault("targetCPUUtilizationPercentage", 80)
    status = obj.setdefault("status", {})
    status.setdefault("currentReplicas", 0)
    status.setdefault("desiredReplicas", 0)


NO_DISRUPTIONS = {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}


def disruption_budget(obj: Json) -> None:
    obj["status"] = NO_DISRUPTIONS | obj.get("status", {})


def event(obj: Json) -> None:
    """Fields of an Event that are always written, empty or not."""
    empty: dict[str, Any] = {"eventTime": None, "firstTimestamp": None, "lastTimestamp": None}
    empty |= {"involvedObject": {}, "source": {}, "reportingComponent": "", "reportingInstance": ""}
    for name, value in empty.items():
        obj.setdefault(name, value)


def namespace(obj: Json) -> None:
    obj.setdefault("spec", {})
    obj.setdefault("status", {}).setdefault("phase", "Active")


def binding(obj: Json) -> None:
    """Role and cluster role bindings: subjects and references know their group."""
    if "roleRef" in obj:
        obj["roleRef"].setdefault("apiGroup", "rbac.authorization.k8s.io")
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in {"User", "Group"}:
            subject.setdefault("apiGroup", "rbac.authorization.k8s.io")
