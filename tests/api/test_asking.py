"""Intents and triggers over HTTP: written once, with who and why, and nothing else touched."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.cluster.kinds import DEPLOYMENT, RELEASE
from delivery.intents.ask import LONGEST_REASON, TAKEN_TOGETHER
from delivery.resources.annotations import APP_VERSION, RELEASE_ID
from delivery.resources.release import Intent, Phase, release_from_object
from delivery.resources.trigger_record import current_trigger
from tests.decision import given
from tests.served import Served


def trigger(served: Served, key: str | None = None, **body: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Idempotency-Key": key} if key else {}
    with served.client() as client:
        answer = client.post(
            f"/api/v1/namespaces/{served.namespace}/deployments/web/releases",
            json={"image": "web:2", **body},
            headers=headers,
        )
    return answer.status_code, answer.json()


def asked_for(served: Served) -> tuple[int, dict[str, str]]:
    """What a trigger may write: the spec's generation, and the annotations."""
    meta = served.cluster.get(DEPLOYMENT, "web", served.namespace)["metadata"]
    return meta["generation"], meta["annotations"]


@pytest.mark.parametrize("verb", ["approve", "promote", "resume", "abort"])
def test_an_intent_is_written_with_who_and_why(served: Served, verb: str) -> None:
    served.release(Phase.PAUSED)
    with served.client(verb) as client:
        answer = client.post(served.path(rest=f"/{verb}"), json={"reason": "I looked at it"})
    assert answer.status_code == 202, answer.text
    by = f"system:serviceaccount:{served.namespace}:may-{verb}"
    assert answer.json()["by"] == by
    stored = release_from_object(served.cluster.get(RELEASE, given.RELEASE, served.namespace))
    assert [(each.verb, each.by, each.reason) for each in stored.spec.intents] == [(verb, by, "I looked at it")]
    assert stored.spec.intents[0].at is not None
    assert stored.status.phase is Phase.PAUSED  # the controller answers, nobody else


def test_a_record_full_of_intents_takes_only_what_ends_the_release(served: Served) -> None:
    said = Intent(verb="pause", by="somebody", reason="r" * LONGEST_REASON, at=given.NOW)
    full = (said,) * (TAKEN_TOGETHER // (len(said.model_dump_json(by_alias=True, exclude_none=True)) + 1))
    made = given.release(Phase.SHIFTING)
    status = made.status.model_copy(update={"intents_done": len(full)})
    served.create(made.model_copy(update={"spec": made.spec.model_copy(update={"intents": full}), "status": status}))
    with served.client() as client:
        refused = client.post(served.path(rest="/pause"), json={"reason": said.reason})
        assert refused.status_code == 409, refused.text
        assert f"its {len(full)} intents fill the record; abort it without a reason" in refused.json()["detail"]
        codes = [client.post(served.path(rest="/promote"), json={}).status_code for _ in range(8)]
        assert codes == sorted(codes)
        assert {*codes} == {202, 409}  # nor does a script that repeats itself make it longer without bound
        assert client.post(served.path(rest="/abort"), json={"reason": "r" * LONGEST_REASON}).status_code == 202


def test_the_deployments_name_stands_for_its_newest_release(served: Served) -> None:
    served.release()
    with served.client() as client:
        assert client.post(served.path("web", "/pause"), json={}).json()["name"] == given.RELEASE


def test_the_deployments_name_stands_for_it_before_the_api_has_heard_of_it(served: Served) -> None:
    """Whoever aborts the newest version must not be told of the one before that."""
    ended = served.release(Phase.ROLLED_BACK)
    newer = given.release(Phase.SHIFTING, name="newer")
    served.create(newer)
    served.board.told(served.namespace, newer.name, None)  # as if it had not
    assert served.board.find(served.namespace, "web") == served.board.row((served.namespace, ended.name))
    with served.client() as client:
        answer = client.post(served.path("web", "/abort"), json={})
    assert (answer.status_code, answer.json().get("name")) == (202, newer.name), answer.text


@pytest.mark.parametrize(
    ("phase", "verb", "says"),
    [
        (Phase.SUCCEEDED, "abort", "it has ended (Succeeded)"),
        (Phase.SHIFTING, "retry", "retry is for one that was rolled back"),
        (Phase.SHIFTING, "approve", "waits for nobody"),
        (Phase.PAUSED, "pause", "Paused already"),
    ],
)
def test_what_does_not_apply_is_refused_in_words_and_not_written(
    own_served: Served, phase: Phase, verb: str, says: str
) -> None:
    own_served.release(phase)
    with own_served.client() as client:
        answer = client.post(own_served.path(rest=f"/{verb}"), json={})
    assert answer.status_code == 409
    assert says in answer.json()["detail"]
    assert not own_served.cluster.get(RELEASE, given.RELEASE, own_served.namespace)["spec"].get("intents")


def test_intents_nobody_answers_do_not_pile_up(own_served: Served) -> None:
    own_served.release()
    with own_served.client() as client:
        codes = [client.post(own_served.path(rest="/pause"), json={}).status_code for _ in range(22)]
    assert codes == [202] * 20 + [409] * 2


def test_a_trigger_sets_the_template_once_and_says_whose_it_was(served: Served) -> None:
    served.deployment()
    status, answer = trigger(served, version="1.4.0", releaseId="build-7", reason="merged", key="run-1")
    assert (status, answer["changed"], answer["releaseId"]) == (202, True, "build-7")
    written = served.cluster.get(DEPLOYMENT, "web", served.namespace)
    template = written["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "web:2"
    assert template["metadata"]["labels"] == {"app": "web", APP_VERSION: "1.4.0"}
    annotations = written["metadata"]["annotations"]
    assert annotations[RELEASE_ID] == "build-7"
    asked = current_trigger(annotations)
    assert asked is not None
    assert (asked.key, asked.reason) == ("run-1", "merged")
    assert asked.by.startswith(f"system:serviceaccount:{served.namespace}:")


def test_a_replayed_trigger_starts_nothing_even_after_another(served: Served) -> None:
    served.deployment()
    assert trigger(served, key="run-1")[1]["changed"]
    assert trigger(served, key="run-2", image="web:3")[1]["changed"]
    before = asked_for(served)
    status, again = trigger(served, key="run-1")
    assert (status, again["changed"], again["replayed"], again["releaseId"]) == (202, False, True, "run-1")
    assert asked_for(served) == before
    status, other = trigger(served, key="run-1", image="web:4")
    assert (status, "used for another request" in other["detail"]) == (409, True)


def test_the_same_image_again_writes_nothing(served: Served) -> None:
    served.deployment()
    trigger(served)
    before = asked_for(served)
    assert trigger(served)[1]["changed"] is False
    assert asked_for(served) == before


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"image": "web:latest"}, "may be another one tomorrow"),
        ({"image": "web"}, "may be another one tomorrow"),
        ({"image": "Web:2"}, "is no image"),
        ({"version": "-"}, "body.version"),
        ({"unknown": 1}, "body.unknown"),
    ],
)
def test_a_trigger_that_cannot_be_meant_is_refused_and_changes_nothing(
    own_served: Served, body: dict[str, Any], says: str
) -> None:
    made = own_served.deployment()
    status, answer = trigger(own_served, **body)
    assert (status, says in answer["detail"]) == (422, True), answer
    assert asked_for(own_served) == (made["metadata"]["generation"], made["metadata"]["annotations"])


def test_a_container_that_this_deployment_has_not_is_no_fault_of_the_request_alone(own_served: Served) -> None:
    own_served.deployment()
    status, answer = trigger(own_served, container="sidecar")
    assert (status, "it has no container 'sidecar'; it has web" in answer["detail"]) == (409, True)


def test_a_deployment_that_nobody_opted_in_is_not_triggered_unless_a_policy_is_named(own_served: Served) -> None:
    made = own_served.deployment()
    own_served.cluster.patch(
        DEPLOYMENT, "web", own_served.namespace, {"metadata": {"annotations": {"headgate.dev/policy": None}}}
    )
    status, answer = trigger(own_served)
    assert (status, "would roll out unjudged; name a policy" in answer["detail"]) == (409, True)
    assert trigger(own_served, policy="standard")[1]["changed"]
    assert made["spec"]["paused"]


def test_what_is_not_there_is_not_found(own_served: Served) -> None:
    with own_served.client() as client:
        assert client.post(own_served.path("nothing", "/abort"), json={}).status_code == 404
    assert trigger(own_served)[0] == 404
