"""The comment: short, and a Release's strings do nothing in it."""

from __future__ import annotations

import pytest

from delivery.report.markdown import LONGEST_COMMENT, escaped, to_markdown
from delivery.resources.release import AnalysisRecord, Release
from tests.decision.given import NOW
from tests.report.records import hostile, long_one, promoted_by_ann, rolled_back, unusual, with_custom_metrics

CASES = {
    "rolled back": rolled_back(),
    "promoted": promoted_by_ann(),
    "own metrics": with_custom_metrics(),
    "hostile": hostile(),
    "long": long_one(),
    **unusual(),
}


def outside_fences(markdown: str) -> list[str]:
    lines, fence = [], ""
    for line in markdown.splitlines():
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if fence and line == fence:
            fence = ""
        elif not fence and len(ticks) >= 3:
            fence = ticks
        elif not fence:
            lines.append(line)
    assert fence == ""
    return lines


@pytest.mark.parametrize("made", CASES.values(), ids=CASES.keys())
def test_every_row_of_a_table_has_as_many_cells_as_its_head(made: Release) -> None:
    width = 0
    for line in outside_fences(to_markdown(made, NOW)):
        cells = line.replace("\\|", "").count("|")
        if not line.startswith("|"):
            assert cells == 0, line
            width = 0
            continue
        width = width or cells
        assert cells == width, line


@pytest.mark.parametrize("made", CASES.values(), ids=CASES.keys())
def test_a_comment_fits_and_its_details_are_closed(made: Release) -> None:
    told = to_markdown(made, NOW)
    lines = outside_fences(told)
    assert len(told) <= LONGEST_COMMENT + 100
    assert sum(line.startswith("<details>") for line in lines) == lines.count("</details>")


def test_strings_of_a_release_have_no_effect() -> None:
    told = "\n".join(outside_fences(to_markdown(hostile(), NOW)))
    for active in ("<script", "@everyone", "#12", "https://", "](", "</details> next"):
        assert active not in told, active
    assert "&lt;script&gt;" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a|b", "a\\|b"),
        ("a\nb\r\nc", "a b c"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("@ann", "@\u200bann"),
        ("see #7", "see \\#\u200b7"),
        ("http://x", "http:\u200b//x"),
        ("www.x.y", "www.\u200bx.y"),
        ("GH-7", "GH-\u200b7"),
        ("`x` *y* _z_ ~w~", "\\`x\\` \\*y\\* \\_z\\_ \\~w\\~"),
        ("\\|", "\\\\\\|"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("web-1.2", "web-1.2"),
        ("", ""),
    ],
)
def test_what_would_take_effect_is_escaped(text: str, told: str) -> None:
    assert escaped(text) == told


def test_long_text_is_clipped_before_it_is_escaped() -> None:
    assert escaped("|" * 400) == "\\|" * 299 + "…"


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    told = to_markdown(rolled_back(analysis=AnalysisRecord(queries=("````\n</details>\n````",))), NOW)
    assert "\n`````\n````\n</details>\n````\n`````\n" in told


def test_details_give_way_before_a_comment_gets_too_long() -> None:
    queries = tuple("&" * 2000 for _ in range(40))
    quality = tuple("&" * 400 for _ in range(50))
    told = to_markdown(rolled_back(analysis=AnalysisRecord(queries=queries, quality=quality)), NOW)
    assert len(told) <= LONGEST_COMMENT + 100
    assert "rolled back after" in told


def test_the_comment_tells_verdict_versions_metrics_and_cost() -> None:
    told = to_markdown(rolled_back(), NOW)
    assert told.startswith("### shop/web-bbbbbbbbbb: rolled back\n\nweb was rolled back after 20.0 s")
    assert "| Images | <code>web</code> <code>1</code> | <code>web</code> <code>2</code> |" in told
    assert "| errors | 1 % (0.544 % to 1.83 %) of 1,000 | 10 % (5.52 % to 17.4 %) of 100 | +5.00 | -2.00 |" in (
        told.replace("\\", "")
    )
    assert "| latency | p99: 10 to 25 ms | p99: more than 25 ms | +0.50 | -0.50 |" in told
    assert "served 100 requests with 10 errors, 9 beyond stable's rate" in told
