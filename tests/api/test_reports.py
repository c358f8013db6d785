"""Reports over HTTP: in each form, and drawn anew when the Release has changed."""

from __future__ import annotations

import pytest

from delivery.resources.release import Phase
from tests.served import Served


@pytest.mark.parametrize(
    ("form", "media_type", "begins"),
    [
        ("json", "application/json", '{"schemaVersion":1'),
        ("html", "text/html", "<!doctype html>"),
        ("markdown", "text/markdown", "#"),
        ("svg", "image/svg+xml", "<"),
    ],
)
@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.SUCCEEDED])
def test_a_report_is_given_in_each_form(
    own_served: Served, form: str, media_type: str, begins: str, phase: Phase
) -> None:
    own_served.release(phase)
    with own_served.client("get") as client:
        answer = client.get(own_served.path(rest="/report"), params={"format": form})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == media_type
    assert answer.text.strip().lower().startswith(begins.lower())
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_report_is_kept_for_a_moment_and_no_longer_than_the_release_stays_the_same(own_served: Served) -> None:
    made = own_served.release()
    with own_served.client("get") as client:
        first, second = (client.get(own_served.path(rest="/report")).json() for _ in range(2))
        assert first == second
        own_served.becomes(made.model_copy(update={"status": made.status.model_copy(update={"phase": Phase.PAUSED})}))
        changed = client.get(own_served.path(rest="/report")).json()
    assert (changed["phase"], changed["renderedAt"] > first["renderedAt"]) == ("Paused", True)
