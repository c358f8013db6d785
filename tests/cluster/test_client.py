"""The client's edges: paths, pages, preconditions, watches that break, servers that are not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiClient, Configuration

from delivery.cluster.client import JSON, STRATEGIC, Cluster
from delivery.cluster.kinds import DEPLOYMENT, ENDPOINT_SLICE, NAMESPACE, POD, SERVICE, VIRTUAL_SERVICE, Kind
from delivery.errors import Conflict, Expired, InvalidSpec, NotFound, Refused, Retry, Unavailable
from delivery.lab.process import free_port
from tests.cluster.scripted_server import Say, ScriptedServer, scripted_server

POD_LIST = {"kind": "PodList", "apiVersion": "v1"}


def _status(code: int, reason: str, message: str = "no luck") -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}


def _lines(*events: Any) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def _named(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def cluster(server: ScriptedServer) -> Cluster:
    return server.cluster()


# -- what goes out -------------------------------------------------------------------------------------------


def test_paths_of_core_group_namespaced_and_cluster_scoped_kinds(server: ScriptedServer, cluster: Cluster) -> None:
    apps = {"versions": [{"groupVersion": "apps/v1", "version": "v1"}]}
    server.say(Say(), Say(), Say(body=apps), Say())
    cluster.get(POD, "web", "shop")
    cluster.get(NAMESPACE, "shop", "ignored")
    cluster.get(DEPLOYMENT, "web", "shop")
    cluster.get(DEPLOYMENT, "api", "shop")
    assert [heard.path for heard in server.heard] == [
        "/api/v1/namespaces/shop/pods/web",
        "/api/v1/namespaces/shop",
        "/apis/apps",
        "/apis/apps/v1/namespaces/shop/deployments/web",
        "/apis/apps/v1/namespaces/shop/deployments/api",  # what the group serves is asked once
    ]


def test_the_first_version_both_speak_is_used(server: ScriptedServer, cluster: Cluster) -> None:
    versions = [{"version": version} for version in ("v1alpha3", "v1beta1")]
    server.say(Say(body={"versions": versions}), Say())
    cluster.get(VIRTUAL_SERVICE, "web", "shop")
    assert server.heard[-1].path == "/apis/networking.istio.io/v1beta1/namespaces/shop/virtualservices/web"
    assert cluster.api_version(VIRTUAL_SERVICE) == "networking.istio.io/v1beta1"


def test_no_common_version_names_both_sides(server: ScriptedServer, cluster: Cluster) -> None:
    server.say(Say(body={"versions": [{"version": "v9"}]}))
    with pytest.raises(NotFound, match=r"API group discovery\.k8s\.io: serves v9, we speak .*v1beta1"):
        cluster.get(ENDPOINT_SLICE, "web", "shop")


def test_a_created_object_carries_kind_and_version(server: ScriptedServer, cluster: Cluster) -> None:
    body = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"clusterIP": None}}
    cluster.create(SERVICE, body)
    (heard,) = server.heard
    assert (heard.method, heard.path) == ("POST", "/api/v1/namespaces/shop/services")
    assert heard.body == {"apiVersion": "v1", "kind": "Service", **body}
    assert "apiVersion" not in body


def test_each_patch_type_is_declared(server: ScriptedServer, cluster: Cluster) -> None:
    cluster.patch(POD, "web", "shop", {"a": None})
    cluster.patch(POD, "web", "shop", [{"op": "remove", "path": "/a"}], patch_type=JSON)
    cluster.patch(POD, "web", "shop", {"a": 1}, patch_type=STRATEGIC, subresource="status")
    assert [(heard.headers["content-type"], heard.body) for heard in server.heard] == [
        ("application/merge-patch+json", {"a": None}),
        ("application/json-patch+json", [{"op": "remove", "path": "/a"}]),
        ("application/strategic-merge-patch+json", {"a": 1}),
    ]
    assert server.heard[-1].path.endswith("/pods/web/status")


def test_deletes_say_how(server: ScriptedServer, cluster: Cluster) -> None:
    cluster.delete(POD, "web", "shop")
    cluster.delete(POD, "web", "shop", uid="u1", resource_version="7", grace_period_s=0, propagation="Orphan")
    options = {"kind": "DeleteOptions", "apiVersion": "v1"}
    assert [heard.body for heard in server.heard] == [
        {**options, "propagationPolicy": "Background"},
        {
            **options,
            "propagationPolicy": "Orphan",
            "preconditions": {"uid": "u1", "resourceVersion": "7"},
            "gracePeriodSeconds": 0,
        },
    ]


def test_a_name_cannot_reach_another_resource(server: ScriptedServer, cluster: Cluster) -> None:
    cluster.get(POD, "../secrets/x", "shop?")
    assert server.heard[0].path == "/api/v1/namespaces/shop%3F/pods/..%2Fsecrets%2Fx"


def test_the_token_goes_with_every_request(server: ScriptedServer) -> None:
    server.cluster(token="secret").get(POD, "web", "shop")
    assert server.heard[0].headers["authorization"] == "Bearer secret"


# -- lists ---------------------------------------------------------------------------------------------------


def test_pages_are_joined_and_the_first_token_followed(server: ScriptedServer, cluster: Cluster) -> None:
    first = {**POD_LIST, "metadata": {"resourceVersion": "5", "continue": "t1"}, "items": [_named("a")]}
    second = {**POD_LIST, "metadata": {"resourceVersion": "5", "continue": ""}, "items": [_named("b")]}
    server.say(Say(body=first), Say(body=second))
    found = cluster.list(POD, "shop", labels={"app": "web", "tier": "x"}, fields="status.phase=Running", limit=1)
    assert [item["metadata"]["name"] for item in found.items] == ["a", "b"]
    assert {(item["apiVersion"], item["kind"]) for item in found.items} == {("v1", "Pod")}
    assert found.resource_version == "5"
    asked = {"limit": "1", "labelSelector": "app=web,tier=x", "fieldSelector": "status.phase=Running"}
    assert [heard.query for heard in server.heard] == [asked, {**asked, "continue": "t1"}]


@pytest.mark.parametrize("items", [{}, {"items": None}, {"items": []}])
def test_an_empty_list(server: ScriptedServer, cluster: Cluster, items: dict[str, Any]) -> None:
    server.say(Say(body={**POD_LIST, "metadata": {"resourceVersion": "5"}, **items}))
    found = cluster.list(POD)
    assert (found.items, found.resource_version) == ([], "5")
    assert server.heard[0].path == "/api/v1/pods"


def test_a_page_that_expired_is_expired(server: ScriptedServer, cluster: Cluster) -> None:
    first = {**POD_LIST, "metadata": {"resourceVersion": "5", "continue": "t1"}, "items": [_named("a")]}
    server.say(Say(body=first), Say(410, _status(410, "Expired", "the continue token is too old")))
    with pytest.raises(Expired, match="list of Pod: the continue token is too old"):
        cluster.list(POD)


# -- watches -------------------------------------------------------------------------------------------------


def test_a_watch_yields_until_the_server_ends_it(server: ScriptedServer, cluster: Cluster) -> None:
    events = [{"type": kind, "object": _named(kind.lower())} for kind in ("ADDED", "MODIFIED", "BOOKMARK", "DELETED")]
    server.say(Say(body="\n" + _lines(*events)))
    changes = list(cluster.watch(POD, "shop", resource_version="7", timeout_s=9, labels={"a": "b"}))
    assert [change.type for change in changes] == ["ADDED", "MODIFIED", "BOOKMARK", "DELETED"]
    assert changes[0].object == _named("added")
    assert server.heard[0].query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "7",
        "timeoutSeconds": "9",
        "labelSelector": "a=b",
    }


def test_long_and_non_ascii_events_arrive_whole(server: ScriptedServer, cluster: Cluster) -> None:
    event = {"type": "ADDED", "object": {"data": {"k": "ä€🙂" * 60_000}}}
    server.say(Say(body=json.dumps(event, ensure_ascii=False) + "\n"))
    (change,) = cluster.watch(POD, "shop", resource_version="7")
    assert change.object == event["object"]


@pytest.mark.parametrize(
    "answer",
    [
        Say(410, _status(410, "Expired", "too old resource version: 7 (9)")),
        Say(body=_lines({"type": "ERROR", "object": _status(410, "Expired", "too old resource version: 7 (9)")})),
    ],
)
def test_too_old_a_version_is_expired_either_way(server: ScriptedServer, cluster: Cluster, answer: Say) -> None:
    server.say(answer)
    with pytest.raises(Expired, match=r"watch of Pod: too old resource version: 7 \(9\)"):
        list(cluster.watch(POD, "shop", resource_version="7"))


@pytest.mark.parametrize(
    "answer",
    [
        Say(503, _status(503, "ServiceUnavailable")),
        Say(body=_lines({"type": "ERROR", "object": _status(500, "InternalError", "etcd is away")})),
        Say(body=_lines({"type": "ADDED", "object": _named("a")}), promised=10_000),
        Say(body="<html>proxy</html>\n"),
    ],
)
def test_a_watch_that_breaks_is_unavailable(server: ScriptedServer, cluster: Cluster, answer: Say) -> None:
    server.say(answer)
    with pytest.raises(Unavailable, match="watch of Pod"):
        list(cluster.watch(POD, "shop", resource_version="7"))


# -- failures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected", "text"),
    [
        (Say(404, _status(404, "NotFound", 'pods "web" not found')), NotFound, 'Pod shop/web: pods "web" not found'),
        (Say(403, _status(403, "Forbidden")), Refused, "Pod shop/web: no luck"),
        (Say(409, _status(409, "Conflict")), Conflict, "Pod shop/web: no luck"),
        (Say(422, _status(422, "Invalid")), InvalidSpec, "Pod shop/web: no luck"),
        (Say(429, _status(429, "TooManyRequests"), (("Retry-After", "3"),)), Retry, "Pod shop/web: no luck"),
        (Say(502, "<html>"), Unavailable, "Pod shop/web: <html>"),
        (Say(200, "not json"), Unavailable, "Pod shop/web: the answer of GET broke off"),
        (Say(200, "{}", promised=50), Unavailable, "Pod shop/web: the answer of GET broke off"),
    ],
)
def test_answers_become_errors_that_name_the_object(
    server: ScriptedServer, cluster: Cluster, answer: Say, expected: type[Exception], text: str
) -> None:
    server.say(answer)
    with pytest.raises(expected) as caught:
        cluster.get(POD, "web", "shop")
    assert type(caught.value) is expected
    assert str(caught.value).startswith(text)
    assert not isinstance(caught.value, Retry) or caught.value.after in (None, 3.0)


def test_find_is_none_only_where_nothing_is(server: ScriptedServer, cluster: Cluster) -> None:
    server.say(Say(404, _status(404, "NotFound")))
    assert cluster.find(POD, "web", "shop") is None
    assert cluster.find(DEPLOYMENT, "web", "shop") is None  # the whole group is missing
    assert cluster.serves(DEPLOYMENT) is False
    server.say(Say(503, _status(503, "ServiceUnavailable")))
    with pytest.raises(Unavailable):
        cluster.find(POD, "web", "shop")
    with pytest.raises(Unavailable):
        cluster.serves(POD)


def test_a_kind_is_asked_for_again_while_it_is_missing(server: ScriptedServer, cluster: Cluster) -> None:
    group = {"versions": [{"version": "v1"}]}
    listing = {"resources": [{"name": "widgets"}]}
    kind = Kind("suite.headgate.dev", ("v1",), "Widget", "widgets")
    server.say(Say(404, _status(404, "NotFound")), Say(body=group), Say(body={"resources": []}), Say(body=listing))
    assert [cluster.serves(kind) for _ in range(3)] == [False, False, True]


def test_a_server_that_is_not_there_is_unavailable() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    away = Cluster(ApiClient(Configuration(host=url)))
    with pytest.raises(Unavailable, match=rf"API server {url} cannot be reached \(Pod shop/web\).*refused"):
        away.get(POD, "web", "shop")
    with pytest.raises(Unavailable, match="cannot be reached"):
        away.ping()
    with pytest.raises(Unavailable, match="watch of Pod"):
        away.watch(POD, resource_version="1")


# -- credentials ---------------------------------------------------------------------------------------------


def _kubeconfig(path: Path, server: str) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "first",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": f"token-{name}"}} for name in ("first", "second")],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": name}} for name in ("first", "second")],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_connect_uses_the_current_context_or_the_named_one(server: ScriptedServer, tmp_path: Path) -> None:
    file = _kubeconfig(tmp_path / "config", server.url)
    server.say(Say(body={"gitVersion": "v1.99.0"}))
    connected = Cluster.connect(file)
    assert (connected.host, connected.ping()) == (server.url, "v1.99.0")
    Cluster.connect(file, "second").ping()
    assert [heard.headers["authorization"] for heard in server.heard] == ["Bearer token-first", "Bearer token-second"]


@pytest.mark.parametrize("content", [None, "", "][", "text", "- a", "a: b", "contexts: 5\ncurrent-context: x"])
def test_a_kubeconfig_that_cannot_be_read_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "config"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InvalidSpec, match=rf"kubeconfig {file}: cannot read credentials .*--kubeconfig FILE"):
        Cluster.connect(file)


def test_a_server_without_a_scheme_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match=r"server 'cluster\.example:6443' must begin with https://"):
        Cluster.connect(_kubeconfig(tmp_path / "config", "cluster.example:6443"))


def test_an_unknown_context_is_named(tmp_path: Path) -> None:
    file = _kubeconfig(tmp_path / "config", "http://127.0.0.1:1")
    with pytest.raises(InvalidSpec, match="third"):
        Cluster.connect(file, "third")


def test_outside_a_pod_there_is_no_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InvalidSpec, match="the pod's service account"):
        Cluster.connect(None)
