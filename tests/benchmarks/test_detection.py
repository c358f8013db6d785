"""The whole command, small."""

import re
from pathlib import Path

import pytest

from benchmarks.detection import main, methods
from benchmarks.peers.measure import Way
from benchmarks.peers.traffic import SCENARIOS


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("detection")
    main(seed=1, quick=True, output=folder)
    assert (folder / "detection.svg").stat().st_size > 10_000
    return (folder / "detection.md").read_text(encoding="utf-8")


def rows(page: str, heading: str) -> list[list[str]]:
    """Cells of the first table below the first line that starts with `heading`."""
    lines = page.split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith(heading))
    first = next(number for number, line in enumerate(lines) if number > start and line.startswith("|"))
    cells = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        cells.append([cell.strip() for cell in line.strip("|").split("|")])
    return cells[2:]


def test_it_says_how_it_was_made_and_not_where(page: str) -> None:
    assert "`python -m benchmarks.detection --quick --seed 1`" in page
    assert "Seed 1; 200 broken runs and 200 healthy ones" in page
    assert re.search(r"\d+ cores, \d+ GiB", page)
    assert str(Path.home()) not in page
    made = next(line for line in page.split("\n") if line.startswith("Seed"))
    assert "/" not in made


def test_every_method_stands_in_every_table_at_every_choice_of_threshold(page: str) -> None:
    for way in Way:
        part = page[page.index(f"## {way.value.capitalize()}") :]
        for scenario in SCENARIOS:
            names = [row[0].replace("**", "").replace(" (not valid)", "") for row in rows(part, f"### {scenario.name}")]
            assert names == [method.name for method in methods(scenario)]


def test_repeated_looks_are_not_valid_and_ours_is_near_the_limit(page: str) -> None:
    table = {row[0]: row[1:] for row in rows(page, "### 0.1 -> 1 %")}
    assert "z at every look (not valid)" in table
    ours = table["**ours**"]
    assert ours[0] == "E > 100"
    assert float(ours[2]) == 100.0
    assert float(ours[3]) <= 70
    assert float(ours[7].split(" ")[0]) <= 1.9


def test_what_was_never_found_is_beyond_the_horizon(page: str) -> None:
    table = {row[0]: row[1:] for row in rows(page, "### 0.5 -> 0.75 %")}
    kayenta = next(cells for name, cells in table.items() if name.startswith("Kayenta"))
    assert kayenta[3:5] == [">1800", ">1800"]
    assert kayenta[7].startswith(">=")


def test_pooled_tests_fail_on_a_ramp(page: str) -> None:
    ramp = {(row[0], row[1]): row[2:] for row in rows(page, "## When traffic changes")}
    assert all(float(cell.split(" ")[0]) > 50 for cell in ramp["z at every look", Way.MATCHED.value])
    assert all(float(cell.split(" ")[0]) <= 3 for cell in ramp["**ours**", Way.NOMINAL.value])
    assert all(float(cell.split(" ")[0]) > 50 for cell in ramp["alpha spending t^2, 30 looks", Way.NOMINAL.value])


def test_latency_has_both_limits_of_the_tail(page: str) -> None:
    tail = [row for row in rows(page, "## Latency") if row[0].endswith("both halves wider")]
    assert {(row[4], row[5]) for row in tail} == {("46.9", "20.2")}
