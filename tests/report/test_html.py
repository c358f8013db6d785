"""The page: self-contained, well-formed, accessible, and deaf to what a Release's strings try."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from delivery.report.html import to_html
from delivery.report.palette import DARK, LIGHT
from delivery.resources.release import Phase, Release
from tests.decision.given import NOW, release
from tests.report.records import (
    HOSTILE,
    hostile,
    long_one,
    promoted_by_ann,
    rolled_back,
    unusual,
    with_custom_metrics,
)

VOID = {"meta", "br", "link", "img", "hr", "input"}
CASES = {
    "rolled back": rolled_back(),
    "promoted": promoted_by_ann(),
    "own metrics": with_custom_metrics(),
    "hostile": hostile(),
    "long": long_one(),
    **unusual(),
    **{phase.value: release(phase, weight=None, routes=()) for phase in Phase},
}


class Page(HTMLParser):
    """Tags with attributes, the text, and whether every tag was closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.tables: list[list[str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif "table" in self._open:
            self.tables[-1].append(tag)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def html(request: pytest.FixtureRequest) -> str:
    made: Release = request.param
    return to_html(made, NOW + 60)


def test_the_page_is_well_formed_and_its_landmarks_are_there_once(html: str) -> None:
    page = Page(html)
    for tag in ("h1", "main", "header", "nav", "footer", "title"):
        outside_charts = [attrs for attrs in page.named(tag) if tag != "title"] or page.named(tag)[:1]
        assert len(outside_charts) == 1, tag
    assert page.named("html") == [{"lang": "en"}]


def test_ids_are_unique_and_everything_that_points_to_one_finds_it(html: str) -> None:
    page = Page(html)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [str(attrs["href"]) for attrs in page.named("a")]
    labels = [str(attrs["aria-labelledby"]) for _, attrs in page.tags if "aria-labelledby" in attrs]
    assert links[0] == "#main"
    assert {link.removeprefix("#") for link in links} | set(labels) <= set(ids)


def test_every_table_has_a_caption_and_its_headings_a_scope(html: str) -> None:
    page = Page(html)
    assert all(table[0] == "caption" and "th" in table for table in page.tables)
    assert {attrs.get("scope") for attrs in page.named("th")} <= {"row", "col"}


def test_nothing_is_loaded_and_nothing_runs(html: str) -> None:
    page = Page(html)
    assert {"script", "link", "img", "iframe", "object", "image", "use"}.isdisjoint(tag for tag, _ in page.tags)
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on") or name in {"src", "srcset", "xlink:href"}], tag
        assert str(attrs.get("href", "#")).startswith("#")
    markup = re.sub(r">[^<]*<", "><", html.replace('xmlns="http://www.w3.org/2000/svg"', ""))
    assert "http" not in re.sub(r'(aria-label|http-equiv)="[^"]*"', "", markup)
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(styles) == 1
    assert not re.search(r"@import|url\(|googleapis", styles[0])


def test_the_page_is_small(html: str) -> None:
    assert len(html.encode()) < 500_000


def test_every_chart_says_in_words_what_it_shows() -> None:
    page = Page(to_html(rolled_back(), NOW))
    charts = page.named("svg")
    assert len(charts) == 4
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in charts)
    assert len(page.named("desc")) == 4
    assert "for rollback +4.70 (threshold 4.61)" in page.text


def test_strings_of_a_release_are_text_and_nothing_else() -> None:
    html = to_html(hostile(), NOW)
    page = Page(html)
    assert page.named("script") == []
    assert page.text.count("<script>alert('x')</script>") > 20
    assert HOSTILE in page.text


def test_control_characters_and_reversed_writing_do_not_come_through() -> None:
    html = to_html(rolled_back(message="a\x00b\ud800c\u202ed"), NOW)
    assert "a\ufffdb\ufffdc\ufffdd" in html
    html.encode()


def test_the_numbers_of_the_record_are_there() -> None:
    text = " ".join(Page(to_html(rolled_back(), NOW)).text.split())
    for told in (
        "web was rolled back after 20.0 s",
        "10 of 100: 10 % (5.52 % to 17.4 %)",
        "+4.70",
        "4.605",
        "1 to 10 ms",
        "more than 25 ms",
        "gaps: most came in few pieces",
        "maxStepDuration: 1m",
        "sum(istio_requests_total)",
    ):
        assert told in text, told


def test_who_approved_is_told() -> None:
    text = Page(to_html(promoted_by_ann(), NOW)).text
    assert "ben" in text
    assert "looks fine" in text
    assert "not yet" in text


def test_both_colour_schemes_paper_and_the_keyboard_are_provided_for() -> None:
    html = to_html(rolled_back(), NOW)
    for rule in ("prefers-color-scheme: dark", "@media print", ":focus-visible"):
        assert rule in html
    assert len(Page(html).named("details")) == 3


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for_at_level_aa(palette: dict[str, str]) -> None:
    for ground in (palette["ground"], palette["panel"]):
        for name, colour in palette.items():
            if name in {"ground", "panel", "line"}:
                continue
            dark, bright = sorted((luminance(ground), luminance(colour)))
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, name
