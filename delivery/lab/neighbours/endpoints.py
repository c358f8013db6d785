"""Where a Service's traffic may go: its Endpoints and EndpointSlices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.cluster.kinds import ENDPOINT_SLICE, ENDPOINTS, SERVICE
from delivery.lab.neighbours.ownership import controller_reference, is_going
from delivery.lab.neighbours.plan import Action, Create, Object, Plan, change, remove
from delivery.lab.neighbours.pods import is_active, is_ready
from delivery.lab.neighbours.selectors import holds_all, labels_of

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"
SLICE_SIZE = 100  # endpoints in one slice at most


@dataclass(frozen=True, slots=True)
class ServiceSnapshot:
    """A Service by name (None when it is gone), the Pods of its namespace and what is published for it now."""

    service: Object | None
    pods: Sequence[Object]
    endpoints: Object | None
    slices: Sequence[Object]


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """A port of the pods, under the name the Service gives it."""

    name: str
    number: int
    protocol: str


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One pod's address."""

    ip: str
    pod: str
    uid: str
    namespace: str
    node: str
    ready: bool


def plan_endpoints(snapshot: ServiceSnapshot) -> Plan:
    """Publishes the addresses of the selected pods; a Service without a selector is left to whoever feeds it."""
    if snapshot.service is None:
        return Plan(tuple(_withdrawn(snapshot)))
    service = snapshot.service
    if not service["spec"].get("selector") or service["spec"].get("type") == "ExternalName" or is_going(service):
        return Plan()
    groups = grouped(service, snapshot.pods)
    return Plan((*_endpoints(service, groups, snapshot.endpoints), *_slices(service, groups, snapshot.slices)))


def grouped(service: Object, pods: Iterable[Object]) -> dict[tuple[Port, ...], list[Address]]:
    """The selected pods' addresses by the ports they serve: pods may give one port name different numbers."""
    published = bool(service["spec"].get("publishNotReadyAddresses"))
    found: dict[tuple[Port, ...], list[Address]] = {}
    for pod in pods:
        address = (pod.get("status") or {}).get("podIP")
        if address and is_active(pod) and holds_all(service["spec"]["selector"], labels_of(pod)):
            ports = _ports(service, pod)
            if ports or not service["spec"].get("ports"):
                found.setdefault(ports, []).append(_address(pod, published or is_ready(pod)))
    return {ports: sorted(found[ports]) for ports in sorted(found)}


def _ports(service: Object, pod: Object) -> tuple[Port, ...]:
    ports = []
    for wanted in service["spec"].get("ports") or []:
        number = _target(wanted, pod)
        if number is not None:
            ports.append(Port(wanted.get("name") or "", number, wanted.get("protocol") or "TCP"))
    return tuple(sorted(ports))


def _target(wanted: Mapping[str, Any], pod: Object) -> int | None:
    target = wanted.get("targetPort") or wanted["port"]
    if isinstance(target, int):
        return target
    for container in pod["spec"].get("containers") or []:
        for port in container.get("ports") or []:
            same_protocol = port.get("protocol", "TCP") == wanted.get("protocol", "TCP")
            if port.get("name") == target and same_protocol:
                return int(port["containerPort"])
    return None


def _address(pod: Object, ready: bool) -> Address:
    meta = pod["metadata"]
    node = pod["spec"].get("nodeName") or ""
    return Address(pod["status"]["podIP"], meta["name"], meta["uid"], meta["namespace"], node, ready)


def _reference(address: Address) -> Object:
    return {"kind": "Pod", "namespace": address.namespace, "name": address.pod, "uid": address.uid}


# -- Endpoints ----------------------------------------------------------------------------------------------


def _endpoints(service: Object, groups: dict[tuple[Port, ...], list[Address]], before: Object | None) -> list[Action]:
    meta = service["metadata"]
    labels = dict(labels_of(service))
    if service["spec"].get("clusterIP") == "None":
        labels[HEADLESS] = ""
    subsets = [_subset(ports, addresses) for ports, addresses in groups.items()]
    if before is None:
        wanted = {"name": meta["name"], "namespace": meta["namespace"], "labels": labels}
        return [Create(ENDPOINTS, {"metadata": wanted, "subsets": subsets}, "the Service has none")]
    old_labels = labels_of(before)
    if _plain(before.get("subsets") or []) == _plain(subsets) and old_labels == labels:
        return []
    dropped = dict.fromkeys(old_labels.keys() - labels.keys())
    body = {"metadata": {"labels": {**labels, **dropped}}, "subsets": subsets}
    return [change(ENDPOINTS, before, body, "the Service's pods changed")]


def _subset(ports: tuple[Port, ...], addresses: Sequence[Address]) -> Object:
    sides = {
        "addresses": [_endpoint_address(each) for each in addresses if each.ready],
        "notReadyAddresses": [_endpoint_address(each) for each in addresses if not each.ready],
        "ports": [_port(each) for each in ports],
    }
    return {side: entries for side, entries in sides.items() if entries}


def _endpoint_address(address: Address) -> Object:
    node = {"nodeName": address.node} if address.node else {}
    return {"ip": address.ip, **node, "targetRef": _reference(address)}


def _port(port: Port) -> Object:
    named = {"name": port.name} if port.name else {}
    return {**named, "port": port.number, "protocol": port.protocol}


def _plain(subsets: Iterable[Object]) -> list[tuple[Any, ...]]:
    """What counts of subsets, whatever order or extra fields they were stored with."""
    return sorted(
        (
            sorted(
                (each.get("name") or "", each["port"], each.get("protocol", "TCP")) for each in one.get("ports") or []
            ),
            sorted(_who(each) for each in one.get("addresses") or []),
            sorted(_who(each) for each in one.get("notReadyAddresses") or []),
        )
        for one in subsets
    )


def _who(address: Object) -> tuple[str, str]:
    return address["ip"], str((address.get("targetRef") or {}).get("uid", ""))


# -- EndpointSlices -----------------------------------------------------------------------------------------


def _slices(service: Object, groups: dict[tuple[Port, ...], list[Address]], before: Sequence[Object]) -> list[Action]:
    wanted = [
        _slice_content(ports, addresses[start : start + SLICE_SIZE])
        for ports, addresses in (groups or {(): []}).items()
        for start in range(0, max(1, len(addresses)), SLICE_SIZE)
    ]
    ours = [each for each in before if _is_our_slice(each, service["metadata"]["name"]) and not is_going(each)]
    actions: list[Action] = []
    for old, content in zip(ours, wanted, strict=False):
        if _plain_slice(old) != _plain_slice(content):
            actions.append(change(ENDPOINT_SLICE, old, content, "the Service's pods changed"))
    actions += [
        Create(ENDPOINT_SLICE, _slice(service, content), "no slice holds these") for content in wanted[len(ours) :]
    ]
    actions += [remove(ENDPOINT_SLICE, old, "nothing left for it to hold") for old in ours[len(wanted) :]]
    return actions


def _is_our_slice(obj: Object, service: str) -> bool:
    labels = labels_of(obj)
    return labels.get(SERVICE_NAME) == service and labels.get(MANAGED_BY) == MANAGER


def _slice_content(ports: tuple[Port, ...], addresses: Sequence[Address]) -> Object:
    return {
        "endpoints": [_slice_endpoint(each) for each in addresses],
        "ports": [{**_port(each), "name": each.name} for each in ports],
    }


def _slice_endpoint(address: Address) -> Object:
    node = {"nodeName": address.node} if address.node else {}
    conditions = {"ready": address.ready}
    return {"addresses": [address.ip], "conditions": conditions, **node, "targetRef": _reference(address)}


def _slice(service: Object, content: Object) -> Object:
    meta = service["metadata"]
    return {
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": {**labels_of(service), SERVICE_NAME: meta["name"], MANAGED_BY: MANAGER},
            "ownerReferences": [controller_reference("v1", SERVICE, service)],
        },
        "addressType": "IPv4",
        **content,
    }


def _plain_slice(content: Mapping[str, Any]) -> tuple[Any, ...]:
    ports = content.get("ports") or []
    endpoints = content.get("endpoints") or []
    return (
        sorted((each.get("name") or "", each["port"], each.get("protocol", "TCP")) for each in ports),
        sorted(
            (each["addresses"], (each.get("targetRef") or {}).get("uid", ""), each["conditions"].get("ready", True))
            for each in endpoints
        ),
    )


def _withdrawn(snapshot: ServiceSnapshot) -> list[Action]:
    gone: list[Action] = []
    if snapshot.endpoints is not None and not is_going(snapshot.endpoints):
        gone.append(remove(ENDPOINTS, snapshot.endpoints, "its Service is gone"))
    gone += [
        remove(ENDPOINT_SLICE, each, "its Service is gone")
        for each in snapshot.slices
        if labels_of(each).get(MANAGED_BY) == MANAGER and not is_going(each)
    ]
    return gone
