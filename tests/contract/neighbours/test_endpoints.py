"""Endpoints and EndpointSlices follow the pods."""

from __future__ import annotations

from collections.abc import Iterable

from delivery.cluster.kinds import DEPLOYMENT, ENDPOINTS, POD, SERVICE
from tests.conditions import eventually
from tests.contract.neighbours.kubelet import set_status
from tests.contract.neighbours.shop import Object, Shop, name_of, template


def names(pods: Iterable[Object]) -> set[str]:
    return {name_of(each) for each in pods}


def published(shop: Shop, ready: set[str], not_ready: set[str], service: str = "app") -> None:
    """Waits until both say exactly this."""
    eventually(lambda: shop.addresses(service) == (ready, not_ready))
    eventually(lambda: shop.slice_addresses(service) == (ready, not_ready))


def test_ready_pods_are_published_with_their_port(shop: Shop) -> None:
    shop.serve()
    shop.deploy(replicas=2)
    shop.wait_complete()
    published(shop, names(shop.pods()), set())
    assert shop.ports() == {("web", 8080)}
    (one,) = shop.slices()
    assert [(each["name"], each["port"]) for each in one["ports"]] == [("web", 8080)]
    assert one["addressType"] == "IPv4"
    ips = {each["status"]["podIP"] for each in shop.pods()}
    assert {each["addresses"][0] for each in one["endpoints"]} == ips


def test_readiness_moves_an_address(shop: Shop) -> None:
    shop.serve()
    shop.deploy(replicas=2)
    shop.wait_complete()
    first, second = shop.pods()
    set_status(shop.cluster, first, ready=False)
    published(shop, {name_of(second)}, {name_of(first)})
    set_status(shop.cluster, first, ready=True)
    published(shop, names((first, second)), set())


def test_a_terminating_pod_is_withdrawn(shop: Shop) -> None:
    shop.serve()
    shop.deploy(replicas=1, pods=template("app", termination="lingers"))
    shop.wait_complete()
    published(shop, names(shop.pods()), set())
    (ending,) = shop.pods()
    shop.cluster.delete(POD, name_of(ending), shop.namespace)
    eventually(lambda: name_of(ending) not in shop.addresses()[0] | shop.addresses()[1])
    eventually(lambda: name_of(ending) not in shop.slice_addresses()[0])
    assert shop.cluster.get(POD, name_of(ending), shop.namespace)["metadata"]["deletionTimestamp"]
    shop.cluster.delete(POD, name_of(ending), shop.namespace, grace_period_s=0)


def test_a_changed_selector_moves_the_endpoints(shop: Shop) -> None:
    shop.serve()
    shop.deploy("app", replicas=1)
    shop.deploy("other", replicas=1, pods=template("other", port=9090))
    shop.wait_complete("app")
    shop.wait_complete("other")
    published(shop, names(shop.pods("app")), set())
    shop.cluster.patch(SERVICE, "app", shop.namespace, {"spec": {"selector": {"app": "other"}}})
    published(shop, names(shop.pods("other")), set())
    assert shop.ports() == {("web", 9090)}


def test_one_port_name_may_have_several_numbers(shop: Shop) -> None:
    shop.serve("all", selector={"tier": "web"})
    for name, port in (("app", 8080), ("other", 9090)):
        pods = template(name, port=port)
        pods["metadata"]["labels"]["tier"] = "web"
        shop.deploy(name, replicas=1, pods=pods)
    eventually(lambda: shop.ports("all") == {("web", 8080), ("web", 9090)})
    published(shop, names(shop.pods("app") + shop.pods("other")), set(), "all")


def test_a_numbered_target_port_needs_no_container_port(shop: Shop) -> None:
    shop.serve(target=1234)
    shop.deploy(replicas=1)
    shop.wait_complete()
    published(shop, names(shop.pods()), set())
    assert shop.ports() == {("web", 1234)}


def test_a_service_without_a_selector_is_left_alone(shop: Shop) -> None:
    shop.serve("external", selector={})
    subsets = [{"addresses": [{"ip": "10.9.9.9"}], "ports": [{"name": "web", "port": 1}]}]
    shop.cluster.create(ENDPOINTS, {"metadata": shop.named("external"), "subsets": subsets})
    shop.serve()
    shop.deploy(replicas=1)
    shop.wait_complete()
    published(shop, names(shop.pods()), set())  # by now the controllers have been at work here
    kept = shop.cluster.get(ENDPOINTS, "external", shop.namespace)["subsets"]
    assert [each["ip"] for each in kept[0]["addresses"]] == ["10.9.9.9"]
    assert shop.ports("external") == {("web", 1)}


def test_what_was_published_goes_with_its_service(shop: Shop) -> None:
    shop.serve()
    shop.deploy(replicas=1)
    shop.wait_complete()
    published(shop, names(shop.pods()), set())
    shop.cluster.delete(SERVICE, "app", shop.namespace)
    eventually(lambda: shop.cluster.find(ENDPOINTS, "app", shop.namespace) is None)
    eventually(lambda: not shop.slices())


def test_no_pods_leaves_nothing_to_send_traffic_to(shop: Shop) -> None:
    shop.serve()
    shop.deploy(replicas=1)
    shop.wait_complete()
    published(shop, names(shop.pods()), set())
    shop.cluster.delete(DEPLOYMENT, "app", shop.namespace)
    published(shop, set(), set())
