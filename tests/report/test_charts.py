"""Charts and the image for a comment: XML that shows the record's numbers and loads nothing."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

import pytest

from delivery.report.charts import (
    MOST_DECISIONS,
    error_rate_chart,
    evidence_chart,
    latency_chart,
    to_svg,
    weight_chart,
)
from delivery.report.view import view
from delivery.resources.release import Release
from tests.decision.given import NOW
from tests.report.records import hostile, long_one, promoted_by_ann, rolled_back, unusual

SVG = "{http://www.w3.org/2000/svg}"
CASES = {
    "rolled back": rolled_back(),
    "promoted": promoted_by_ann(),
    "hostile": hostile(),
    "long": long_one(),
    **unusual(),
}


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in Xml.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314  # our own drawing


@pytest.mark.parametrize("made", CASES.values(), ids=CASES.keys())
def test_the_image_is_xml_of_its_own_without_script_or_reference(made: Release) -> None:
    svg = to_svg(made, NOW + 60)
    root = Xml.fromstring(svg)  # noqa: S314  # our own drawing
    assert root.tag == f"{SVG}svg"
    assert (root.get("role"), root[0].tag, root[1].tag) == ("img", f"{SVG}title", f"{SVG}desc")
    assert root.get("aria-label")
    assert not [node for node in root.iter() if node.tag in {f"{SVG}script", f"{SVG}image", f"{SVG}use"}]
    assert not [name for node in root.iter() for name in node.attrib if "href" in name or name.startswith("on")]
    [style] = [node.text or "" for node in root.iter(f"{SVG}style")]
    assert "prefers-color-scheme: dark" in style
    assert not re.search(r"@import|url\(|http", style)


def test_the_image_shows_phase_share_and_evidence() -> None:
    shown = texts(to_svg(rolled_back(), NOW))
    assert any("rolled back, canary 0 % now, at most 5 %" in text for text in shown)
    assert "rolls back from 4.61 on (dotted)" in shown
    assert "canary's share, percent (right)" in shown


def test_the_same_release_is_drawn_the_same_each_time() -> None:
    assert to_svg(long_one(), NOW) == to_svg(long_one(), NOW)


def test_evidence_far_beyond_the_thresholds_is_cut_and_that_is_said() -> None:
    assert "farther from 0 than 14 is drawn there" in evidence_chart(view(long_one(), NOW))
    assert "farther" not in evidence_chart(view(rolled_back(), NOW))


@pytest.mark.parametrize(("longest", "unit"), [(600, "seconds"), (4000, "minutes"), (90_000, "hours")])
def test_the_time_axis_has_a_unit_that_fits(longest: float, unit: str) -> None:
    course = view(rolled_back(finished_at=NOW + longest), NOW).traffic.course
    assert f"{unit} since it began" in texts(weight_chart(course))


def test_the_shares_steps_are_told_in_words() -> None:
    svg = weight_chart(view(promoted_by_ann(), NOW).traffic.course)
    assert "from 0.0 s on 0 %; from 3.0 s on 5 %; from 30.0 s on 100 %; from 40.0 s on 0 %." in svg


def test_error_rates_are_told_with_their_intervals() -> None:
    svg = error_rate_chart(view(rolled_back(), NOW).decisions)
    assert "canary 10 % (5.52 % to 17.4 %)" in svg
    assert svg.count('class="ci"') == 2


def test_of_many_decisions_the_last_are_drawn_and_that_is_said() -> None:
    svg = error_rate_chart(view(long_one(), NOW).decisions)
    assert f"The last {MOST_DECISIONS} of 50 decisions." in svg
    assert svg.count('class="ci"') == 2 * MOST_DECISIONS


def test_both_distributions_stand_side_by_side() -> None:
    histogram = view(rolled_back(), NOW).metrics[1].histogram
    assert histogram is not None
    svg = latency_chart(histogram, "latency")
    assert "1–10 ms: stable 90 %, canary 60 %" in svg
    assert "canary, 20 requests" in texts(svg)


@pytest.mark.parametrize("made", CASES.values(), ids=CASES.keys())
def test_charts_carry_no_id_but_their_own(made: Release) -> None:
    report = view(made, NOW)
    for svg, name in ((evidence_chart(report), "evidence"), (error_rate_chart(report.decisions), "errors")):
        assert re.findall(r'\bid="([^"]*)"', svg) == [f"chart-{name}"]
