"""The figure: what a curve shows, and that it reads by day and by night."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from benchmarks.peers.figure import AT_NIGHT, COLOURS, PAPER, draw, found_over_time
from benchmarks.peers.measure import Comparison, Line, Way
from benchmarks.peers.traffic import HORIZON, SCENARIOS, Floats


def line(method: str, way: Way, delays: Floats, alarms: int = 0) -> Line:
    return Line(method, way, "", alarms, 1000, delays, np.zeros_like(delays))


def test_a_curve_rises_with_every_run_found_and_stays() -> None:
    seconds, found = found_over_time(line("some", Way.NOMINAL, np.array([30.0, 10.0, 10.0, np.inf])))
    assert seconds.tolist() == [1.0, 10.0, 30.0, HORIZON]
    assert found.tolist() == [0.0, 50.0, 75.0, 75.0]


def test_a_method_that_finds_nothing_is_a_flat_line() -> None:
    seconds, found = found_over_time(line("some", Way.NOMINAL, np.full(3, np.inf)))
    assert seconds.tolist() == [1.0, HORIZON]
    assert found.tolist() == [0.0, 0.0]


@pytest.fixture(scope="module")
def svg(tmp_path_factory: pytest.TempPathFactory) -> str:
    rng, folder = np.random.default_rng(1), tmp_path_factory.mktemp("figure")
    names = [f"method {number}" for number in range(7)] + ["ours"]
    comparisons = [
        Comparison(
            scenario,
            0.1,
            100.0,
            tuple(
                line(name, way, rng.exponential(100, 50), 500 if name == "method 4" else 0)
                for way in Way
                for name in names
            ),
            {},
        )
        for scenario in SCENARIOS
    ]
    texts = []
    for name in ("one.svg", "two.svg"):
        draw(comparisons, names, folder / name)
        texts.append(Path(folder / name).read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    return texts[0]


def test_it_is_xml_and_names_every_method_once_in_its_legend(svg: str) -> None:
    drawn = ET.fromstring(svg)  # noqa: S314 - written by this test
    words = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    for number in range(7):
        assert words.count(f"method {number}") == 1
    assert words.count("ours") == 1


def test_every_ink_has_a_night_colour_and_every_line_stands_out_from_either_paper(svg: str) -> None:
    style = re.search(r"<style>@media \(prefers-color-scheme: dark\).*?</style>", svg)
    assert style is not None
    for day, night in AT_NIGHT.items():
        assert f"{day}" in svg.replace(style.group(), "")
        assert night in style.group()
    for colour in COLOURS:
        assert contrast(colour, PAPER) >= 3.0
        assert contrast(colour, AT_NIGHT[PAPER]) >= 3.0


def contrast(one: str, other: str) -> float:
    """As accessibility guidelines define it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
