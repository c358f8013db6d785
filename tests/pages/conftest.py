"""Chromium on the pages of the API as it is served, signed in as somebody who may do everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from delivery.resources.release import Phase, Release
from tests.conftest import Planes
from tests.pages.browsing import Complaints, launched
from tests.pages.rights import everywhere
from tests.report.fifteen_minutes import fifteen_minutes
from tests.served import Served, folders, serve

__all__ = ["folders"]
expect.set_options(timeout=30_000)


class Window:
    """Opens pages of one server; what Chromium complains of on them is in `complaints`, which a test leaves empty."""

    def __init__(self, browser: Browser, served: Served, token: str) -> None:
        self.complaints: list[str] = []
        self._browser, self._served, self._token = browser, served, token
        self._contexts: list[BrowserContext] = []

    def open(self, path: str = "/", *, signed_in: bool = True, **options: Any) -> Page:
        """A page of a browser that knows nothing else; options are those of a browser context."""
        context = self._browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self._contexts.append(context)
        Complaints(context, self.complaints)
        if signed_in:
            context.add_cookies([{"name": "headgate-token", "value": self._token, "url": self._served.url}])
        page = context.new_page()
        page.goto(self._served.url + path)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def pages(planes: Planes, folders: pytest.TempPathFactory) -> Iterator[Served]:
    """The API over our control plane."""
    yield from serve(planes, "embedded", folders)


@pytest.fixture
def token(pages: Served) -> str:
    """May do everything with the Releases of all namespaces."""
    return everywhere(pages)


@pytest.fixture
def window(chromium: Browser, pages: Served, token: str) -> Iterator[Window]:
    """Fails the test that it complained of something in."""
    opened = Window(chromium, pages, token)
    yield opened
    opened.close()
    assert opened.complaints == []


@pytest.fixture
def shifting(pages: Served) -> Release:
    """In the middle of its third step, in the cluster."""
    return pages.create(fifteen_minutes(50))


@pytest.fixture
def paused(pages: Served) -> Release:
    """Waits for approval, in the cluster."""
    waits = "step 3 (50 %) is healthy; waiting for approval"
    return pages.create(fifteen_minutes(63, phase=Phase.PAUSED, reason="AwaitingApproval", message=waits))
