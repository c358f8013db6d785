from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mesh_adapters.adapter import RouteAdapter
from mesh_adapters.linkerd.traffic_split import TrafficSplits
from tests.contract.routes.contract import RouteContract


class TestTrafficSplit(RouteContract):
    """With the weights of v1alpha1, quantities."""

    destinations = r"/spec/backends(/.*)?"
    version = "v1alpha1"
    weights: tuple[Any, Any] = ("900m", "100m")

    @property
    def adapter(self) -> RouteAdapter:
        return TrafficSplits()

    def user_route(self) -> dict[str, Any]:
        most, least = self.weights
        return {
            "apiVersion": f"split.smi-spec.io/{self.version}",
            "kind": "TrafficSplit",
            "metadata": {"name": "storefront", "namespace": "shop", "resourceVersion": "7"},
            "spec": {
                "service": "web",
                "backends": [{"service": "web", "weight": most}, {"weight": least, "service": "legacy"}],
            },
        }

    def bystander(self) -> dict[str, Any]:
        route = self.user_route()
        route["metadata"]["name"] = "cart"
        route["spec"] = {"service": "cart", "backends": [{"service": "cart", "weight": self.weights[0]}]}
        return route

    def edited_elsewhere(self, route: Mapping[str, Any]) -> dict[str, Any]:
        edited = deepcopy(dict(route))
        edited["metadata"]["annotations"] = {"owner": "storefront team"}
        edited["spec"]["matches"] = [{"kind": "HTTPRouteGroup", "name": "web"}]
        return edited


class TestTrafficSplitOfIntegers(TestTrafficSplit):
    version = "v1alpha2"
    weights = (90, 10)
