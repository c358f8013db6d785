"""Whatever is sent, the answer is an API answer: a document mangled anywhere is taken or refused, never a crash."""

import copy
import random
from typing import Any

import pytest

from tests.lab.apiserver.conftest import (
    APPLY,
    CONFIG_MAPS,
    DEFINITIONS,
    DEPLOYMENTS,
    MERGE,
    PODS,
    STRATEGIC,
    WIDGETS,
    Direct,
    config_map,
    deployment,
    pod,
    widget,
    widget_definition,
)

JUNK: tuple[Any, ...] = (None, [], {}, 0, -1, 1.5, "", "x", True, [None], [[]], [{}], {"x": None}, "é", 2**40)
SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "s", "labels": {"a": "b"}},
    "spec": {"selector": {"a": "b"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}], "type": "ClusterIP"},
}
FULL_CONTAINER: dict[str, Any] = {
    "name": "app",
    "image": "registry.example/app:1",
    "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    "ports": [{"containerPort": 80}],
    "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}},
    "readinessProbe": {"httpGet": {"port": 80}},
    "lifecycle": {"preStop": {"exec": {"command": ["x"]}}},
    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
}
FULL_POD = pod("p", containers=[FULL_CONTAINER], volumes=[{"name": "v", "projected": {"sources": [{}]}}])
OWNED = config_map("c", {"a": "b"}, ownerReferences=[{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u"}])
CASES = {
    "deployment": (DEPLOYMENTS, deployment(strategy={"rollingUpdate": {"maxSurge": 1}})),
    "pod": (PODS, FULL_POD),
    "service": ("/api/v1/namespaces/default/services", SERVICE),
    "config map": (CONFIG_MAPS, OWNED),
    "definition": (DEFINITIONS, widget_definition()),
    "widget": (WIDGETS, widget(parts=[{"id": "a", "count": 1}])),
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


def mangled(document: dict[str, Any], chance: random.Random) -> Any:
    """A copy with one or two places replaced by junk."""
    result: Any = copy.deepcopy(document)
    for _ in range(chance.randint(1, 2)):
        spots = [place for place in places(result) if place]
        if not spots:
            return result
        *way, last = chance.choice(spots)
        holder = result
        for key in way:
            holder = holder[key]
        holder[last] = copy.deepcopy(chance.choice(JUNK))
    return result


def is_an_answer(code: int, body: Any) -> bool:
    refusal = isinstance(body, dict) and body.get("kind") == "Status" and body.get("code") == code
    return code < 300 or refusal


@pytest.mark.parametrize("case", CASES)
def test_a_mangled_creation_is_taken_or_refused(direct: Direct, case: str) -> None:
    chance = random.Random(f"create {case}")
    path, document = CASES[case]
    if case == "widget":
        direct("POST", DEFINITIONS, widget_definition()).ok()
    for _ in range(150):
        body = mangled(document, chance)
        reply = direct("POST", f"{path}?dryRun=All", body)
        assert is_an_answer(reply.code, reply.body), (body, reply)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", [MERGE, STRATEGIC, APPLY])
def test_a_mangled_patch_is_taken_or_refused(direct: Direct, case: str, kind: str) -> None:
    chance = random.Random(f"{kind} {case}")
    path, document = CASES[case]
    if case == "widget":
        direct("POST", DEFINITIONS, widget_definition()).ok()
    if case == "config map":
        document = config_map("c", {"a": "b"})
    name = direct("POST", path, document).ok()["metadata"]["name"]
    for _ in range(60):
        body = mangled(document, chance)
        reply = direct("PATCH", f"{path}/{name}?dryRun=All&fieldManager=m", body, kind)
        assert is_an_answer(reply.code, reply.body), (body, reply)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"1", b'"x"', b"\xff\xfe", b"{}", b"k8s\x00"])
@pytest.mark.parametrize(("method", "suffix"), [("POST", ""), ("PUT", "/x"), ("PATCH", "/x"), ("DELETE", "/x")])
def test_a_body_of_any_kind_is_answered(direct: Direct, body: bytes, method: str, suffix: str) -> None:
    direct("POST", CONFIG_MAPS, config_map("x")).ok()
    for kind in ("application/json", MERGE, "application/json-patch+json", "application/vnd.kubernetes.protobuf"):
        reply = direct(method, f"{CONFIG_MAPS}{suffix}", body, kind)
        assert is_an_answer(reply.code, reply.body), (kind, reply)
