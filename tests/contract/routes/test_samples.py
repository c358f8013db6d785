"""Routes that nobody here wrote: planned, applied at each weight, and given back through a server.

HEADGATE_SAMPLE_ROUTES names a folder of YAML files with such routes; without it there is nothing to do. Every Service
that a route sends traffic to is the apex once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import DESTINATION_RULE, Kind
from delivery.errors import InvalidSpec
from delivery.lab.control_plane import install_crds
from delivery.lab.laboratory import mesh_definitions
from delivery.reconcile.route_finding import kind_of
from delivery.route_files.documents import is_of, parse, placed
from mesh_adapters.adapter import Condition, RouteAdapter, Stickiness, TrafficSplit, Treatment, UnsupportedRoute
from mesh_adapters.istio.subsets import with_subsets, without_subsets
from mesh_adapters.meshes import every_adapter

Object = dict[str, Any]
FOLDER = "HEADGATE_SAMPLE_ROUTES"
WEIGHTS = (0.0, 0.1, 5.0, 33.3, 50.0, 100.0, 0.0)
BESIDE = {
    "weight": Treatment(),
    "match and sticky": Treatment(((Condition("header", "x-early", "exact", "yes"),),), sticky=Stickiness("seen", 60)),
    "mirror": Treatment(mirror_percent=10.0),
}
SERVERS_OWN = ("resourceVersion", "generation", "managedFields", "uid", "creationTimestamp")


@dataclass(frozen=True, slots=True)
class Sample:
    """One route and one of the Services it sends traffic to."""

    file: str
    adapter: RouteAdapter
    route: Object
    service: str
    subsets: tuple[str, ...] | None

    def split(self, weight: float, namespace: str, treatment: Treatment) -> TrafficSplit:
        return TrafficSplit(namespace, self.service, *self.arms, weight, treatment, self.subsets)

    @property
    def arms(self) -> tuple[str, str]:
        """Of a Deployment `web`, for a sample may have a Service of its own by the usual name."""
        return f"web-{self.service}-stable", f"web-{self.service}-canary"


def objects() -> Iterator[tuple[str, Object]]:
    folder = os.environ.get(FOLDER)
    for path in sorted(Path(folder).glob("*.yaml")) if folder else ():
        for obj in parse(path.read_text(), path.name):
            yield path.name, placed(obj, "default")


def samples() -> list[Sample]:
    found = []
    for file, obj in objects():
        for adapter in every_adapter():
            if is_of(obj, kind_of(adapter.ref)):
                for service, subsets in services(obj).items():
                    found.append(Sample(file, adapter, obj, service, tuple(sorted(subsets)) or None))
    return found


def services(route: Object) -> dict[str, set[str]]:
    """The Services of its own namespace that a route sends traffic to, each with the subsets it names."""
    spec, namespace = route.get("spec") or {}, route["metadata"]["namespace"]
    found: dict[str, set[str]] = {}
    for target in destinations(spec):
        host, subset = str(target.get("host") or ""), target.get("subset")
        if moved(host, namespace, "") is not None:
            found.setdefault(host.partition(".")[0], set()).update([subset] if subset else [])
    for ref in (ref for rule in spec.get("rules") or () for ref in rule.get("backendRefs") or ()):
        if ref.get("kind", "Service") == "Service" and ref.get("namespace", namespace) == namespace:
            found.setdefault(ref["name"], set())
    for backend in spec.get("backends") or ():
        found.setdefault(backend["service"], set())
    return found


def destinations(spec: Any) -> list[Object]:
    """What the rules of a VirtualService name as destinations."""
    rules = [rule for kind in ("http", "tls", "tcp") for rule in spec.get(kind) or ()]
    return [entry.get("destination") or {} for rule in rules for entry in rule.get("route") or ()]


def moved(host: str, old: str, new: str) -> str | None:
    """The host of a Service of namespace `old` as one of `new`; None for any other host."""
    name, dot, rest = host.partition(".")
    namespace, more, domain = rest.partition(".")
    if not dot:
        return host or None
    inside = domain in ("svc", "svc.cluster.local") or (not more and namespace == old)
    return f"{name}.{new}{more}{domain}" if inside else None


def elsewhere(route: Object, namespace: str) -> Object:
    """The route in a namespace of the test's own, which its fully qualified hosts follow."""
    copy = deepcopy(route)
    old, copy["metadata"]["namespace"] = copy["metadata"]["namespace"], namespace
    for target in destinations(copy.get("spec") or {}):
        target["host"] = moved(str(target.get("host") or ""), old, namespace) or target.get("host")
    for ref in (ref for rule in copy["spec"].get("rules") or () for ref in rule.get("backendRefs") or ()):
        if ref.get("namespace") == old:
            ref["namespace"] = namespace
    return copy


def named(sample: Sample) -> str:
    return f"{sample.file}-{sample.route['metadata']['name']}-{sample.service}"


@pytest.fixture(scope="module")
def installed(cluster: Cluster) -> None:
    install_crds(cluster, mesh_definitions())


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("sample", samples(), ids=named)
def test_plan_apply_restore_is_the_identity(
    sample: Sample, beside: str, cluster: Cluster, installed: None, namespace: str
) -> None:
    kind = kind_of(sample.adapter.ref)
    original = created(cluster, kind, elsewhere(sample.route, namespace))
    assert sample.adapter.find([original], namespace, sample.service, arms=sample.arms) == [original]
    withdrawn = sample.split(0, namespace, BESIDE[beside])
    saved = allowed(lambda: sample.adapter.save(original, withdrawn))
    carries = sample.adapter.read(sample.adapter.plan(original, withdrawn), withdrawn) is not None
    live = original
    for weight in WEIGHTS:
        split = replace(withdrawn, canary_weight=weight)
        planned = allowed(partial(sample.adapter.plan, live, split, saved=saved))
        live = cluster.replace(kind, planned)
        assert live["spec"] == planned["spec"]
        assert sample.adapter.plan(live, split, saved=saved) == live
        # A Service that its route gives no traffic has no share to read back, and no release.
        assert sample.adapter.read(live, split) == (weight if carries else None)
        assert sample.adapter.save(live, split, saved=saved) == saved
    restored = cluster.replace(kind, sample.adapter.restore(live, saved, withdrawn))
    assert users(restored) == users(original)


def allowed(action: Callable[[], Object]) -> Object:
    """What an adapter answers; skips a sample that it refuses, in its words."""
    try:
        return action()
    except UnsupportedRoute as refused:
        pytest.skip(f"refused: {refused}")


RULES = [(file, obj) for file, obj in objects() if is_of(obj, DESTINATION_RULE)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule[0]}-{rule[1]['metadata']['name']}")
def test_subsets_come_and_go(rule: tuple[str, Object], cluster: Cluster, installed: None, namespace: str) -> None:
    host = rule[1]["spec"]["host"].partition(".")[0]
    own = tuple(subset["name"] for subset in rule[1]["spec"].get("subsets") or ())
    split = replace(TrafficSplit(namespace, host, f"{host}-stable", f"{host}-canary", 0), subsets=own)
    original = created(cluster, DESTINATION_RULE, elsewhere(rule[1], namespace))
    planned = with_subsets(original, split, {"pod-template-hash": "5d9"}, {"headgate.dev/track": "canary"})
    live = cluster.replace(DESTINATION_RULE, planned)
    assert live["spec"] == planned["spec"]
    assert users(cluster.replace(DESTINATION_RULE, without_subsets(live, split))) == users(original)


def created(cluster: Cluster, kind: Kind, obj: Object) -> Object:
    """What the server makes of a sample; skips one that it does not take, for not all that is published is valid."""
    try:
        return cluster.create(kind, obj)
    except InvalidSpec as refused:
        pytest.skip(f"no valid object: {refused}")


def users(obj: Object) -> Object:
    meta = {key: value for key, value in obj["metadata"].items() if key not in SERVERS_OWN}
    return {**obj, "metadata": meta}
