"""Deletion and what follows it: finalizers, grace, owners, namespaces, definitions."""

from typing import Any

import pytest

from tests.lab.apiserver.conftest import (
    CONFIG_MAPS,
    DEFINITIONS,
    DEPLOYMENTS,
    MERGE,
    PODS,
    WIDGETS,
    Direct,
    config_map,
    deployment,
    pod,
    widget,
    widget_definition,
)


def owner(obj: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        **more,
    }


def family(direct: Direct, **reference: Any) -> None:
    """A parent, its child and the child's own child."""
    parent = direct("POST", CONFIG_MAPS, config_map("parent")).ok()
    child = config_map("child", ownerReferences=[owner(parent, **reference)])
    made = direct("POST", CONFIG_MAPS, child).ok()
    direct("POST", CONFIG_MAPS, config_map("grandchild", ownerReferences=[owner(made, **reference)])).ok()


def present(direct: Direct) -> set[str]:
    return {item["metadata"]["name"] for item in direct("GET", CONFIG_MAPS).ok()["items"]}


def test_a_deletion_at_once_answers_with_a_success_status(direct: Direct) -> None:
    made = direct("POST", CONFIG_MAPS, config_map("one")).ok()
    answer = direct("DELETE", f"{CONFIG_MAPS}/one").ok()
    assert (answer["status"], answer["details"]["uid"]) == ("Success", made["metadata"]["uid"])
    direct("GET", f"{CONFIG_MAPS}/one").refused(404, "NotFound")


@pytest.mark.parametrize("preconditions", [{"uid": "another"}, {"resourceVersion": "1"}])
def test_preconditions_hold_or_nothing_is_deleted(direct: Direct, preconditions: dict[str, str]) -> None:
    direct("POST", CONFIG_MAPS, config_map("one")).ok()
    direct("DELETE", f"{CONFIG_MAPS}/one", {"preconditions": preconditions}).refused(409, "Conflict")
    direct("GET", f"{CONFIG_MAPS}/one").ok()


def test_a_finalizer_holds_an_object_until_it_is_lifted(direct: Direct) -> None:
    direct("POST", CONFIG_MAPS, config_map("one", finalizers=["test.dev/hold"])).ok()
    marked = direct("DELETE", f"{CONFIG_MAPS}/one").ok()
    assert marked["metadata"]["deletionTimestamp"]
    again = direct("DELETE", f"{CONFIG_MAPS}/one").ok()
    assert again["metadata"]["resourceVersion"] == marked["metadata"]["resourceVersion"]
    more = {"metadata": {"finalizers": ["test.dev/hold", "test.dev/late"]}}
    direct("PATCH", f"{CONFIG_MAPS}/one", more, MERGE).refused(422, "Invalid")
    direct("PATCH", f"{CONFIG_MAPS}/one", {"metadata": {"finalizers": None}}, MERGE).ok()
    direct("GET", f"{CONFIG_MAPS}/one").refused(404, "NotFound")


def test_a_running_pod_is_given_its_grace(direct: Direct) -> None:
    direct("POST", PODS, pod("p", nodeName="n1", terminationGracePeriodSeconds=7)).ok()
    marked = direct("DELETE", f"{PODS}/p").ok()
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 7
    direct("GET", f"{PODS}/p").ok()
    gone = direct("DELETE", f"{PODS}/p?gracePeriodSeconds=0").ok()
    assert gone["metadata"]["deletionGracePeriodSeconds"] == 0
    direct("GET", f"{PODS}/p").refused(404, "NotFound")


def test_a_pod_without_a_node_goes_at_once(direct: Direct) -> None:
    direct("POST", PODS, pod("p")).ok()
    direct("DELETE", f"{PODS}/p").ok()
    direct("GET", f"{PODS}/p").refused(404, "NotFound")


def test_dependents_follow_in_the_background(direct: Direct) -> None:
    family(direct)
    direct("DELETE", f"{CONFIG_MAPS}/parent").ok()
    assert present(direct) == set()


def test_an_object_of_an_owner_that_is_no_more_goes(direct: Direct) -> None:
    ghost = {"metadata": {"name": "ghost", "uid": "no-such-uid"}}
    direct("POST", CONFIG_MAPS, config_map("child", ownerReferences=[owner(ghost)])).ok()
    assert present(direct) == set()


def test_an_object_with_one_owner_left_stays_and_forgets_the_other(direct: Direct) -> None:
    first = direct("POST", CONFIG_MAPS, config_map("first")).ok()
    second = direct("POST", CONFIG_MAPS, config_map("second")).ok()
    direct("POST", CONFIG_MAPS, config_map("child", ownerReferences=[owner(first), owner(second)])).ok()
    direct("DELETE", f"{CONFIG_MAPS}/first").ok()
    left = direct("GET", f"{CONFIG_MAPS}/child").ok()["metadata"]["ownerReferences"]
    assert [reference["name"] for reference in left] == ["second"]


def test_orphans_stay_without_their_owner(direct: Direct) -> None:
    family(direct)
    direct("DELETE", f"{CONFIG_MAPS}/parent", {"propagationPolicy": "Orphan"}).ok()
    assert present(direct) == {"child", "grandchild"}
    assert "ownerReferences" not in direct("GET", f"{CONFIG_MAPS}/child").ok()["metadata"]


def test_foreground_waits_for_dependents_that_block(direct: Direct) -> None:
    family(direct, blockOwnerDeletion=True)
    hold = {"metadata": {"finalizers": ["test.dev/hold"]}}
    direct("PATCH", f"{CONFIG_MAPS}/grandchild", hold, MERGE).ok()
    direct("DELETE", f"{CONFIG_MAPS}/parent", {"propagationPolicy": "Foreground"}).ok()
    assert present(direct) == {"parent", "child", "grandchild"}
    waiting = direct("GET", f"{CONFIG_MAPS}/parent").ok()["metadata"]
    assert waiting["finalizers"] == ["foregroundDeletion"]
    direct("PATCH", f"{CONFIG_MAPS}/grandchild", {"metadata": {"finalizers": None}}, MERGE).ok()
    assert present(direct) == set()


def test_a_namespace_empties_itself_and_takes_nothing_new(direct: Direct) -> None:
    path = "/api/v1/namespaces"
    direct("POST", path, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}).ok()
    inside = f"{path}/shop/configmaps"
    direct("POST", inside, config_map("held", finalizers=["test.dev/hold"])).ok()
    direct("POST", inside, config_map("free")).ok()
    direct("DELETE", f"{path}/shop").ok()
    left = direct("GET", inside).ok()["items"]
    assert [item["metadata"]["name"] for item in left] == ["held"]
    refused = direct("POST", inside, config_map("late")).refused(403, "Forbidden")
    assert refused["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    direct("PATCH", f"{inside}/held", {"metadata": {"finalizers": None}}, MERGE).ok()
    direct("GET", f"{path}/shop").refused(404, "NotFound")


def test_the_first_namespaces_stay(direct: Direct) -> None:
    direct("DELETE", "/api/v1/namespaces/default").refused(403, "Forbidden")


def test_a_definition_takes_its_objects_along(direct: Direct) -> None:
    direct("POST", DEFINITIONS, widget_definition()).ok()
    direct("POST", WIDGETS, widget()).ok()
    direct("DELETE", f"{DEFINITIONS}/widgets.test.dev").ok()
    direct("GET", f"{DEFINITIONS}/widgets.test.dev").refused(404, "NotFound")
    assert direct("GET", WIDGETS).code == 404
    direct("POST", DEFINITIONS, widget_definition()).ok()
    assert direct("GET", WIDGETS).ok()["items"] == []


def test_a_collection_is_deleted_by_selector(direct: Direct) -> None:
    for number in range(4):
        direct("POST", CONFIG_MAPS, config_map(f"c{number}", labels={"odd": str(number % 2)})).ok()
    direct("DELETE", f"{CONFIG_MAPS}?labelSelector=odd%3D1").ok()
    assert present(direct) == {"c0", "c2"}


def test_a_dry_run_deletes_nothing(direct: Direct) -> None:
    direct("POST", DEPLOYMENTS, deployment()).ok()
    direct("DELETE", f"{DEPLOYMENTS}/web?dryRun=All").ok()
    direct("GET", f"{DEPLOYMENTS}/web").ok()


def test_an_unknown_policy_is_refused(direct: Direct) -> None:
    direct("POST", CONFIG_MAPS, config_map("one")).ok()
    direct("DELETE", f"{CONFIG_MAPS}/one?propagationPolicy=Sideways").refused(422, "Invalid")
