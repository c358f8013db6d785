"""A thousand Releases on one page: found, sorted, paged, and kept up to date without loading anything anew."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from delivery.cluster.kinds import RELEASE
from delivery.resources.release import Release
from tests.pages.browsing import wider_than_the_window
from tests.pages.conftest import Window
from tests.pages.fleet import NAMESPACES, fleet
from tests.served import Served

pytestmark = pytest.mark.browser
COLUMNS = ["Release", "Version", "Phase", "Share", "Step", "Canary errors", "Began", "Why"]


@pytest.fixture
def thousand(pages: Served) -> list[Release]:
    """The API has heard of them."""
    releases = list(fleet(1000))
    for release in releases:
        pages.board.told(release.namespace, release.name, release)
    return releases


@pytest.fixture
def overview(window: Window, thousand: list[Release]) -> Page:
    page = window.open()
    expect(page.locator("#state")).to_have_text("1,000 of 1,000 releases")
    return page


def cells(page: Page, title: str) -> list[str]:
    found = page.locator(f"#releases tbody tr > :nth-child({COLUMNS.index(title) + 1})")
    return [text.strip() for text in found.all_inner_texts()]


def test_active_ones_come_first_and_fifty_make_a_page(overview: Page, thousand: list[Release]) -> None:
    assert len(cells(overview, "Release")) == 50
    assert set(cells(overview, "Phase")) <= {"Shifting", "Paused"}
    began = cells(overview, "Began")
    assert began == sorted(began, reverse=True)
    expect(overview.get_by_role("button", name="Previous")).to_be_disabled()


def test_search_finds_parts_of_what_is_known_of_a_release(overview: Page, thousand: list[Release]) -> None:
    wanted = thousand[421]
    overview.get_by_role("searchbox").fill(f"{wanted.spec.deployment.upper()} {wanted.spec.canary.app_version}")
    expect(overview.locator("#state")).to_have_text("1 of 1,000 releases")
    assert cells(overview, "Release") == [f"{wanted.namespace}/{wanted.spec.deployment}"]
    overview.get_by_role("searchbox").fill("resourceVersion")
    expect(overview.locator("#state")).to_have_text("0 of 1,000 releases")


def test_namespace_and_phase_narrow_together(overview: Page, thousand: list[Release]) -> None:
    overview.get_by_label("Namespace", exact=True).select_option("shop")
    expect(overview.locator("#state")).to_have_text("200 of 1,000 releases")
    overview.get_by_label("Phase").select_option("RolledBack")
    many = sum(one.namespace == "shop" and one.status.phase.value == "RolledBack" for one in thousand)
    expect(overview.locator("#state")).to_have_text(f"{many} of 1,000 releases")
    assert set(cells(overview, "Phase")) == {"RolledBack"}
    assert overview.get_by_label("Namespace", exact=True).locator("option").all_inner_texts() == [
        "all",
        *sorted(NAMESPACES),
    ]


def test_those_that_ask_somebody_are_found(overview: Page) -> None:
    overview.get_by_label("Phase").select_option("asks somebody")
    assert set(cells(overview, "Phase")) == {"Paused"}
    assert all("approve it, or abort it" in why for why in cells(overview, "Why"))


@pytest.mark.parametrize("title", COLUMNS)
def test_every_column_sorts_both_ways(overview: Page, thousand: list[Release], title: str) -> None:
    heading = overview.get_by_role("columnheader", name=title)
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    rising = cells(overview, title)
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    falling = cells(overview, title)
    if title in {"Share", "Canary errors"}:
        numbers = [[float(text.partition(" ")[0] or -1) for text in shown] for shown in (rising, falling)]
        assert numbers[0] == sorted(numbers[0])
        assert numbers[1] == sorted(numbers[1], reverse=True)
        assert numbers[0][0] < numbers[1][0]
    else:
        assert rising == sorted(rising)
        assert falling == sorted(falling, reverse=True)
        assert rising[0] < falling[0] or title == "Step"


def test_pages_show_every_release_once(overview: Page, thousand: list[Release]) -> None:
    seen: list[str] = []
    following = overview.get_by_role("button", name="Next")
    for number in range(1, 21):
        expect(overview.locator("#page")).to_have_text(f"Page {number} of 20")
        seen += cells(overview, "Release")
        if number < 20:
            following.click()
    expect(following).to_be_disabled()
    assert sorted(seen) == sorted(f"{one.namespace}/{one.spec.deployment}" for one in thousand)
    overview.get_by_role("button", name="Previous").click()
    expect(overview.locator("#page")).to_have_text("Page 19 of 20")


def test_a_change_reaches_its_row_and_takes_no_focus_away(overview: Page, pages: Served, shifting: Release) -> None:
    overview.get_by_role("searchbox").fill(shifting.namespace)
    row = overview.locator("#releases tbody tr")
    expect(row).to_contain_text("50 %")
    overview.evaluate("window.stays = true")
    row.get_by_role("link").focus()
    traffic = shifting.status.traffic.model_copy(update={"verified_weight": 80.0})
    pages.becomes(
        shifting.model_copy(
            update={"status": shifting.status.model_copy(update={"traffic": traffic, "progress": "4/4"})}
        )
    )
    expect(row).to_contain_text("80 %")
    expect(row).to_contain_text("4/4")
    expect(row.get_by_role("link")).to_be_focused()
    assert overview.evaluate("window.stays") is True


def test_a_new_one_comes_and_a_deleted_one_goes(overview: Page, pages: Served) -> None:
    made = pages.release()
    overview.get_by_label("Namespace", exact=True).select_option(made.namespace)
    expect(overview.get_by_role("link", name=f"{made.namespace}/web", exact=True)).to_be_visible()
    expect(overview.locator("#state")).to_have_text("1 of 1,001 releases")
    pages.cluster.delete(RELEASE, made.name, made.namespace)
    expect(overview.locator("#state")).to_have_text("0 of 1,000 releases")
    expect(overview.locator("#releases tbody tr")).to_have_count(0)


def test_a_row_leads_to_its_release(overview: Page, shifting: Release) -> None:
    overview.get_by_role("link", name=f"{shifting.namespace}/web", exact=True).click()
    expect(overview.get_by_role("heading", level=1)).to_have_text(shifting.key)
    overview.get_by_role("link", name="All releases").click()
    expect(overview.get_by_role("heading", level=1)).to_have_text("Releases")
    expect(overview.locator("#state")).to_have_text("1,001 of 1,001 releases")


def test_who_may_see_one_namespace_only_is_told_and_can_open_it(
    window: Window, pages: Served, shifting: Release
) -> None:
    page = window.open(signed_in=False)
    page.get_by_label("A token of this cluster").fill(pages.token("list", "watch"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#state")).to_contain_text("may not list releases.headgate.dev in all namespaces")
    assert all("403" in complaint for complaint in window.complaints)
    window.complaints.clear()
    page.get_by_label("One namespace only").fill(shifting.namespace)
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#state")).to_have_text(f"1 of 1 releases in {shifting.namespace}")
    expect(page.locator("#connection")).to_be_empty()


def test_with_the_keyboard_alone_a_release_is_found_and_opened(overview: Page, shifting: Release) -> None:
    overview.keyboard.press("Tab")
    expect(overview.get_by_role("link", name="Skip to the releases")).to_be_focused()
    overview.keyboard.press("Enter")
    expect(overview.locator("#releases")).to_be_focused()
    overview.keyboard.press("Tab")
    expect(overview.get_by_role("button", name="Release", exact=True)).to_be_focused()
    overview.keyboard.press("Enter")
    expect(overview.get_by_role("columnheader", name="Release")).to_have_attribute("aria-sort", "ascending")
    for _ in range(len(COLUMNS)):
        overview.keyboard.press("Tab")
    first = overview.locator("#releases tbody a").first
    expect(first).to_be_focused()
    opened = first.inner_text().partition("/")[0]
    overview.keyboard.press("Enter")
    overview.wait_for_url(f"**/namespaces/{opened}/releases/**", wait_until="commit")


def test_on_a_telephone_nothing_is_wider_than_the_window(window: Window, thousand: list[Release]) -> None:
    page = window.open(viewport={"width": 360, "height": 740})
    expect(page.locator("#state")).to_have_text("1,000 of 1,000 releases")
    assert wider_than_the_window(page) == 0
