"""axe-core finds nothing serious on any page, light or dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from delivery.report.html import to_html
from delivery.resources.release import Release
from tests.decision.given import NOW
from tests.pages.browsing import SCHEMES, Scheme, serious_findings
from tests.pages.conftest import Window
from tests.pages.fleet import fleet
from tests.report.fifteen_minutes import fifteen_minutes
from tests.report.records import hostile, rolled_back, with_custom_metrics
from tests.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("scheme", SCHEMES)]
REPORTS = {
    "fifteen minutes": fifteen_minutes(),
    "rolled back": rolled_back(),
    "custom metrics": with_custom_metrics(),
    "hostile": hostile(),
}


def test_what_is_wrong_is_found(window: Window, scheme: Scheme) -> None:
    page = window.open(signed_in=False, bypass_csp=True, color_scheme=scheme)
    page.evaluate("document.querySelector('label').remove()")
    assert [finding.split()[0] for finding in serious_findings(page)] == ["label"]


def test_sign_in(window: Window, scheme: Scheme) -> None:
    page = window.open(signed_in=False, bypass_csp=True, color_scheme=scheme)
    assert serious_findings(page) == []
    page.get_by_label("A token of this cluster").fill("made-up")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    window.complaints.clear()  # that it was refused is the point
    assert serious_findings(page) == []


@pytest.mark.parametrize("width", [1280, 360])
def test_overview(window: Window, pages: Served, scheme: Scheme, width: int) -> None:
    for release in fleet(60):
        pages.board.told(release.namespace, release.name, release)
    page = window.open(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    expect(page.locator("#state")).to_have_text("60 of 60 releases")
    page.get_by_role("button", name="Phase").click()
    assert serious_findings(page) == []


@pytest.mark.parametrize("width", [1280, 360])
def test_live_page(window: Window, paused: Release, scheme: Scheme, width: int) -> None:
    page = window.open(
        f"/namespaces/{paused.namespace}/releases/{paused.name}",
        bypass_csp=True,
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
    )
    expect(page.get_by_role("button", name="approve")).to_be_visible()
    expect(page.frame_locator("#report").get_by_role("heading", level=1)).to_be_visible()
    assert serious_findings(page) == []


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("made", REPORTS.values(), ids=REPORTS.keys())
def test_report(chromium: Browser, tmp_path: Path, made: Release, scheme: Scheme, width: int) -> None:
    file = tmp_path / "report.html"
    file.write_text(to_html(made, NOW + 1000))
    context = chromium.new_context(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(file.as_uri())
    page.locator("summary").evaluate_all("found => found.forEach(summary => summary.click())")
    assert serious_findings(page) == []
    context.close()
