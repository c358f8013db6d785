"""Who gets in: nobody without a token, nobody without the right, whatever the route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from delivery.api.access import TOKEN_KEPT_S, Access, Asked
from delivery.api.app import OPENAPI, ROUTERS, api
from delivery.api.guarding import VERB, Limits
from delivery.cluster.client import Cluster
from delivery.errors import Unavailable
from tests.conftest import Planes
from tests.served import Served, serve

WITHOUT_DATA = {
    "/",
    "/namespaces/{namespace}/releases/{name}",
    "/assets/{name}",
    "/session/end",
    "/api/v1/openapi.json",
}


def every_route() -> list[tuple[str, str, str | None]]:
    """Method, path and verb of all there are."""
    found: list[tuple[str, str, str | None]] = [("GET", OPENAPI, None)]
    for route in (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)):
        verb = (route.openapi_extra or {}).get(VERB)
        found += [(method, route.path, verb) for method in sorted(route.methods or ())]
    return found


ROUTES = every_route()
NO_ROUTES = [("HEAD", OPENAPI), ("PATCH", "/api/v1/releases"), ("OPTIONS", "/api/v1/releases"), ("GET", "/nowhere")]
DATA = [(method, path, verb) for method, path, verb in ROUTES if path not in {*WITHOUT_DATA, "/session"}]


def filled(path: str, namespace: str) -> str:
    return re.sub(r"{\w+}", "web", path.replace("{namespace}", namespace))


def test_the_table_has_every_route_there_is(own_served: Served) -> None:
    app = api(own_served.cluster, Access(own_served.cluster), own_served.board)
    directly = [route for route in app.routes if isinstance(route, Route)]
    assert [route.path for route in directly] == [OPENAPI]
    assert len(app.routes) == len(directly) + len(ROUTERS)
    assert all(isinstance(route, APIRoute) for router in ROUTERS for route in router.routes)


def test_every_route_with_data_names_the_right_it_needs() -> None:
    assert len(DATA) >= 14
    assert [(method, path) for method, path, verb in DATA if verb is None] == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic YTpi"}])
def test_no_route_answers_without_a_token_the_cluster_knows(served: Served, headers: dict[str, str]) -> None:
    with httpx.Client(base_url=served.url, headers=headers, timeout=30) as client:
        for method, path in [*((method, path) for method, path, _ in ROUTES), *NO_ROUTES]:
            answer = client.request(method, filled(path, served.namespace), content=b"{no json")
            assert answer.status_code == 401, (method, path, answer.text)
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_no_route_answers_without_the_right(served: Served) -> None:
    served.release()
    served.deployment()
    for method, path, verb in DATA:
        others = [other for other in ("get", "list", "watch", "trigger", "approve") if other != verb]
        with served.client(*others) as client:
            for body in (b"{no json", b"{}"):
                where = {"namespace": served.namespace} if "{namespace}" not in path else {}
                answer = client.request(method, filled(path, served.namespace), params=where, content=body)
                assert answer.status_code == 403, (method, path, verb, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"
                assert f"may not {verb} releases.headgate.dev" in answer.json()["detail"]


def test_a_right_in_one_namespace_is_none_in_another_nor_in_all(served: Served) -> None:
    with served.client() as client:
        assert client.get("/api/v1/releases", params={"namespace": served.namespace}).status_code == 200
        assert client.get("/api/v1/releases", params={"namespace": "default"}).status_code == 403
        assert client.get("/api/v1/releases").status_code == 403
        assert client.get("/api/v1/namespaces/default/releases/web").status_code == 403


def test_a_right_on_one_release_is_none_on_another(served: Served) -> None:
    served.release(name="one")
    served.release(name="other")
    with httpx.Client(base_url=served.url, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {served.token('get', 'pause', only='one')}"
        for _ in range(2):  # as the cluster says, and as it said a moment ago
            assert client.get(served.path("one")).status_code == 200
            assert client.get(served.path("other")).status_code == 403
            assert client.post(served.path("other", "/pause"), json={}).status_code == 403
        assert client.post(served.path("one", "/pause"), json={}).status_code == 202


@pytest.mark.parametrize(("everywhere", "reviews"), [(True, 1), (False, 2)])
def test_a_reader_of_a_whole_namespace_or_of_all_is_asked_about_once_an_actor_by_name(
    own_served: Served, everywhere: bool, reviews: int
) -> None:
    asked = Cluster.connect(own_served.kubeconfig)
    access = Access(asked)
    caller = access.caller(own_served.token_everywhere() if everywhere else own_served.token("get", "pause"))
    before = asked.calls["POST", 201]
    for number in range(20):
        access.require(caller, Asked("get", own_served.namespace, f"web-{number}"))
        assert access.decided(caller, Asked("get", own_served.namespace, f"api-{number}")) is True
    assert asked.calls["POST", 201] == before + reviews
    assert access.decided(caller, Asked("get", "default", "web")) is (True if everywhere else None)
    assert access.decided(caller, Asked("pause", own_served.namespace, "web-1")) is None
    access.require(caller, Asked("pause", own_served.namespace, "web-1"))
    assert access.decided(caller, Asked("pause", own_served.namespace, "web-2")) is None


@contextmanager
def unreachable(cluster: Cluster) -> Iterator[None]:
    """The API server's address leads nowhere meanwhile."""
    host, cluster._host = cluster._host, "http://127.0.0.1:1"
    yield
    cluster._host = host


def test_nobody_is_let_in_while_the_cluster_cannot_be_asked(own_served: Served) -> None:
    """Whoever was let in a moment ago is not either, once that moment is over."""
    now = [0.0]
    asked = Cluster.connect(own_served.kubeconfig)
    access = Access(asked, lambda: now[0])
    caller = access.caller(own_served.token("get"))
    access.require(caller, Asked("get", own_served.namespace))
    with unreachable(asked):
        access.require(access.caller(own_served.token("get")), Asked("get", own_served.namespace))
        now[0] += TOKEN_KEPT_S
        with pytest.raises(Unavailable):
            access.caller(own_served.token("get"))
        with pytest.raises(Unavailable):
            access.require(caller, Asked("get", own_served.namespace))


def test_a_browser_is_shown_where_to_sign_in_and_keeps_its_token_in_a_cookie(own_served: Served) -> None:
    with httpx.Client(base_url=own_served.url, timeout=30, headers={"Accept": "text/html"}) as browser:
        asked = browser.get("/?namespace=shop")
        assert (asked.status_code, asked.headers["location"]) == (303, "/session?to=%2F%3Fnamespace%3Dshop")
        assert 'action="/session"' in browser.get(asked.headers["location"]).text
        assert browser.post("/session", data={"token": "made-up"}).status_code == 401
        let_in = browser.post("/session", data={"token": own_served.token("get", "abort")})
        assert (let_in.status_code, let_in.headers["location"]) == (303, "/")
        kept = let_in.headers["set-cookie"].lower()
        assert "httponly" in kept
        assert "samesite=strict" in kept
        assert "<h1>Releases</h1>" in browser.get("/").text
        own_served.release()
        forged = browser.post(own_served.path(rest="/abort"), json={})
        assert (forged.status_code, "headgate-request" in forged.json()["detail"]) == (403, True)
        meant = browser.post(own_served.path(rest="/abort"), json={}, headers={"Headgate-Request": "1"})
        assert meant.status_code == 202


@pytest.fixture
def narrow(planes: Planes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from serve(planes, "embedded", tmp_path_factory, Limits(per_minute=20, body=1000))


def test_too_large_a_body_is_refused_declared_or_not(narrow: Served) -> None:
    def endless() -> Iterator[bytes]:
        yield from (b"x" * 100 for _ in range(100))

    with narrow.client() as client:
        for body in (b"x" * 2000, endless()):
            answer = client.post(narrow.path(rest="/abort"), content=body)
            assert (answer.status_code, answer.json()["title"]) == (413, HTTPStatus(413).phrase)


def test_too_many_calls_are_refused(narrow: Served) -> None:
    with narrow.client() as client:
        codes = {client.get("/").status_code for _ in range(30)}
    assert codes == {200, 429}


@pytest.mark.parametrize(
    ("to", "led"),
    [
        ("/namespaces/shop/releases/web?x=1", "/namespaces/shop/releases/web?x=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ('/"><script>', "/%22%3E%3Cscript%3E"),
    ],
)
def test_signing_in_leads_back_to_a_page_of_ours_only(own_served: Served, to: str, led: str) -> None:
    with httpx.Client(base_url=own_served.url, timeout=30, headers={"Accept": "text/html"}) as browser:
        assert "<script" not in browser.get("/session", params={"to": to}).text
        let_in = browser.post("/session", data={"token": own_served.token("get", "abort"), "to": to})
        assert (let_in.status_code, let_in.headers["location"]) == (303, led)
