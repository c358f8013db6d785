"""Every adapter on random routes and through a server: the planned route is taken as it is and read back, nothing but
the split is touched, every share is exact, and what is restored is what the user had."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import DESTINATION_RULE, TRAFFIC_SPLIT, VIRTUAL_SERVICE, Kind
from delivery.lab.control_plane import install_crds
from mesh_adapters.adapter import (
    Condition,
    NoMatchingRoute,
    RouteAdapter,
    Stickiness,
    TrafficSplit,
    Treatment,
    UnsupportedRoute,
)
from mesh_adapters.istio.subsets import with_subsets, without_subsets
from mesh_adapters.meshes import every_adapter
from tests.contract.routes.contract import differences
from tests.contract.routes.valid_routes import KINDS, crd_file, routes, served_versions

Object = dict[str, Any]

ADAPTERS = {(adapter.ref.group, adapter.ref.kind): adapter for adapter in every_adapter()}
ROUTE_KINDS = [kind for kind in KINDS if kind != DESTINATION_RULE]
CASES = [
    (kind, version)
    for kind in ROUTE_KINDS
    for version in ADAPTERS[kind.group, kind.name].ref.versions
    if version in served_versions(kind)
]
NAMES = [f"{kind}-{version}" for kind, version in CASES]
TREATED = [case for case in CASES if case[0] != TRAFFIC_SPLIT]
RULES = re.compile(r"/spec/(http|tls|tcp|rules)(/.*)?")
ARMS = {"web-stable": "stable", "web-canary": "canary"}
QUANTITY = {"m": Fraction(1, 1000), "k": Fraction(1000)}
DESTINATIONS = re.compile(r"/spec/((http|tls|tcp)/\d+/route|rules/\d+/backendRefs|backends)(/.*)?")
SERVERS_OWN = ("resourceVersion", "generation", "managedFields")
SUBSETS = ("v1", "v2", "blue", "green")

# One server serves all examples of a test, and each example removes what it made: nothing carries over.
on_a_server = settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),  # what is left out would ask the server a thousand times
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
weights = st.lists(st.sampled_from((0, 0.5, 1, 5, 12.5, 25, 50, 75, 99, 100)), min_size=1, max_size=3)
TREATMENTS = st.builds(
    Treatment,
    match=st.sampled_from(
        ((), ((Condition("header", "x-early", "exact", "yes"),),), ((Condition("cookie", "beta"),),))
    ),
    mirror_percent=st.sampled_from((0.0, 0.0, 10.0)),
    sticky=st.sampled_from((None, Stickiness("seen", 60))),
)


@pytest.fixture(scope="module")
def installed(cluster: Cluster) -> list[str]:
    return install_crds(cluster, sorted({crd_file(kind) for kind in KINDS}))


@pytest.mark.parametrize(("kind", "version"), CASES, ids=NAMES)
def test_each_step_is_exact_and_leaves_no_trace(
    cluster: Cluster, installed: list[str], namespace: str, kind: Kind, version: str
) -> None:
    adapter, served = ADAPTERS[kind.group, kind.name], replace(kind, versions=(version,))

    @settings(on_a_server, max_examples=60 if kind == TRAFFIC_SPLIT else 10)  # these are small and fast
    @given(routes(kind, version, namespace=namespace), weights, st.booleans())
    def check(route: Object, steps: list[float], by_subsets: bool) -> None:
        split = _split(namespace, kind, by_subsets=by_subsets)
        with _created(cluster, served, route) as original:
            saved = _allowed(kind, original, partial(adapter.save, original, split))
            live = original
            for weight in steps if saved else ():
                wish = replace(split, canary_weight=weight)
                planned = _allowed(kind, original, partial(adapter.plan, live, wish))
                if planned is None:
                    continue
                live = cluster.replace(served, planned)
                assert live["spec"] == planned["spec"]
                for found in _in_every_version(cluster, adapter, kind, live):
                    assert adapter.read(found, split) == weight
                    assert adapter.plan(found, wish)["spec"] == found["spec"]
                assert [path for path in _touched(original, live) if not DESTINATIONS.fullmatch(path)] == []
                assert _traffic(kind, live) == [_moved(rule, weight) for rule in _traffic(kind, original)]
            if saved:
                live = cluster.replace(served, adapter.restore(live, json.loads(json.dumps(saved)), split))
            assert _users_own(live) == _users_own(original)

    check()


@pytest.mark.parametrize(("kind", "version"), TREATED, ids=[f"{kind}-{version}" for kind, version in TREATED])
def test_a_treatment_is_taken_and_leaves_no_trace(
    cluster: Cluster, installed: list[str], namespace: str, kind: Kind, version: str
) -> None:
    adapter, served = ADAPTERS[kind.group, kind.name], replace(kind, versions=(version,))

    @on_a_server
    @given(routes(kind, version, namespace=namespace), weights, TREATMENTS)
    def check(route: Object, steps: list[float], treatment: Treatment) -> None:
        split = replace(_split(namespace, kind, by_subsets=kind == VIRTUAL_SERVICE), treatment=treatment)
        with _created(cluster, served, route) as original:
            saved = _allowed(kind, original, partial(adapter.save, original, split))
            live = original
            for weight in (*steps, 0) if saved else ():
                wish = replace(split, canary_weight=weight)
                planned = _allowed(kind, original, partial(adapter.plan, live, wish), by_treatment=True)
                if planned is None:
                    continue
                live = cluster.replace(served, planned)
                assert live["spec"] == planned["spec"]
                assert adapter.read(live, split) == weight
                assert adapter.plan(live, wish)["spec"] == live["spec"]
                assert [path for path in _touched(original, live) if not RULES.fullmatch(path)] == []
            if saved:
                live = cluster.replace(served, adapter.restore(live, json.loads(json.dumps(saved)), split))
            assert _users_own(live) == _users_own(original)

    check()


@pytest.mark.parametrize("version", served_versions(DESTINATION_RULE))
def test_subsets_come_and_go(cluster: Cluster, installed: list[str], namespace: str, version: str) -> None:
    served = replace(DESTINATION_RULE, versions=(version,))
    split = _split(namespace, VIRTUAL_SERVICE, by_subsets=True)
    labels = ({"pod-template-hash": "5d9"}, {"pod-template-hash": "7f4", "headgate.dev/track": "canary"})

    @on_a_server
    @given(routes(DESTINATION_RULE, version, namespace=namespace))
    def check(route: Object) -> None:
        assume(route["spec"].get("subsets") != [])  # which is refused, for it could not be given back
        with _created(cluster, served, route) as original:
            planned = with_subsets(original, split, *labels)
            live = cluster.replace(served, planned)
            assert live["spec"] == planned["spec"]
            assert with_subsets(live, split, *labels)["spec"] == live["spec"]
            names = [subset["name"] for subset in live["spec"]["subsets"]]
            own = [subset["name"] for subset in original["spec"].get("subsets", ())]
            assert names[: len(own)] == own
            assert sorted(names[len(own) :]) == sorted(
                f"{arm}{suffix}"
                for arm in (split.stable, split.canary)
                for suffix in ("", *(f"-{name}" for name in own))
            )
            assert [path for path in _touched(original, live) if not path.startswith("/spec/subsets")] == []
            last = cluster.replace(served, without_subsets(live, split))
            assert _users_own(last) == _users_own(original)

    check()


def _split(namespace: str, kind: Kind, *, by_subsets: bool) -> TrafficSplit:
    subsets = SUBSETS if by_subsets and kind == VIRTUAL_SERVICE else None
    return TrafficSplit(namespace, "web", "web-stable", "web-canary", 0, subsets=subsets)


@contextmanager
def _created(cluster: Cluster, kind: Kind, route: Object) -> Iterator[Object]:
    created = cluster.create(kind, route)
    try:
        yield created
    finally:
        cluster.delete(kind, created["metadata"]["name"], created["metadata"]["namespace"])


def _in_every_version(cluster: Cluster, adapter: RouteAdapter, kind: Kind, live: Object) -> Iterator[Object]:
    """The object as each served version shows it that the adapter says it can handle."""
    for version in adapter.ref.versions:
        if version in served_versions(kind):
            reading = replace(kind, versions=(version,))
            yield cluster.get(reading, live["metadata"]["name"], live["metadata"]["namespace"])


def _allowed(kind: Kind, route: Object, action: Callable[[], Object], *, by_treatment: bool = False) -> Object | None:
    """What the adapter answers; None where it refuses, in words that name the object and the field (which may be one
    of the policy's treatment)."""
    identity = f"{route['metadata']['namespace']}/{route['metadata']['name']}"
    try:
        return action()
    except UnsupportedRoute as refusal:
        message = str(refusal)
    except NoMatchingRoute as refusal:
        message = f"{kind.name} {identity}: spec." if _passes_apex_by(kind, route) else str(refusal)
    assert re.match(rf"{kind.name}\S* {identity}: {'' if by_treatment else 'spec.'}", message)
    return None


def _passes_apex_by(kind: Kind, route: Object) -> bool:
    """Whether this is a TrafficSplit of the apex over other Services only."""
    return kind == TRAFFIC_SPLIT and all(entry["service"] != "web" for entry in route["spec"]["backends"])


def _touched(one: Object, other: Object) -> list[str]:
    return list(differences(_users_own(one), _users_own(other)))


def _users_own(route: Object) -> Object:
    metadata = {key: value for key, value in route["metadata"].items() if key not in SERVERS_OWN}
    return {**route, "metadata": metadata}


Shares = tuple[list[tuple[str, Fraction]], dict[str, Fraction]]
"""Of one rule: what goes past the apex, destination by destination, and what each arm of the apex gets."""


def _traffic(kind: Kind, route: Object) -> list[Shares]:
    """The shares of every rule that has destinations, worked out apart from the adapters."""
    spec, namespace = route["spec"], route["metadata"]["namespace"]
    found: list[Shares] = []
    for entries in _lists(kind, spec):
        parts = [_weight(kind, entry) for entry in entries] if len(entries) > 1 else [Fraction(1)]
        others, arms = [], dict.fromkeys(("apex", "stable", "canary"), Fraction(0))
        for entry, part in zip(entries, parts, strict=True):
            arm = _arm(entry, namespace)
            if arm is None:
                content = {key: value for key, value in entry.items() if key != "weight"}
                others.append((json.dumps(content, sort_keys=True), part / sum(parts)))
            else:
                arms[arm] += part / sum(parts)
        found.append((others, arms))
    return found


def _moved(rule: Shares, weight: float) -> Shares:
    """What a rule's traffic is to be with `weight` percent of the apex's at the canary."""
    others, arms = rule
    canary = arms["apex"] * Fraction(str(weight)) / 100
    return others, {"apex": Fraction(0), "stable": arms["apex"] - canary, "canary": canary}


def _lists(kind: Kind, spec: Object) -> list[list[Object]]:
    if kind == VIRTUAL_SERVICE:
        found = [rule.get("route") for key in ("http", "tls", "tcp") for rule in spec.get(key, ())]
    elif kind == TRAFFIC_SPLIT:
        found = [spec["backends"]]
    else:
        found = [rule.get("backendRefs") for rule in spec["rules"]]
    return [entries for entries in found if entries]


def _weight(kind: Kind, entry: Object) -> Fraction:
    written = entry.get("weight", 0 if kind == VIRTUAL_SERVICE else 1)
    if str(written)[-1] in QUANTITY:
        return Fraction(str(written)[:-1]) * QUANTITY[written[-1]]
    return Fraction(str(written))


def _arm(entry: Object, namespace: str) -> str | None:
    """Which of the three an entry means; an arm may be a Service or a subset of the apex."""
    target = entry.get("destination", {})
    host = target.get("host") or entry.get("service") or entry["name"]
    name, _, rest = host.partition(".")
    kind = (entry.get("group") or "", entry.get("kind", "Service"), entry.get("namespace", namespace))
    if kind != ("", "Service", namespace) or rest not in ("", *_suffixes(namespace)):
        return None
    if name == "web":
        name = next((arm for arm in ARMS if target.get("subset", "").startswith(arm)), name)
    return {"web": "apex", **ARMS}.get(name)


def _suffixes(namespace: str) -> Sequence[str]:
    return (namespace, f"{namespace}.svc", f"{namespace}.svc.cluster.local")
