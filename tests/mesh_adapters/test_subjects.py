"""Names in, conditions out: they hold for the series of those names, and a series tells whose it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_adapters.subjects import ClusterName, Counted, LabelMatch, Name, Subject, WorkloadLabels, any_of, literally

DNS_LABEL = st.from_regex(r"[a-z]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(st.tuples(DNS_LABEL, DNS_LABEL), min_size=1, max_size=5, unique=True)
CLUSTERS = ClusterName("envoy_cluster_name")
WORKLOADS = WorkloadLabels("workload", "namespace")


def holds(subject: Subject, names: list[Name], labels: dict[str, str]) -> bool:
    return all(match.holds(labels) for match in subject.matches(names))


@given(NAMES, st.sampled_from(["", "shop/cilium-gateway-shop/"]), st.integers(1, 65535))
def test_every_cluster_of_the_names_is_found_and_tells_its_name(names: list[Name], prefix: str, port: int) -> None:
    for namespace, name in names:
        labels = {"envoy_cluster_name": f"{prefix}{namespace}_{name}_{port}"}
        assert holds(CLUSTERS, names, labels)
        assert CLUSTERS.of(labels) == (namespace, name)


@given(NAMES, st.tuples(DNS_LABEL, DNS_LABEL))
def test_no_other_services_cluster_is_found(names: list[Name], other: Name) -> None:
    labels = {"envoy_cluster_name": "_".join((*other, "80"))}
    assert holds(CLUSTERS, names, labels) == (other in names)


@pytest.mark.parametrize(
    "cluster", ["", "httproute/shop/web/rule/0", "outbound|80||web.shop.svc.cluster.local", "shop_web", "a_b_c_d"]
)
def test_a_cluster_of_another_form_is_nobodys(cluster: str) -> None:
    labels = {"envoy_cluster_name": cluster}
    assert CLUSTERS.of(labels) is None
    assert not holds(CLUSTERS, [("shop", "web")], labels)


@given(NAMES)
def test_every_workload_of_the_names_is_found_and_tells_its_name(names: list[Name]) -> None:
    for namespace, name in names:
        labels = {"workload": name, "namespace": namespace}
        assert holds(WORKLOADS, names, labels)
        assert WORKLOADS.of(labels) == (namespace, name)


def test_what_is_counted_is_named() -> None:
    assert (CLUSTERS.counts, WORKLOADS.counts) == (Counted.SERVICE, Counted.WORKLOAD)


@given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"])), st.text(max_size=5))
def test_a_text_taken_literally_matches_itself_alone(text: str, other: str) -> None:
    assert re.fullmatch(literally(text), text)
    assert bool(re.fullmatch(literally(text), other)) == (text == other)


def test_one_value_is_asked_for_without_a_regular_expression() -> None:
    assert any_of("namespace", ["shop"]) == LabelMatch("namespace", "=", "shop")
    assert any_of("namespace", ["a.b", "c"]) == LabelMatch("namespace", "=~", r"a\.b|c")


@given(NAMES, st.tuples(DNS_LABEL, DNS_LABEL))
def test_exactly_those_names_are_found_each_by_one_alternative(names: list[Name], other: Name) -> None:
    namespaces, workloads = ({name[part] for name in [*names, other]} for part in (0, 1))
    for namespace in namespaces:
        for workload in workloads:
            labels = {"workload": workload, "namespace": namespace}
            found = [all(match.holds(labels) for match in each) for each in WORKLOADS.exactly(names)]
            assert found.count(True) == ((namespace, workload) in names)


def test_namespaces_that_have_the_same_names_take_one_alternative() -> None:
    names = [(namespace, name) for namespace in ("a", "b", "c") for name in ("web", "cart")]
    assert len(WORKLOADS.exactly(names)) == 1
    assert len(WORKLOADS.exactly([*names, ("d", "web")])) == 2
    assert CLUSTERS.exactly(names) == (CLUSTERS.matches(names),)
