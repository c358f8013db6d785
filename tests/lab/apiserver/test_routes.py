"""Requests end to end through the application: reads, writes, lists, watches, and what is served where."""

import copy
from typing import Any

import pytest

from tests.lab.apiserver.conftest import (
    APPLY,
    CONFIG_MAPS,
    DEFINITIONS,
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    PODS,
    STRATEGIC,
    TABLE,
    WIDGETS,
    Direct,
    config_map,
    deployment,
    pod,
    widget,
    widget_definition,
)


@pytest.fixture
def widgets(direct: Direct) -> Direct:
    direct("POST", DEFINITIONS, widget_definition()).ok()
    return direct


def names(listed: Any) -> list[str]:
    return [item["metadata"]["name"] for item in listed["items"]]


def test_status_and_spec_are_written_apart(widgets: Direct) -> None:
    made = widgets("POST", WIDGETS, {**widget(), "status": {"phase": "No"}}).ok()
    assert "status" not in made
    body = {"status": {"phase": "Ready"}, "spec": {"size": 9}}
    after = widgets("PATCH", f"{WIDGETS}/one/status", body, MERGE).ok()
    assert (after["status"], after["spec"]["size"], after["metadata"]["generation"]) == ({"phase": "Ready"}, 1, 1)
    grown = widgets("PATCH", f"{WIDGETS}/one", {"status": {"phase": "x"}, "spec": {"size": 2}}, MERGE).ok()
    assert (grown["status"], grown["metadata"]["generation"]) == ({"phase": "Ready"}, 2)


def test_a_write_that_changes_nothing_is_no_write(widgets: Direct) -> None:
    made = widgets("POST", WIDGETS, widget()).ok()
    for kind, body in ((MERGE, {"spec": {"size": 1}}), (JSON_PATCH, []), (MERGE, {"metadata": {"generation": 9}})):
        assert widgets("PATCH", f"{WIDGETS}/one", body, kind).ok()["metadata"] == made["metadata"]
    assert widgets("PUT", f"{WIDGETS}/one", made).ok() == made


def test_a_stale_writer_is_told(widgets: Direct) -> None:
    made = widgets("POST", WIDGETS, widget()).ok()
    widgets("PATCH", f"{WIDGETS}/one", {"spec": {"size": 2}}, MERGE).ok()
    widgets("PUT", f"{WIDGETS}/one", made).refused(409, "Conflict")
    stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "spec": {"size": 3}}
    widgets("PATCH", f"{WIDGETS}/one", stale, MERGE).refused(409, "Conflict")
    widgets("PUT", f"{WIDGETS}/one", widget()).refused(422, "Invalid")


def test_a_dry_run_judges_but_stores_nothing(widgets: Direct) -> None:
    assert widgets("POST", f"{WIDGETS}?dryRun=All", widget()).ok()["spec"]["colour"] == "red"
    widgets("POST", f"{WIDGETS}?dryRun=All", widget(size=0)).refused(422, "Invalid")
    widgets("GET", f"{WIDGETS}/one").refused(404, "NotFound")


def test_unknown_fields_are_dropped_warned_about_or_refused(widgets: Direct) -> None:
    body = widget(shape="round")
    refused = widgets("POST", f"{WIDGETS}?fieldValidation=Strict", body).refused(400, "BadRequest")
    assert 'unknown field "spec.shape"' in refused["message"]
    quiet = widgets("POST", f"{WIDGETS}?fieldValidation=Ignore&dryRun=All", body)
    assert "warning" not in quiet.headers
    told = widgets("POST", WIDGETS, body)
    assert told.headers["warning"] == '299 - "unknown field \\"spec.shape\\""'
    assert "shape" not in told.ok()["spec"]


def test_a_generated_name_is_new_each_time(direct: Direct) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}
    made = {direct("POST", CONFIG_MAPS, body).ok()["metadata"]["name"] for _ in range(5)}
    assert len(made) == 5
    assert all(name.startswith("x-") for name in made)


def test_pages_are_of_one_moment(direct: Direct) -> None:
    for number in range(5):
        direct("POST", CONFIG_MAPS, config_map(f"c{number}")).ok()
    first = direct("GET", f"{CONFIG_MAPS}?limit=2").ok()
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["c0", "c1"], 3)
    direct("DELETE", f"{CONFIG_MAPS}/c2").ok()
    direct("POST", CONFIG_MAPS, config_map("c9")).ok()
    rest = direct("GET", f"{CONFIG_MAPS}?limit=9&continue={first['metadata']['continue']}").ok()
    assert names(rest) == ["c2", "c3", "c4"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_page_whose_moment_is_forgotten_says_so_and_offers_the_rest() -> None:
    direct = Direct(window=4)
    for number in range(3):
        direct("POST", CONFIG_MAPS, config_map(f"c{number}")).ok()
    first = direct("GET", f"{CONFIG_MAPS}?limit=1").ok()
    for number in range(20):
        direct("PATCH", f"{CONFIG_MAPS}/c1", {"data": {"n": str(number)}}, MERGE).ok()
    gone = direct("GET", f"{CONFIG_MAPS}?limit=1&continue={first['metadata']['continue']}").refused(410, "Expired")
    assert names(direct("GET", f"{CONFIG_MAPS}?continue={gone['metadata']['continue']}").ok()) == ["c1", "c2"]
    old = first["metadata"]["resourceVersion"]
    (event,) = direct.events(f"{CONFIG_MAPS}?watch=1&timeoutSeconds=1&resourceVersion={old}")
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    direct.close()


def test_a_watch_resumes_after_a_revision_and_follows_its_selector(direct: Direct) -> None:
    start = direct("POST", CONFIG_MAPS, config_map("a", labels={"on": "1"})).ok()["metadata"]["resourceVersion"]
    direct("POST", CONFIG_MAPS, config_map("b", labels={"on": "1"})).ok()
    direct("PATCH", f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"on": None}}}, MERGE).ok()
    direct("DELETE", f"{CONFIG_MAPS}/b").ok()
    path = f"{CONFIG_MAPS}?watch=true&timeoutSeconds=1&labelSelector=on&resourceVersion={start}"
    seen = [(event["type"], event["object"]["metadata"]["name"]) for event in direct.events(path)]
    assert seen == [("ADDED", "b"), ("DELETED", "a"), ("DELETED", "b")]


def test_a_watch_that_asks_for_bookmarks_gets_one_before_it_ends(direct: Direct) -> None:
    made = direct("POST", CONFIG_MAPS, config_map("a")).ok()["metadata"]["resourceVersion"]
    path = f"{CONFIG_MAPS}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion={made}"
    (mark,) = direct.events(path)
    assert (mark["type"], mark["object"]["metadata"]["resourceVersion"]) == ("BOOKMARK", made)


def test_lists_and_watches_as_tables(widgets: Direct) -> None:
    widgets("POST", WIDGETS, widget(size=4)).ok()
    table = widgets("GET", WIDGETS, accept=TABLE).ok()
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size"]
    assert [row["cells"] for row in table["rows"]] == [["one", 4]]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    single = widgets("GET", f"{WIDGETS}/one", accept=TABLE).ok()
    assert single["rows"][0]["cells"] == ["one", 4]


def test_pods_print_what_people_look_for(direct: Direct) -> None:
    direct("POST", PODS, pod("p")).ok()
    status = {"phase": "Running", "containerStatuses": [{"name": "app", "ready": True, "restartCount": 3}]}
    direct("PATCH", f"{PODS}/p/status", {"status": status}, STRATEGIC).ok()
    row = direct("GET", PODS, accept=TABLE).ok()["rows"][0]["cells"]
    assert row[:4] == ["p", "1/1", "Running", 3]


def test_the_scale_subresource_reads_and_writes_replicas(direct: Direct) -> None:
    direct("POST", DEPLOYMENTS, deployment()).ok()
    scale = direct("PATCH", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 4}}, MERGE).ok()
    assert (scale["kind"], scale["spec"]["replicas"], scale["status"]["selector"]) == ("Scale", 4, "app=web")
    changed = direct("GET", f"{DEPLOYMENTS}/web").ok()
    assert (changed["spec"]["replicas"], changed["metadata"]["generation"]) == (4, 2)
    direct("PATCH", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": -1}}, MERGE).refused(422, "Invalid")


def test_a_pod_is_bound_once(direct: Direct) -> None:
    direct("POST", PODS, pod("p")).ok()
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "p"},
        "target": {"kind": "Node", "name": "n1"},
    }
    direct("POST", f"{PODS}/p/binding", binding).ok()
    assert direct("GET", f"{PODS}/p").ok()["spec"]["nodeName"] == "n1"
    direct("POST", f"{PODS}/p/binding", binding).refused(409, "Conflict")


def test_apply_says_who_and_creates_or_updates(widgets: Direct) -> None:
    path = f"{WIDGETS}/one"
    widgets("PATCH", path, widget(), APPLY).refused(422, "Invalid")
    assert widgets("PATCH", f"{path}?fieldManager=me", widget(), APPLY).code == 201
    again = widgets("PATCH", f"{path}?fieldManager=me", widget(), APPLY)
    assert (again.code, again.body["metadata"]["generation"]) == (200, 1)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"shape": "round"}, ".spec.shape: field not declared in schema"),
        ({"size": "big"}, '.spec.size: expected numeric (int or float), got "big"'),
        ({"parts": ["x"]}, ".spec.parts: element 0: associative list with keys may not have non-map elements"),
        ({"parts": [{"id": "a"}, {"id": "a"}]}, '.spec.parts: duplicate entries for key [id="a"]'),
        ({"parts": [{"id": "a", "count": "x"}]}, '.spec.parts[id="a"].count: expected numeric (int or float), got "x"'),
    ],
)
def test_what_its_schema_cannot_place_is_not_applied(widgets: Direct, spec: dict[str, Any], complaint: str) -> None:
    reply = widgets("PATCH", f"{WIDGETS}/one?fieldManager=me", widget(**spec), APPLY)
    assert (reply.code, reply.body["message"]) == (500, f"failed to create typed patch object: {complaint}")


def test_an_element_without_its_key_is_not_applied(widgets: Direct) -> None:
    reply = widgets("PATCH", f"{WIDGETS}/one?fieldManager=me", widget(parts=[{"count": 1}]), APPLY)
    assert 'omits key field "id"' in reply.body["message"]


def test_status_is_applied_apart_and_owned_apart(widgets: Direct) -> None:
    path = f"{WIDGETS}/one"
    widgets("PATCH", f"{path}?fieldManager=user", widget(), APPLY).ok()
    status = {"apiVersion": "test.dev/v1", "kind": "Widget", "metadata": {"name": "one"}, "status": {"phase": "Go"}}
    after = widgets("PATCH", f"{path}/status?fieldManager=controller", status, APPLY).ok()
    assert (after["spec"]["size"], after["status"]) == (1, {"phase": "Go"})
    entries = {entry["manager"]: entry for entry in after["metadata"]["managedFields"]}
    assert entries["controller"]["subresource"] == "status"
    assert entries["controller"]["fieldsV1"] == {"f:status": {"f:phase": {}}}
    widgets("PATCH", f"{path}?fieldManager=user", widget(), APPLY).ok()
    assert widgets("GET", path).ok()["status"] == {"phase": "Go"}


def test_two_versions_of_a_custom_kind_share_their_objects(direct: Direct) -> None:
    definition = widget_definition()
    older = {**copy.deepcopy(definition["spec"]["versions"][0]), "name": "v1beta1", "storage": False}
    properties = older["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del properties["colour"]
    properties["shape"] = {"type": "string", "default": "round"}
    definition["spec"]["versions"].append(older)
    direct("POST", DEFINITIONS, definition).ok()
    direct("POST", WIDGETS, widget()).ok()
    read = direct("GET", WIDGETS.replace("/v1/", "/v1beta1/") + "/one").ok()
    assert (read["apiVersion"], read["spec"]) == ("test.dev/v1beta1", {"size": 1, "shape": "round"})
    assert direct("GET", f"{WIDGETS}/one").ok()["spec"] == {"size": 1, "colour": "red"}
    listed = direct("GET", WIDGETS.replace("/v1/", "/v1beta1/")).ok()
    assert (listed["apiVersion"], listed["items"][0]["apiVersion"]) == ("test.dev/v1beta1", "test.dev/v1beta1")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scope": "Universe"}, "spec.scope"),
        ({"group": "dotless"}, "spec.group"),
        ({"versions": [{"name": "v1", "served": True, "storage": True}]}, "spec.versions[0].schema.openAPIV3Schema"),
    ],
)
def test_a_definition_that_cannot_be_served_is_refused(direct: Direct, change: dict[str, Any], field: str) -> None:
    definition = widget_definition()
    definition["spec"].update(change)
    refused = direct("POST", DEFINITIONS, definition).refused(422, "Invalid")
    assert field in [cause["field"] for cause in refused["details"]["causes"]]


def test_a_default_that_its_own_schema_refuses_is_refused(direct: Direct) -> None:
    definition = widget_definition()
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["colour"]["default"] = 7
    refused = direct("POST", DEFINITIONS, definition).refused(422, "Invalid")
    (cause,) = refused["details"]["causes"]
    assert cause["field"] == "spec.validation.openAPIV3Schema.properties[spec].properties[colour].default"


def test_a_definition_is_established_and_discovered(widgets: Direct) -> None:
    status = widgets("GET", f"{DEFINITIONS}/widgets.test.dev").ok()["status"]
    assert {c["type"]: c["status"] for c in status["conditions"]} == {"NamesAccepted": "True", "Established": "True"}
    resources = widgets("GET", "/apis/test.dev/v1").ok()["resources"]
    assert [r["name"] for r in resources] == ["widgets", "widgets/status"]
    document = widgets("GET", "/openapi/v3/apis/test.dev/v1").ok()
    assert document["components"]["schemas"]["dev.test.v1.Widget"]["properties"]["spec"]["required"] == ["size"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez"])
def test_it_is_well(direct: Direct, path: str) -> None:
    assert direct("GET", path).body == "ok"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/apis/none.dev/v1/things", "/api/v1/things", "/apis/apps/v9/deployments"]
)
def test_nothing_is_served_there(direct: Direct, path: str) -> None:
    assert direct("GET", path).code == 404


def test_a_wrong_credential_is_told_and_none_is_needed(direct: Direct) -> None:
    direct("GET", CONFIG_MAPS, authorization="Bearer wrong").refused(401, "Unauthorized")
    direct("GET", CONFIG_MAPS, authorization="Bearer secret").ok()
    direct("GET", CONFIG_MAPS).ok()


@pytest.mark.parametrize(
    ("method", "path", "kind", "code"),
    [
        ("PATCH", f"{CONFIG_MAPS}/x", "application/json", 415),
        ("POST", CONFIG_MAPS, "text/csv", 415),
        ("PUT", CONFIG_MAPS, "application/json", 405),
        ("POST", f"{CONFIG_MAPS}/x", "application/json", 405),
    ],
)
def test_what_is_asked_in_the_wrong_way(direct: Direct, method: str, path: str, kind: str, code: int) -> None:
    assert direct(method, path, config_map("x"), kind).code == code


def test_a_body_may_be_yaml(direct: Direct) -> None:
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y\ndata:\n  a: b\n"
    assert direct("POST", CONFIG_MAPS, body, "application/yaml").ok()["data"] == {"a": "b"}
    direct("POST", CONFIG_MAPS, b"{broken").refused(400, "BadRequest")
