"""Routes of another namespace than the Service's: what a ReferenceGrant there has to say."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_adapters.adapter import UnsupportedRoute
from mesh_adapters.gateway.routes import GRPC, HTTP, LINKERD, GatewayRoutes
from tests.mesh_adapters.shared_routes import Object, of

GROUP = "gateway.networking.k8s.io"
FROM: Object = {"group": GROUP, "kind": "HTTPRoute", "namespace": "edge"}
TO: Object = {"group": "", "kind": "Service"}


def route(namespace: str = "edge") -> Object:
    refs = [{"name": "web", "namespace": "shop", "port": 80}]
    return {"metadata": {"name": "web", "namespace": namespace}, "spec": {"rules": [{"backendRefs": refs}]}}


def grant(origins: Any, targets: Any, namespace: str = "shop") -> Object:
    return {"metadata": {"name": "edge", "namespace": namespace}, "spec": {"from": origins, "to": targets}}


GRANTED: dict[str, list[Object]] = {
    "every Service": [grant([FROM], [TO])],
    "among others": [grant([{**FROM, "namespace": "x"}, FROM], [{"group": "", "kind": "Secret"}, TO])],
    "an empty name": [grant([FROM], [{**TO, "name": ""}])],
    "core for the group": [grant([FROM], [{**TO, "group": "core"}])],
    "both arms by name": [grant([FROM], [{**TO, "name": "web-stable"}, {**TO, "name": "web-canary"}])],
    "each arm in a grant of its own": [
        grant([FROM], [{**TO, "name": "web-stable"}]),
        grant([FROM], [{**TO, "name": "web-canary"}]),
    ],
}


@pytest.mark.parametrize("grants", GRANTED.values(), ids=GRANTED.keys())
def test_what_is_granted(grants: list[Object]) -> None:
    split = of("web", 5)
    assert GatewayRoutes(HTTP).suited([route()], split, grants) is split


REFUSED: dict[str, tuple[list[Object], str]] = {
    "nothing": ([], "(none there)"),
    "one of another namespace": ([grant([FROM], [TO], "edge")], "(none there)"),
    "from another namespace": ([grant([{**FROM, "namespace": "x"}], [TO])], "(edge)"),
    "from another kind": ([grant([{**FROM, "kind": "GRPCRoute"}], [TO])], "(edge)"),
    "to Secrets": ([grant([FROM], [{"group": "", "kind": "Secret"}])], "(edge)"),
    "to another group's Services": ([grant([FROM], [{"group": "x.io", "kind": "Service"}])], "(edge)"),
    "to the apex alone": ([grant([FROM], [{**TO, "name": "web"}])], "to Service web-stable"),
    "to one arm": ([grant([FROM], [{**TO, "name": "web-stable"}])], "to Service web-canary"),
    "without lists": ([grant(None, None)], "(edge)"),
}


@pytest.mark.parametrize(("grants", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_granted_is_named(grants: list[Object], words: str) -> None:
    with pytest.raises(UnsupportedRoute, match=r"HTTPRoute edge/web needs a ReferenceGrant in namespace shop") as told:
        GatewayRoutes(HTTP).suited([route()], of("web", 5), grants)
    assert words in str(told.value)


def test_a_grant_is_for_its_kind_of_route() -> None:
    with pytest.raises(UnsupportedRoute, match="from GRPCRoute of namespace edge"):
        GatewayRoutes(GRPC).suited([route()], of("web", 5), [grant([FROM], [TO])])


def test_none_is_needed_at_home_or_for_linkerds_own_kind() -> None:
    split = of("web", 5)
    assert GatewayRoutes(HTTP).suited([route("shop")], split, []) is split
    assert GatewayRoutes(LINKERD).suited([route()], split, []) is split
    assert GatewayRoutes(LINKERD).beside_refs == ()
