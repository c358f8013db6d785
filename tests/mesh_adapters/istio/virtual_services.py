"""VirtualServices for tests: small ones by hand, and random ones as users write them (keys in any order, weights given
or not, hosts in any style). All are in namespace `shop`, and the apex is Service `web`."""

from typing import Any

from hypothesis import strategies as st

from mesh_adapters.adapter import TrafficSplit

APEX_HOSTS = ("web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local")
OTHER_HOSTS = ("cart", "web.other", "legacy.shop.svc.cluster.local", "web.example.com", "website")
Object = dict[str, Any]


def split(weight: float) -> TrafficSplit:
    return TrafficSplit("shop", "web", "web-stable", "web-canary", weight)


def http(*rules: Object) -> Object:
    return {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"hosts": ["web"], "http": list(rules)}}


def rule(*entries: Object, **others: Any) -> Object:
    return {**others, "route": list(entries)}


def to(host: str, **others: Any) -> Object:
    return {"destination": {"host": host}, **others}


@st.composite
def shuffled(draw: st.DrawFn, items: Object) -> Object:
    return {key: items[key] for key in draw(st.permutations(list(items)))}


@st.composite
def destinations(draw: st.DrawFn, hosts: tuple[str, ...] = APEX_HOSTS + OTHER_HOSTS) -> Object:
    target: Object = {"host": draw(st.sampled_from(hosts))}
    if draw(st.booleans()):
        target["port"] = {"number": draw(st.integers(80, 82))}
    entry: Object = {"destination": draw(shuffled(target))}
    if draw(st.booleans()):
        entry["headers"] = {"request": {"set": {"x-team": draw(st.sampled_from("ab"))}}}
    if draw(st.booleans()):
        entry["weight"] = draw(st.integers(0, 100))
    return draw(shuffled(entry))


def _accepted(entries: list[Object]) -> bool:
    """Istio refuses several destinations whose weights are all 0."""
    return len(entries) == 1 or any(entry.get("weight") for entry in entries)


destination_lists = st.lists(destinations(), min_size=1, max_size=4).filter(_accepted)


@st.composite
def http_rules(draw: st.DrawFn, position: int) -> Object:
    rule: Object = {"match": [{"uri": {"prefix": f"/{position}"}}]}
    if draw(st.booleans()):
        rule["name"] = f"rule-{position}"
    if draw(st.booleans()):
        rule["mirror"] = {"host": "web"}
    if draw(st.booleans()):
        rule["timeout"] = draw(st.sampled_from(["1s", "2.5s"]))
    if draw(st.integers(0, 9)):
        rule["route"] = draw(destination_lists)
    else:
        rule["redirect"] = {"uri": "/elsewhere"}
    return draw(shuffled(rule))


@st.composite
def l4_rules(draw: st.DrawFn, kind: str, position: int) -> Object:
    entries = draw(destination_lists)
    for entry in entries:
        entry.pop("headers", None)
    match: Object = {"port": 9000 + position}
    if kind == "tls":
        match["sniHosts"] = ["shop.example.com"]
    return {"match": [match], "route": entries}


@st.composite
def virtual_services(draw: st.DrawFn) -> Object:
    """One whose first rule sends at least some of its traffic to the apex."""
    entries = [draw(destinations(APEX_HOSTS)), *draw(st.lists(destinations(), max_size=2))]
    entries = entries if _accepted(entries) else entries[:1]
    spec: Object = {
        "hosts": ["shop.example.com"],
        "http": [{"match": [{"uri": {"prefix": "/first"}}], "route": draw(st.permutations(entries))}],
    }
    spec["http"] += [draw(http_rules(position)) for position in range(draw(st.integers(0, 3)))]
    for kind in ("tls", "tcp"):
        if draw(st.booleans()):
            spec[kind] = [draw(l4_rules(kind, position)) for position in range(draw(st.integers(1, 2)))]
    metadata = {"name": "storefront", "namespace": "shop", "annotations": {"note": "ours"}}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": draw(shuffled(metadata)),
        "spec": draw(shuffled(spec)),
    }


canary_weights = st.integers(0, 1_000_000).map(lambda parts: parts / 10_000)
"""Percentages to the fourth decimal."""
