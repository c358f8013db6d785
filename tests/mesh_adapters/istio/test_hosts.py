import pytest

from mesh_adapters.istio.hosts import ServiceHosts, renamed

FORMS = ["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local"]


@pytest.mark.parametrize("host", FORMS)
def test_every_form_names_the_service_from_its_own_namespace(host: str) -> None:
    assert ServiceHosts("shop", "shop").service(host) == "web"


@pytest.mark.parametrize("host", FORMS[1:])
def test_qualified_forms_name_it_from_another_namespace(host: str) -> None:
    assert ServiceHosts("infra", "shop").service(host) == "web"


def test_the_short_form_means_the_namespace_of_the_virtual_service() -> None:
    assert ServiceHosts("infra", "shop").service("web") is None


@pytest.mark.parametrize(
    "host",
    [
        "web.other",
        "web.shop.example.com",
        "web.shop.svc.clusterset.local",  # a multi-cluster Service, which the stable and canary Services are not
        "web.shop.svc.cluster.local.",
        "shop.example.com",
        "a.web.shop",
        "",
    ],
)
def test_other_hosts_name_no_service_of_the_namespace(host: str) -> None:
    assert not ServiceHosts("shop", "shop").service(host)


def test_the_cluster_domain_may_be_another() -> None:
    hosts = ServiceHosts("shop", "shop", "k8s.example.org")
    assert hosts.service("web.shop.svc.k8s.example.org") == "web"
    assert hosts.service("web.shop.svc.cluster.local") is None


@pytest.mark.parametrize("pattern", ["*", "*.local", "*.shop.svc.cluster.local", "web"])
def test_a_pattern_covers_the_service(pattern: str) -> None:
    assert ServiceHosts("shop", "shop").covers(pattern, "web")


@pytest.mark.parametrize("pattern", ["*.example.com", "*.other.svc.cluster.local", "cart"])
def test_a_pattern_does_not_cover_the_service(pattern: str) -> None:
    assert not ServiceHosts("shop", "shop").covers(pattern, "web")


@pytest.mark.parametrize("host", FORMS)
def test_renaming_keeps_the_form(host: str) -> None:
    assert renamed(host, "web-canary") == host.replace("web", "web-canary", 1)
