"""The report as a file that somebody was sent: opened without any server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from delivery.report.html import to_html
from delivery.resources.release import Release
from tests.decision.given import NOW
from tests.pages.browsing import SCHEMES, Complaints, Scheme, wider_than_the_window
from tests.report.fifteen_minutes import fifteen_minutes
from tests.report.records import hostile, long_one, rolled_back, unusual

pytestmark = pytest.mark.browser
LARGEST = 500_000
CASES = {
    "fifteen minutes": fifteen_minutes(),
    "rolled back": rolled_back(),
    "long": long_one(),
    "hostile": hostile(),
    **unusual(),
}


class Reader:
    """Opens reports; what they asked for and what Chromium complained of."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self._browser, self._folder = browser, folder

    def open(self, release: Release, scheme: Scheme = "light", width: int = 1280) -> Page:
        file = self._folder / "report.html"
        file.write_text(to_html(release, NOW + 1000))
        context = self._browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        Complaints(context, self.complaints)
        context.on("request", lambda request: self.requested.append(request.url))
        page = context.new_page()
        page.goto(file.as_uri())
        return page


@pytest.fixture
def reader(chromium: Browser, tmp_path: Path) -> Iterator[Reader]:
    made = Reader(chromium, tmp_path)
    yield made
    for context in chromium.contexts:
        context.close()
    assert made.complaints == []
    assert {url for url in made.requested if not url.startswith(("file:", "data:"))} == set()
    assert len([url for url in made.requested if url.startswith("file:")]) == 1


@pytest.mark.parametrize("made", CASES.values(), ids=CASES.keys())
def test_it_asks_for_nothing_and_nothing_is_wider_than_a_telephone(reader: Reader, made: Release) -> None:
    page = reader.open(made, width=360)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert wider_than_the_window(page) == 0


def test_that_of_a_quarter_of_an_hour_is_small(reader: Reader) -> None:
    made = fifteen_minutes()
    assert len(made.status.analysis.course) == 64
    assert len(to_html(made, NOW + 1000).encode()) < LARGEST
    page = reader.open(made)
    expect(page.locator("svg.chart")).to_have_count(4)


def test_the_verdict_and_the_numbers_are_seen_without_scrolling(reader: Reader) -> None:
    page = reader.open(fifteen_minutes())
    expect(page.locator(".verdict")).to_contain_text("web was promoted after 15 min 32 s")
    for figure in ("Canary's error rate", "Canary's latency, p99", "Evidence for rollback", "Cost", "Approved by"):
        expect(page.get_by_text(figure, exact=True)).to_be_in_viewport(ratio=1)


def test_everything_that_the_plan_asks_a_report_to_tell_is_there(reader: Reader) -> None:
    page = reader.open(fifteen_minutes())
    versions = page.get_by_role("table", name="Both versions")
    for name, canary in (
        ("App version", "1.5.0"),
        ("Pod version", "build-1841"),
        ("Image tag", "1.5.0"),
        ("Image digest", f"sha256:{'9c' * 32}"),
    ):
        expect(versions.get_by_role("row", name=name)).to_contain_text(canary)
    happened = page.get_by_role("table", name="What happened")
    expect(happened.get_by_role("row", name="approve dashboards are calm")).to_contain_text("dana")
    for chart in ("Evidence over time", "Error rates at each decision", "Latency of both versions"):
        expect(page.get_by_role("img", name=chart)).to_be_visible()
    expect(page.get_by_role("table", name="Error rate of both versions").first).to_contain_text("0.0973 % to 0.148 %")
    expect(page.get_by_role("table", name="What the canary's users met")).to_contain_text("71,577")
    page.get_by_text("What Prometheus was asked").click()
    expect(page.get_by_text("istio_request_duration_milliseconds_bucket")).to_be_visible()
    page.get_by_text("The policy as it was").click()
    expect(page.get_by_text("minStepDuration: 200s")).to_be_visible()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_and_charts_follow_the_scheme_of_the_reader(reader: Reader, scheme: Scheme) -> None:
    page = reader.open(fifteen_minutes(), scheme)
    ground = "rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 27)"
    expect(page.locator("body")).to_have_css("background-color", ground)
    expect(page.locator("svg.chart .background").first).to_have_css("fill", ground)


def test_on_paper_it_is_light_whole_and_no_wider_than_the_sheet(reader: Reader) -> None:
    page = reader.open(fifteen_minutes(), "dark", width=688)  # A4 less its margins
    page.emulate_media(media="print")
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.get_by_role("navigation")).to_be_hidden()
    expect(page.get_by_text("minStepDuration: 200s")).to_be_visible()
    assert wider_than_the_window(page) == 0
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_the_keyboard_reaches_its_parts(reader: Reader) -> None:
    page = reader.open(fifteen_minutes())
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the report")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    summary = page.locator("summary", has_text="The policy as it was")
    for _ in range(60):
        page.keyboard.press("Tab")
        if summary.evaluate("node => node === document.activeElement"):
            break
    expect(summary).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("minStepDuration: 200s")).to_be_visible()
