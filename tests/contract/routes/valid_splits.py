"""Random TrafficSplits of SMI, in the weights of either version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.contract.routes.from_schema import Demands, Override, values

Object = dict[str, Any]
Schema = Mapping[str, Any]

_OTHER_SERVICES = ("api", "web-v1", "web-v2", "reviews")

_DEMANDS: Demands = {
    "backends": {"minItems": 2, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["service"]},
}
_QUANTITIES = ("500m", "0", "1500m", "0.5", "2k")


@st.composite
def traffic_split_specs(draw: DrawFn, schema: Schema, apex: str) -> Object:
    """A TrafficSplit's spec: of the apex, over other Services with the apex itself among them or not."""
    items = schema["properties"]["backends"]["items"]["properties"]
    overrides: dict[str, Override] = {
        "service": st.just(apex),
        "backends": lambda plain: plain.map(lambda backends: _some_weight(backends, apex)),
        "**.backends[].service": st.sampled_from((apex, apex, *_OTHER_SERVICES)),
        "**.backends[].weight": _weights(items["weight"]),
    }
    spec: Object = draw(values(schema, overrides=overrides, demands=_DEMANDS))
    return spec


def _weights(schema: Schema) -> SearchStrategy[Any]:
    """v1alpha1 has quantities, as text or as whole numbers; v1alpha2 has numbers."""
    whole = st.integers(0, 1000)
    if schema.get("x-kubernetes-int-or-string"):
        return whole | st.sampled_from(_QUANTITIES) | st.sampled_from(_QUANTITIES)
    return whole | whole | st.integers(0, 4000).map(lambda quarters: quarters / 4)


def _some_weight(backends: list[Object], apex: str) -> list[Object]:
    """The apex, where it is a backend, gets traffic; not all others may have none either."""
    idle = [entry for entry in backends if str(entry["weight"]) in ("0", "0.0")]
    for entry in idle:
        if entry["service"] == apex or len(idle) == len(backends):
            entry["weight"] = 1
    return backends
