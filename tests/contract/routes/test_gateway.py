from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mesh_adapters.adapter import RouteAdapter, Treatment
from mesh_adapters.gateway.routes import GRPC, HTTP, LINKERD, Flavour, GatewayRoutes
from tests.contract.routes.contract import ALL, MATCHED, MIRRORED, STICKY, RouteContract


class OfTheGatewayApi(RouteContract):
    destinations = r"/spec/rules/\d+/backendRefs(/.*)?"
    treatments: tuple[Treatment, ...] = (MATCHED, STICKY, MIRRORED, ALL)
    flavour: Flavour
    matches: tuple[dict[str, Any], dict[str, Any]]

    @property
    def adapter(self) -> RouteAdapter:
        return GatewayRoutes(self.flavour)

    def user_route(self) -> dict[str, Any]:
        first, second = self.matches
        return {
            "apiVersion": f"{self.flavour.ref.group}/{self.flavour.ref.versions[0]}",
            "kind": self.flavour.ref.kind,
            "metadata": {"name": "storefront", "namespace": "shop", "resourceVersion": "7"},
            "spec": {
                "parentRefs": [{"group": "", "kind": "Service", "name": "web", "port": 80}, {"name": "public"}],
                "rules": [
                    {
                        "matches": [first],
                        "filters": [
                            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x-debug"]}}
                        ],
                        "backendRefs": [
                            {"weight": 50, "name": "web", "port": 80},
                            {"name": "legacy", "port": 8080, "weight": 50, "kind": "Service", "group": ""},
                        ],
                    },
                    {"matches": [second], "backendRefs": [{"name": "cart", "port": 80}]},
                    {
                        "backendRefs": [
                            {
                                "name": "web",
                                "namespace": "shop",
                                "port": 80,
                                "filters": [
                                    {
                                        "type": "RequestHeaderModifier",
                                        "requestHeaderModifier": {"set": [{"name": "x-team", "value": "a"}]},
                                    }
                                ],
                            }
                        ]
                    },
                ],
            },
        }

    def bystander(self) -> dict[str, Any]:
        route = self.user_route()
        route["metadata"]["name"] = "cart"
        route["spec"] = {
            "parentRefs": [{"group": "", "kind": "Service", "name": "cart"}],
            "rules": [
                {"backendRefs": [{"name": "cart", "port": 80}, {"name": "web", "namespace": "other", "port": 80}]}
            ],
        }
        return route

    def edited_elsewhere(self, route: Mapping[str, Any]) -> dict[str, Any]:
        edited = deepcopy(dict(route))
        edited["metadata"]["annotations"] = {"owner": "storefront team"}
        edited["spec"]["rules"][0]["filters"].append(
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["server"]}}
        )
        edited["spec"]["rules"].insert(0, {"backendRefs": [{"name": "blog", "port": 80}]})
        return edited


HTTP_MATCHES = (
    {"path": {"type": "PathPrefix", "value": "/api"}},
    {"path": {"type": "Exact", "value": "/cart"}, "headers": [{"name": "x-a", "value": "1"}]},
)


class TestHTTPRoute(OfTheGatewayApi):
    flavour = HTTP
    matches = HTTP_MATCHES


class TestGRPCRoute(OfTheGatewayApi):
    flavour = GRPC
    matches = ({"method": {"service": "shop.Api"}}, {"method": {"service": "shop.Cart", "method": "Get"}})


class TestLinkerdHTTPRoute(OfTheGatewayApi):
    flavour = LINKERD
    matches = HTTP_MATCHES
    treatments = (MATCHED, STICKY)
