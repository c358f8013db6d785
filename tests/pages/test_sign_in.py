"""Showing a token, and being led to where one wanted to go."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from delivery.resources.release import Release
from tests.pages.conftest import Window
from tests.served import Served

pytestmark = pytest.mark.browser


def test_who_opens_a_link_is_led_there_once_a_token_is_shown(
    window: Window, pages: Served, shifting: Release, token: str
) -> None:
    path = f"/namespaces/{shifting.namespace}/releases/{shifting.name}"
    page = window.open(path, signed_in=False)
    assert page.title() == "Sign in - Headgate"
    expect(page.get_by_label("A token of this cluster")).to_be_focused()
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(shifting.key)
    assert page.url == pages.url + path


def test_a_token_that_nobody_knows_is_refused_in_words(window: Window) -> None:
    page = window.open(signed_in=False)
    page.get_by_label("A token of this cluster").fill("made-up")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("the cluster does not know this token")
    assert all("401" in complaint for complaint in window.complaints)
    window.complaints.clear()


def test_signing_out_forgets_the_token(window: Window) -> None:
    page = window.open()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("A token of this cluster")).to_be_visible()
    assert page.context.cookies() == []
