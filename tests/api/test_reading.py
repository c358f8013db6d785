"""Lists, single Releases, waiting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from delivery.api.models import ReleaseList, ReleaseSummary, Waited
from delivery.cluster.client import MERGE
from delivery.cluster.kinds import RELEASE
from delivery.resources.release import Phase, release_from_object, spec_object, status_object
from tests.decision import given
from tests.served import Served


def test_a_list_holds_what_matches_page_by_page(served: Served) -> None:
    for number in range(5):
        served.release(Phase.SHIFTING if number else Phase.PAUSED, name=f"web-{number}")
    with served.client() as client:

        def listed(**query: str | int | list[str]) -> ReleaseList:
            answer = client.get("/api/v1/releases", params={"namespace": served.namespace, **query})
            assert answer.status_code == 200, answer.text
            return ReleaseList.model_validate(answer.json())

        assert listed().total == 5
        first = listed(limit=2)
        assert (len(first.items), first.next) == (2, 2)
        rest = listed(limit=3, offset=2)
        assert rest.next is None
        assert {one.name for one in (*first.items, *rest.items)} == {f"web-{number}" for number in range(5)}
        assert [one.name for one in listed(phase="Paused").items] == ["web-0"]
        assert listed(phase=["Paused", "Shifting"]).total == 5
        assert listed(search="WEB-3").total == 1
        assert listed(deployment="other").items == []


def test_one_is_found_by_its_name_its_deployments_and_its_id(served: Served) -> None:
    made = served.release()
    cases: list[tuple[str, dict[str, str]]] = [
        (made.name, {}),
        ("web", {}),
        ("web", {"releaseId": made.spec.release_id}),
    ]
    with served.client() as client:
        for name, query in cases:
            answer = client.get(served.path(name), params=query)
            read = release_from_object(answer.json())
            assert (read.spec, read.status) == (made.spec, made.status)
        for name, query in (("nothing", {}), ("web", {"releaseId": "another"})):
            answer = client.get(served.path(name), params=query)
            assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.SUCCEEDED])
def test_one_is_told_as_the_cluster_holds_it(served: Served, phase: Phase) -> None:
    made = served.release(phase)
    row = served.board.row((served.namespace, made.name))
    assert row is not None
    assert bool(row.document) is not phase.final  # what has ended is read from the cluster
    held = served.cluster.get(RELEASE, made.name, served.namespace)
    with served.client("get") as client:
        told = client.get(served.path()).json()
    identity = {field: held["metadata"][field] for field in ("name", "namespace", "uid", "resourceVersion")}
    assert told == {**{part: held[part] for part in ("apiVersion", "kind", "spec", "status")}, "metadata": identity}


def test_one_that_cannot_be_shown_hides_no_other(own_served: Served) -> None:
    meta = {"name": "empty", "namespace": own_served.namespace}
    own_served.cluster.create(RELEASE, {"metadata": meta})
    made = given.release(name="unwritable")
    own_served.cluster.create(RELEASE, {"metadata": {**meta, "name": "unwritable"}, "spec": spec_object(made.spec)})
    status = status_object(made.status) | {"startedAt": "9999-12-31T23:59:59-14:00"}
    own_served.cluster.patch(
        RELEASE, made.name, own_served.namespace, {"status": status}, patch_type=MERGE, subresource="status"
    )
    own_served.release(name="good")
    with own_served.client() as client:
        told = client.get("/api/v1/releases", params={"namespace": own_served.namespace}).json()["items"]
    assert [each["name"] for each in told] == ["good"]


def test_one_that_has_ended_is_read_from_the_cluster(served: Served) -> None:
    made = served.release(Phase.SUCCEEDED)
    with served.client() as client:
        assert release_from_object(client.get(served.path()).json()).status == made.status


@pytest.mark.parametrize(
    ("phase", "outcome"),
    [
        (Phase.SUCCEEDED, "promoted"),
        (Phase.ROLLED_BACK, "rolledBack"),
        (Phase.FAILED, "failed"),
        (Phase.PAUSED, "undecided"),
    ],
)
def test_waiting_ends_with_the_release_or_where_it_asks_somebody(
    own_served: Served, phase: Phase, outcome: str
) -> None:
    made = own_served.release()
    with ThreadPoolExecutor(1) as pool, own_served.client() as client:
        waiting = pool.submit(client.get, own_served.path(rest="/wait"), params={"timeout": 60})
        own_served.becomes(made.model_copy(update={"status": made.status.model_copy(update={"phase": phase})}))
        waited = Waited.model_validate(waiting.result(30).json())
    assert (waited.outcome, waited.release and waited.release.phase) == (outcome, phase)


def test_waiting_is_bounded_and_may_begin_before_the_release_does(own_served: Served) -> None:
    with own_served.client() as client:
        nothing = client.get(own_served.path("web", "/wait"), params={"timeout": 0.1, "releaseId": "build-1"})
        assert nothing.json() == {"outcome": "undecided", "release": None}
        own_served.release(Phase.PAUSED)
        paused = client.get(own_served.path("web", "/wait"), params={"timeout": 0.1, "throughPauses": True})
        assert Waited.model_validate(paused.json()).outcome == "undecided"


def test_a_summary_says_what_is_asked_and_how_far_the_evidence_is(own_served: Served) -> None:
    own_served.release(Phase.PAUSED, reason="AwaitingApproval")
    with own_served.client() as client:
        listed = client.get("/api/v1/releases", params={"namespace": own_served.namespace}).json()
    summary = ReleaseSummary.model_validate(listed["items"][0])
    assert summary.question == "approve it, or abort it"
    assert summary.canary_images == list(given.IMAGES[given.CANARY])
    assert summary.weight == 5
