"""What counts as followed: every parent that the route names accepts it and has resolved its references."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest

from mesh_adapters.gateway.routes import HTTP, LINKERD, GatewayRoutes

Object = dict[str, Any]
GATEWAY: Object = {"name": "gw"}
SERVICE: Object = {"group": "", "kind": "Service", "name": "web", "port": 80}


def told(parent: Object, *, generation: int | None = 3, **statuses: str) -> Object:
    seen = {} if generation is None else {"observedGeneration": generation}
    conditions = [
        {"type": name, "status": status, "reason": "Why", "message": "so it is", **seen}
        for name, status in {"Accepted": "True", "ResolvedRefs": "True", **statuses}.items()
        if status
    ]
    return {"parentRef": parent, "conditions": conditions}


def route(parents: list[Object], *entries: Object) -> Object:
    return {
        "metadata": {"name": "web", "namespace": "shop", "generation": 3},
        "spec": {"parentRefs": deepcopy(parents), "rules": []},
        "status": {"parents": list(entries)},
    }


BOTH = [GATEWAY, SERVICE]
FOLLOWED = {
    "both parents": route(BOTH, told(GATEWAY), told(SERVICE)),
    "a parent more": route([SERVICE], told(GATEWAY, Accepted="False"), told(SERVICE)),
    "what is left out written out": route(
        BOTH,
        told({"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "shop", **GATEWAY}),
        told({**SERVICE, "namespace": "shop"}),
    ),
    "no generation told": route([SERVICE], told(SERVICE, generation=None)),
    "core for the group": route([SERVICE], told({**SERVICE, "group": "core"})),
}


@pytest.mark.parametrize("given", FOLLOWED.values(), ids=FOLLOWED.keys())
def test_a_route_is_followed(given: Object) -> None:
    assert GatewayRoutes(HTTP).not_followed(given) is None


NOT_FOLLOWED = {
    "one parent of two": (route(BOTH, told(GATEWAY)), "status.parents has nothing on Service web of its parentRefs"),
    "the other of two": (route(BOTH, told(SERVICE)), "status.parents has nothing on Gateway gw of its parentRefs"),
    "nothing": (route([SERVICE]), "no controller has taken it up"),
    "no parents": (route([]), "spec.parentRefs names none"),
    "not resolved yet": (route([SERVICE], told(SERVICE, ResolvedRefs="")), "status has no condition ResolvedRefs yet"),
    "not accepted yet": (route([SERVICE], told(SERVICE, Accepted="")), "status has no condition Accepted yet"),
    "refused": (route([SERVICE], told(SERVICE, Accepted="False")), r"Accepted is False \(Why\): so it is"),
    "unknown": (route([SERVICE], told(SERVICE, ResolvedRefs="Unknown")), "ResolvedRefs is Unknown"),
    "another section": (route([{**GATEWAY, "sectionName": "https"}], told(GATEWAY)), "nothing on Gateway gw"),
    "an earlier generation": (
        route(BOTH, told(GATEWAY), told(SERVICE, generation=2)),
        "status tells of generation 2, and this is 3",
    ),
    "one controller of two": (
        route([GATEWAY], told(GATEWAY), told(GATEWAY, ResolvedRefs="False")),
        "ResolvedRefs is False",
    ),
}


@pytest.mark.parametrize(("given", "words"), NOT_FOLLOWED.values(), ids=NOT_FOLLOWED.keys())
def test_a_route_is_not_followed(given: Object, words: str) -> None:
    for adapter, name in ((GatewayRoutes(HTTP), "HTTPRoute"), (GatewayRoutes(LINKERD), "HTTPRoute.policy.linkerd.io")):
        problem = adapter.not_followed(given)
        assert problem is not None
        assert problem.startswith(f"{name} shop/web: ")
        assert re.search(words, problem)
