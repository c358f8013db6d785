"""What a report works out, against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from delivery.report.images import image_view
from delivery.report.intervals import wilson
from delivery.report.view import view
from delivery.resources.annotations import APP_VERSION, POD_VERSION
from delivery.resources.release import Phase, Traffic
from tests.decision.given import NOW, release
from tests.report.records import (
    DIGEST,
    line,
    look,
    promoted_by_ann,
    rolled_back,
    unusual,
    with_custom_metrics,
    with_images,
)


@pytest.mark.parametrize(
    ("reference", "repository", "tag", "digest"),
    [
        ("web", "web", None, None),
        ("web:1.2", "web", "1.2", None),
        ("registry.example/shop/web:1", "registry.example/shop/web", "1", None),
        ("localhost:5000/web", "localhost:5000/web", None, None),
        ("localhost:5000/web:1", "localhost:5000/web", "1", None),
        (f"reg:5000/a/web@{DIGEST}", "reg:5000/a/web", None, DIGEST),
        (f"reg:5000/a/web:1@{DIGEST}", "reg:5000/a/web", "1", DIGEST),
        ("", "", None, None),
    ],
)
def test_a_reference_is_taken_apart(reference: str, repository: str, tag: str | None, digest: str | None) -> None:
    found = image_view(reference)
    assert (found.reference, found.repository, found.tag, found.digest) == (reference, repository, tag, digest)


@pytest.mark.parametrize(
    ("errors", "requests", "low", "high"),
    [(0, 10, 0.0, 0.27753), (5, 10, 0.23659, 0.76341), (1, 100, 0.00177, 0.05449), (10, 10, 0.72247, 1.0)],
)
def test_wilson_gives_the_values_of_its_formula(errors: int, requests: int, low: float, high: float) -> None:
    found = wilson(errors, requests)
    assert found is not None
    assert found == pytest.approx((low, high), abs=1e-5)


def test_without_requests_there_is_no_interval() -> None:
    assert wilson(0, 0) is None


def test_the_verdict_is_one_sentence_with_its_reason() -> None:
    assert view(rolled_back(), NOW).sentence == (
        "web was rolled back after 20.0 s, having had at most 5 % of the traffic: "
        "canary fails 10 % of requests, stable 1 %."
    )


def test_a_promotion_is_explained_by_what_it_rested_on() -> None:
    assert view(promoted_by_ann(), NOW).sentence.endswith("at most 100 % of the traffic: promoted by ann: hurry.")


def test_a_release_in_progress_tells_how_long_it_takes_so_far() -> None:
    told = view(unusual()["in progress"], NOW + 10)
    assert (told.final, told.seconds) == (False, 30.0)
    assert told.sentence.startswith("web is shifting 30.0 s after it began")


def test_what_came_to_pass_without_a_status_has_not_begun() -> None:
    told = view(unusual()["without status"], NOW)
    assert told.sentence == "web has not begun: no reason was recorded."
    assert (told.timeline, told.decisions, told.metrics, told.cost, told.traffic.course) == ((), (), (), None, ())


def test_a_light_release_says_that_every_process_stays() -> None:
    assert "every process stays" in view(unusual()["light"], NOW).what


def test_people_are_told_with_who_set_the_image_first() -> None:
    told = view(promoted_by_ann(), NOW).people
    assert [(person.verb, person.by, person.answered) for person in told] == [
        ("deploy", "ci", True),
        ("approve", "ben", True),
        ("promote", "ann", True),
        ("pause", "", False),
    ]


def test_the_timeline_has_phases_and_people_in_the_order_of_time() -> None:
    told = view(promoted_by_ann(), NOW).timeline
    assert [(each.after, each.phase or each.reason, each.by) for each in told] == [
        (-1.0, "deploy", "ci"),
        (0.0, "Preparing", ""),
        (2.0, "Shifting", ""),
        (20.0, "approve", "ben"),
        (29.0, "promote", "ann"),
        (30.0, "Promoting", ""),
        (45.0, "Succeeded", ""),
    ]


def test_corrected_outside_edits_are_in_the_timeline() -> None:
    traffic = Traffic(max_weight=5, first_weight_at=NOW + 3, corrections=(NOW + 7,))
    told = view(rolled_back(traffic=traffic), NOW)
    assert [each.after for each in told.timeline if each.kind == "correction"] == [7.0]
    assert told.traffic.corrections == 1


def test_the_share_is_a_course_of_steps_with_the_rollout_in_it() -> None:
    course = view(promoted_by_ann(), NOW).traffic.course
    assert [(p.after, p.weight) for p in course] == [(0, 0), (3, 5), (30, 100), (40, 0), (45, 0)]


def test_the_share_of_a_rolled_back_one_ends_when_the_mesh_said_so() -> None:
    course = view(rolled_back(), NOW).traffic.course
    assert [(p.after, p.weight) for p in course] == [(0, 0), (3, 5), (13, 0), (20, 0)]


def test_the_share_of_one_in_progress_lasts_until_now() -> None:
    history = (line(0, Phase.SHIFTING, "CanaryReady"), line(30, Phase.SHIFTING, "Advancing", "", 5.0))
    traffic = Traffic(desired_weight=50, verified_weight=50, max_weight=50, first_weight_at=NOW + 1)
    running = release(history=history, traffic=traffic, started_at=NOW)
    course = view(running, NOW + 60).traffic.course
    assert [(p.after, p.weight) for p in course] == [(0, 0), (1, 5), (30, 50), (60, 50)]


def test_thresholds_are_the_logarithm_of_one_over_the_risk() -> None:
    told = view(rolled_back(), NOW).evidence
    assert (told.rollback_threshold, told.advance_threshold) == pytest.approx((math.log(100), math.log(20)))
    assert [(p.after, p.rollback, p.advance) for p in told.course] == [(5.0, 0.5, -0.2), (12.0, 4.7, -2.0)]


def test_a_policy_that_cannot_be_read_gives_no_threshold() -> None:
    told = view(unusual()["unreadable policy"], NOW)
    assert (told.evidence.rollback_threshold, told.evidence.wrong_advance) == (None, None)
    assert "analysis: 7" in told.policy_yaml


def test_the_cost_is_what_the_canary_failed_beyond_stables_rate() -> None:
    told = view(rolled_back(), NOW).cost
    assert told is not None
    assert (told.requests, told.errors) == (100, 10)
    assert (told.at_stables_rate, told.beyond_stable) == pytest.approx((1.0, 9.0))


def test_without_requests_of_stable_nothing_can_be_beyond_its_rate() -> None:
    told = view(rolled_back(evidence=look(stable_requests=0.0, stable_errors=0.0)), NOW).cost
    assert told is not None
    assert (told.at_stables_rate, told.beyond_stable) == (None, None)


def test_the_meshs_metrics_have_both_arms_and_their_intervals() -> None:
    errors, latency = view(rolled_back(), NOW).metrics
    assert errors.stable is not None
    assert errors.canary is not None
    assert (errors.stable.rate, errors.canary.rate) == (0.01, 0.1)
    assert errors.canary.wilson == pytest.approx((0.05523, 0.17437), abs=1e-5)
    assert errors.canary.always == (0.03, 0.3)
    assert (errors.rollback, latency.rollback) == (5.0, 0.5)
    assert latency.quantiles[1].canary_ms == (25.0, None)


def test_a_distribution_is_told_in_shares_of_its_own_arm() -> None:
    histogram = view(rolled_back(), NOW).metrics[1].histogram
    assert histogram is not None
    assert (histogram.stable_requests, histogram.canary_requests) == (100, 20)
    assert [(b.above_ms, b.up_to_ms) for b in histogram.buckets] == [(1, 10), (10, 25), (25, 50)]
    assert [b.canary_share for b in histogram.buckets] == pytest.approx([0.6, 0.3, 0.1])


def test_no_distribution_is_made_up() -> None:
    told = view(unusual()["damaged state"], NOW)
    assert [metric.histogram for metric in told.metrics] == [None, None, None]


def test_metrics_of_the_policys_own_are_told_by_kind() -> None:
    _, _, carts, search, queue, silent = view(with_custom_metrics(), NOW).metrics
    assert carts.stable is not None
    assert carts.stable.requests == 40
    assert carts.stable.wilson == pytest.approx((0.35199, 0.64801), abs=1e-5)
    assert search.histogram is not None
    assert queue.values is not None
    assert (queue.values.difference, queue.values.difference_low) == (1.0, None)
    assert (queue.answer, queue.problem) == ({"stable.value": 4.0}, "slow")
    assert (silent.values, silent.rollback, silent.problem) == (None, None, "no series")


@pytest.mark.parametrize(
    ("stable", "canary", "told"),
    [
        (("web:1",), ("web:2",), "web goes from 1 to 2"),
        (("web:1",), ("web:1",), "the pod template changes, its images stay"),
        (("web:1", "log:1"), ("web:1", "proxy:3"), "proxy comes in at 3; log is taken out"),
        (("web:1",), (f"web:1@{DIGEST}",), f"web at 1 goes from no digest to {DIGEST}"),
        (("web:1", "log:1"), ("log:1", "web:1"), "the same images in another order"),
    ],
)
def test_the_change_is_told_in_a_sentence(stable: tuple[str, ...], canary: tuple[str, ...], told: str) -> None:
    assert view(with_images(stable, canary), NOW).what == told


def test_versions_of_the_template_stand_in_for_a_record_without_them() -> None:
    meta = {"labels": {APP_VERSION: "1.4.0"}, "annotations": {POD_VERSION: "p7"}}
    told = view(with_images(("web:1",), ("web:2",), template={"metadata": meta, "spec": {}}), NOW)
    assert (told.canary.app_version, told.canary.pod_version) == ("1.4.0", "p7")
    assert (told.stable.app_version, told.stable.pod_version) == (None, told.stable.template_hash)
