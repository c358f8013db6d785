"""The rights that the manifest gives the controller: enough for what it does, and none that nothing uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import urllib3
import yaml

from delivery.lab.shop_routes import MeshName, shop_routes
from delivery.reconcile.route_finding import kind_of
from mesh_adapters.meshes import meshes
from tests.scenarios.in_process import connected
from tests.scenarios.process import Process, Watched
from tests.scenarios.stories import BAD, GOOD, Story
from tests.scenarios.telling import Told, check, live, prepared
from tests.scenarios.test_meshes import NAMED, policy

MANIFEST = Path(__file__).parents[2] / "manifests" / "rbac.yaml"
PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/[^/]+(?:/namespaces/[^/]+)?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+)(?P<rest>/[a-z]+)?)?"
)
WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Right(NamedTuple):
    """As RBAC names what a request does."""

    verb: str
    group: str
    resource: str


def right(method: str, url: str) -> Right | None:
    """What a request needs; None for the discovery of kinds, which everybody may."""
    parts = urlsplit(url)
    found = PATH.fullmatch(parts.path)
    if found is None:
        return None
    verb = WRITES.get(method) or ("get" if found["name"] else "watch" if "watch=true" in parts.query else "list")
    return Right(verb, found["group"] or "", found["plural"] + (found["rest"] or ""))


def given(role: str) -> set[Right]:
    """What a role of the manifest allows."""
    roles = {each["metadata"]["name"]: each for each in yaml.safe_load_all(MANIFEST.read_text()) if "rules" in each}
    each_rule = (product(rule["verbs"], rule["apiGroups"], rule["resources"]) for rule in roles[role]["rules"])
    return {Right(*combined) for combinations in each_rule for combined in combinations}


class Noted:
    """A client's pool that notes the right that each request needs."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.needed: set[Right] = set()

    def request(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], **transport: Any
    ) -> urllib3.BaseHTTPResponse:
        needed = right(method, url)
        self.needed |= {needed} if needed else set()
        answer: urllib3.BaseHTTPResponse = self._pool.request(method, url, body=body, headers=headers, **transport)
        return answer


def needed_for(story: Story, mesh: MeshName) -> set[Right]:
    """By a controller that lives through all of a story."""
    universe, invariants = prepared(story, None, policy(mesh), shop_routes(mesh))
    noted = Noted(universe.pool)
    cluster = connected(noted)
    universe.parties.append(Process(universe, cluster, hearing=Watched(universe, cluster)).turn)
    live(story, universe, invariants)
    check(story, Told(universe, invariants))
    return noted.needed


@pytest.fixture(scope="module")
def needed() -> set[Right]:
    """By stories on every mesh; those that are particular on the first."""
    particular = ["a newer version comes", "our Services are deleted", "the route is deleted", "the policy is deleted"]
    told = [(NAMED[name], MeshName.ISTIO) for name in particular]
    told += [(story, mesh) for story in (GOOD, BAD) for mesh in MeshName]
    return set().union(*(needed_for(story, mesh) for story, mesh in told))


def test_a_request_is_named_as_rbac_names_it() -> None:
    assert right("GET", "http://x/api/v1/pods?watch=true") == Right("watch", "", "pods")
    assert right("GET", "http://x/api/v1/namespaces/shop/pods?limit=5") == Right("list", "", "pods")
    assert right("PUT", "http://x/apis/headgate.dev/v1alpha1/namespaces/shop/releases/web-1/status") == Right(
        "update", "headgate.dev", "releases/status"
    )
    assert right("GET", "http://x/apis/apps/v1") is None


def test_the_controller_needs_no_right_that_it_is_not_given(needed: set[Right]) -> None:
    assert needed - given("headgate-controller") == set()


def elsewhere() -> Iterator[Right]:
    """What no story has a part for, and the controller does: the API's questions, releases that are over and asked
    for, a template put back, what is said of a policy, routes that a Service has not."""
    yield Right("create", "authentication.k8s.io", "tokenreviews")
    yield Right("create", "authorization.k8s.io", "subjectaccessreviews")
    yield Right("get", "headgate.dev", "releases")
    yield Right("delete", "headgate.dev", "releases")
    yield Right("update", "apps", "deployments")
    for policies in ("deliverypolicies", "clusterdeliverypolicies"):
        yield Right("get", "headgate.dev", policies)
        yield Right("patch", "headgate.dev", f"{policies}/status")
    for mesh in meshes().values():
        for adapter in mesh.adapters:
            kind = kind_of(adapter.ref)
            made = ("create", "delete") if adapter in mesh.makers else ()
            yield from (Right(verb, kind.group, kind.plural) for verb in ("get", "update", *made))


def test_it_is_given_no_right_that_it_does_not_need(needed: set[Right]) -> None:
    assert given("headgate-controller") - needed - set(elsewhere()) == set()


def test_it_is_given_what_the_stories_have_no_part_for() -> None:
    assert set(elsewhere()) - given("headgate-controller") == set()
