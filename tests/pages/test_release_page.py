"""One Release as it goes on: what the page says, what a person does on it, what the controller makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, expect

from delivery.cluster.kinds import RELEASE
from delivery.resources.release import Phase, Release
from tests.conditions import eventually
from tests.pages.browsing import wider_than_the_window
from tests.pages.conftest import Window
from tests.served import Served

pytestmark = pytest.mark.browser


def path(release: Release) -> str:
    return f"/namespaces/{release.namespace}/releases/{release.name}"


def opened(window: Window, release: Release, **options: Any) -> Page:
    page = window.open(path(release), **options)
    expect(page.get_by_role("heading", level=1)).to_have_text(release.key)
    return page


def intents(pages: Served, release: Release) -> list[tuple[str, str]]:
    stored = pages.cluster.get(RELEASE, release.name, release.namespace)
    return [(intent["verb"], intent["reason"]) for intent in stored["spec"].get("intents", [])]


def changed(release: Release, **status: object) -> Release:
    return release.model_copy(update={"status": release.status.model_copy(update=status)})


def test_it_says_where_the_release_stands_and_what_is_known_of_both_versions(window: Window, shifting: Release) -> None:
    page, look = opened(window, shifting), shifting.status.evidence
    assert look is not None
    expect(page.locator("#headline")).to_have_text(f"Shifting: {shifting.status.message}")
    expect(page).to_have_title(f"Shifting {shifting.namespace}/web - Headgate")
    arms = page.get_by_role("table")
    expect(arms.get_by_role("row", name="Requests")).to_contain_text(f"{look.canary_requests:,.0f}")
    expect(arms.get_by_role("row", name="Latency p99")).to_contain_text("150 to 250 ms")
    for fact in ("1.5.0", "web-1841", "registry.example/shop/web:1.5.0", f"@sha256:{'9c' * 32}", "3/4"):
        expect(page.locator("#facts")).to_contain_text(fact)
    expect(page.get_by_label("Share of the traffic: 50 %")).to_be_visible()


def test_every_change_is_shown_without_loading_the_page_anew(window: Window, pages: Served, shifting: Release) -> None:
    page = opened(window, shifting)
    page.evaluate("window.stays = true")
    page.get_by_label("Why").fill("half a reas")
    made = pages.becomes(changed(shifting, message="advancing to 80 %", progress="4/4"))
    expect(page.locator("#headline")).to_have_text("Shifting: advancing to 80 %")
    expect(page.get_by_label("Why")).to_have_value("half a reas")
    made = pages.becomes(changed(made, phase=Phase.PAUSED, reason="AwaitingApproval", message="step 4 is healthy"))
    expect(page.locator("#question")).to_have_text("It waits for you: approve it, or abort it.")
    expect(page.get_by_role("button", name="approve")).to_be_visible()
    pages.becomes(changed(made, phase=Phase.SUCCEEDED, message="promoted", finished_at=made.status.started_at))
    expect(page.locator("#headline")).to_have_text("Succeeded: promoted")
    expect(page.get_by_role("heading", name="Act")).to_be_hidden()
    expect(page.frame_locator("#report").get_by_role("heading", level=1)).to_have_text(f"Release {shifting.key}")
    assert page.evaluate("window.stays") is True


def test_a_person_approves_with_a_reason(window: Window, pages: Served, paused: Release) -> None:
    page = opened(window, paused)
    page.get_by_label("Why").fill('looks fine <b>"to me"</b>')
    page.get_by_role("button", name="approve").click()
    expect(page.locator("#answer")).to_have_text("approve: asked for; the controller answers within seconds")
    assert eventually(lambda: intents(pages, paused))[-1] == ("approve", 'looks fine <b>"to me"</b>')
    expect(page.get_by_label("Why")).to_have_value("")


def test_what_cannot_be_undone_is_asked_about_first(window: Window, pages: Served, shifting: Release) -> None:
    page, before = opened(window, shifting), intents(pages, shifting)
    asked: list[str] = []

    def decline(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", decline)
    page.get_by_role("button", name="abort").click()
    assert asked == ["Abort: take all traffic from the canary and withdraw it?"]
    assert intents(pages, shifting) == before
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="abort").click()
    expect(page.locator("#answer")).to_contain_text("abort: asked for")
    assert intents(pages, shifting) == [*before, ("abort", "")]


def test_a_refusal_is_shown_in_the_words_of_the_api(window: Window, pages: Served, shifting: Release) -> None:
    page = window.open(signed_in=False)
    page.get_by_label("A token of this cluster").fill(pages.token("get", "watch"))
    page.get_by_role("button", name="Sign in").click()
    page.goto(pages.url + path(shifting))
    page.get_by_role("button", name="pause").click()
    expect(page.locator("#answer")).to_contain_text("may not pause releases.headgate.dev in namespace")
    assert all("403" in complaint for complaint in window.complaints)
    window.complaints.clear()


def test_one_that_is_deleted_is_said_to_be_gone(window: Window, pages: Served, shifting: Release) -> None:
    page = opened(window, shifting)
    pages.cluster.delete(RELEASE, shifting.name, shifting.namespace)
    expect(page.locator("#headline")).to_have_text("This Release was deleted.")


def test_one_that_is_not_there_is_said_not_to_be(window: Window, pages: Served) -> None:
    page = window.open(f"/namespaces/{pages.namespace}/releases/nothing")
    expect(page.locator("#headline")).to_contain_text("neither a Release nor a Deployment with a Release")
    assert all("404" in complaint for complaint in window.complaints)
    window.complaints.clear()


def test_that_it_is_not_live_is_said_until_it_is_again(window: Window, pages: Served, shifting: Release) -> None:
    page = window.open("/session", signed_in=True)
    page.route("**/events", lambda route: route.abort())
    page.goto(pages.url + path(shifting))
    expect(page.locator("#connection")).to_have_text("Not live: connecting again …")
    page.unroute("**/events")
    expect(page.get_by_role("heading", level=1)).to_have_text(shifting.key, timeout=20_000)
    expect(page.locator("#connection")).to_be_empty()
    assert all("/events" in complaint or "ERR_FAILED" in complaint for complaint in window.complaints)
    window.complaints.clear()


def test_the_report_is_shown_whole_in_its_frame(window: Window, shifting: Release) -> None:
    page = opened(window, shifting)
    frame = page.frame_locator("#report")
    expect(frame.get_by_role("heading", name="For digging")).to_be_visible()
    page.wait_for_function(
        "() => { const f = document.getElementById('report');"
        " return f.clientHeight >= f.contentDocument.body.scrollHeight && f.clientHeight > 2000; }"
    )
    expect(page.get_by_role("link", name="a page of its own")).to_have_attribute(
        "href", f"/api/v1{path(shifting)}/report?format=html"
    )


def test_with_the_keyboard_alone_one_gets_to_a_verb_and_uses_it(window: Window, pages: Served, paused: Release) -> None:
    page = opened(window, paused)
    expect(page.get_by_role("button", name="approve")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the release")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.type("calm")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="approve")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#answer")).to_contain_text("approve: asked for")
    assert intents(pages, paused)[-1] == ("approve", "calm")


def test_on_a_telephone_nothing_is_wider_than_the_window(window: Window, paused: Release) -> None:
    page = opened(window, paused, viewport={"width": 360, "height": 740})
    expect(page.locator("#facts")).to_contain_text("web-1841")
    assert wider_than_the_window(page) == 0
