"""The words and the facts of a message."""

from __future__ import annotations

import json

from delivery.notify.message import REASON_LIMIT, version_of
from delivery.resources.release import Phase, Revision
from tests.notify.given import STORY, lines, message, release


def test_a_question_comes_with_its_answers_and_a_link() -> None:
    told = message(lines(*STORY[:3]), "https://pages.example/")
    assert told.title == "shop/web web:2: paused, a person is asked"
    assert told.body.splitlines() == [
        "Deployment shop/web, release id web-bbbbbbbbbb",
        "Images: web:2 (stable: web:1)",
        "Why: because of AwaitingApproval (AwaitingApproval)",
        "Traffic on the new version: 5 %",
        "To be decided: approve it, or abort it",
        "  headgate approve shop/web-bbbbbbbbbb",
        "  headgate abort shop/web-bbbbbbbbbb",
        "At: 2023-11-14T22:12:22Z",
        "https://pages.example/namespaces/shop/releases/web-bbbbbbbbbb",
    ]


def test_without_a_link_there_is_none() -> None:
    told = message()
    assert told.facts["link"] is None
    assert "http" not in told.body


def test_facts_are_json_and_complete() -> None:
    facts = json.loads(json.dumps(message(lines(*STORY[:3])).facts))
    assert facts["answers"] == ["approve", "abort"]
    assert (facts["namespace"], facts["deployment"], facts["release"]) == ("shop", "web", "web-bbbbbbbbbb")
    assert (facts["phase"], facts["reason"], facts["weight"]) == ("Paused", "AwaitingApproval", 5.0)
    assert (facts["canaryImages"], facts["stableImages"]) == (["web:2"], ["web:1"])


def test_a_version_is_the_applications_own_or_the_images_that_changed() -> None:
    def of(*images: str, app_version: str | None = None) -> str:
        canary = Revision(template_hash="h", images=images, app_version=app_version)
        return version_of(release(lines(*STORY), canary=canary))

    assert of("web:2", app_version="1.4.0") == "1.4.0"
    assert of("registry.example:5000/shop/web:2", "web:1") == "web:2"
    assert of("registry.example/web@sha256:" + "a" * 64) == "web@sha256:aaaaaaaaaaaa"
    assert of("web:1") == "web:1"
    assert of() == "h"


def test_text_of_users_cannot_become_another_line_or_too_long() -> None:
    long = lines((Phase.FAILED, "RouteInvalid"))[0].model_copy(update={"message": "x" * 9000})
    told = message((long,), release_id="one\ntwo")
    assert told.body.splitlines()[0] == "Deployment shop/web, release id one two"
    assert len(told.body) < REASON_LIMIT + 500
