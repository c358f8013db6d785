from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mesh_adapters.adapter import RouteAdapter
from mesh_adapters.istio.routes import IstioRoutes
from tests.contract.routes.contract import ALL, MATCHED, MIRRORED, STICKY, RouteContract


class TestIstio(RouteContract):
    destinations = r"/spec/(http|tls|tcp)/\d+/route(/.*)?"
    treatments = (MATCHED, STICKY, MIRRORED, ALL)

    @property
    def adapter(self) -> RouteAdapter:
        return IstioRoutes()

    def user_route(self) -> dict[str, Any]:
        return {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "storefront", "namespace": "shop", "resourceVersion": "7"},
            "spec": {
                "hosts": ["shop.example.com"],
                "gateways": ["infra/public", "mesh"],
                "http": [
                    {"name": "old", "match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/"}},
                    {
                        "name": "api",
                        "match": [{"uri": {"prefix": "/api"}}],
                        "route": [
                            {"weight": 90, "destination": {"host": "web", "port": {"number": 80}}},
                            {"destination": {"host": "legacy"}, "weight": 10},
                        ],
                        "retries": {"attempts": 2},
                    },
                    {"route": [{"destination": {"host": "web.shop.svc.cluster.local"}}]},
                ],
            },
        }

    def bystander(self) -> dict[str, Any]:
        return {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "cart", "namespace": "shop"},
            "spec": {"hosts": ["cart"], "http": [{"route": [{"destination": {"host": "cart"}}]}]},
        }

    def edited_elsewhere(self, route: Mapping[str, Any]) -> dict[str, Any]:
        edited = deepcopy(dict(route))
        edited["metadata"]["annotations"] = {"owner": "storefront team"}
        next(rule for rule in edited["spec"]["http"] if rule.get("name") == "api")["timeout"] = "3s"
        edited["spec"]["http"].insert(
            0, {"directResponse": {"status": 204}, "match": [{"method": {"exact": "OPTIONS"}}]}
        )
        return edited


class TestIstioBySubsets(TestIstio):
    """The arms are subsets of the apex, and so is what the user names."""

    subsets = ("v1", "v2")

    def user_route(self) -> dict[str, Any]:
        route = super().user_route()
        _, api, rest = route["spec"]["http"]
        api["route"] = [
            {"weight": 70, "destination": {"subset": "v1", "host": "web", "port": {"number": 80}}},
            {"destination": {"host": "web.shop", "subset": "v2"}, "weight": 20},
            {"destination": {"host": "web", "subset": "debug"}, "weight": 10},
        ]
        rest["route"] = [{"destination": {"host": "web.shop.svc.cluster.local"}}]
        return route
