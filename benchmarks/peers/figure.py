"""The share of broken canaries found over time, method by method."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.peers.earlier import OURS
from benchmarks.peers.measure import Comparison, Line, Way
from benchmarks.peers.traffic import HORIZON

INK, PAPER, RULE = "#1f2328", "#ffffff", "#d1d9e0"
# The same three after dark; the colours of the lines are readable on both.
AT_NIGHT = {INK: "#e6edf3", PAPER: "#0d1117", RULE: "#3d444d"}
COLOURS = ("#b87333", "#9a8c2c", "#7d7f85", "#8e6bbf", "#d1495b", "#2f8f6b", "#5b8ac4", "#2f6fed")
WAYS = (Way.NOMINAL, Way.MATCHED)
TITLES = {
    Way.NOMINAL: "as published (dotted: more than 1 % false alarms)",
    Way.MATCHED: "every threshold matched to 1 % false alarms",
}


def draw(comparisons: Sequence[Comparison], shown: Sequence[str], path: Path) -> None:
    """Writes the methods shown as one SVG, a column a scenario, a row a choice of thresholds; the same bytes again."""
    settings: dict[Any, Any] = {
        "svg.hashsalt": "detection",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9.5,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": RULE,
        "xtick.color": INK,
        "ytick.color": INK,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(12, 7.4), facecolor=PAPER)
        axes = figure.subplots(len(WAYS), len(comparisons), squeeze=False, sharey=True)
        for row, way in zip(axes, WAYS, strict=True):
            for place, comparison in zip(row, comparisons, strict=True):
                _panel(place, comparison, [comparison.line(name, way) for name in shown])
            row[0].set_ylabel("found, % of runs")
        for place in axes[-1]:
            place.set_xlabel("seconds of canary traffic")
        handles, names = axes[-1][0].get_legend_handles_labels()
        figure.legend(handles, names, loc="lower center", ncols=4, frameon=False)
        figure.subplots_adjust(left=0.055, right=0.985, top=0.93, bottom=0.19, hspace=0.36, wspace=0.09)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    path.write_text(_with_night(path.read_text(encoding="utf-8")), encoding="utf-8")


def _panel(place: Axes, comparison: Comparison, lines: Sequence[Line]) -> None:
    place.set_facecolor(PAPER)
    place.grid(color=RULE, linewidth=0.6)
    place.spines[["top", "right"]].set_visible(False)
    place.set_title(f"{comparison.scenario.name} errors\n{TITLES[lines[0].way]}", fontsize=9.5)
    for line, colour in zip(lines, COLOURS, strict=True):
        seconds, found = found_over_time(line)
        ours = line.method == OURS
        place.step(
            seconds,
            found,
            where="post",
            color=colour,
            linewidth=2.6 if ours else 1.4,
            linestyle="-" if line.valid else ":",
            zorder=3 if ours else 2,
            label=line.method,
        )
    place.axvline(comparison.limit, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="limit of the mean")
    place.set_xscale("log")
    place.set_xlim(10, HORIZON)
    ticks = [10, 30, 60, 120, 300, 600, 1800]
    place.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    place.minorticks_off()
    place.set_ylim(0, 102)


def found_over_time(line: Line) -> tuple[np.ndarray, np.ndarray]:
    """Instants at which runs were found, and the percentage found by then; from nothing to the horizon."""
    instants, counts = np.unique(line.delays[np.isfinite(line.delays)], return_counts=True)
    found = 100.0 * np.cumsum(counts) / line.delays.size
    last = found[-1:] if found.size else np.zeros(1)
    return np.concatenate([[1.0], instants, [HORIZON]]), np.concatenate([[0.0], found, last])


def _with_night(svg: str) -> str:
    """Adds a style for viewers that ask for dark colours."""
    rules = "".join(
        f'[style*="{kind}: {day}"]{{{kind}:{night}!important}}'
        for day, night in AT_NIGHT.items()
        for kind in ("fill", "stroke")
    )
    head, body = svg.split("<defs>", 1)
    return f"{head}<style>@media (prefers-color-scheme: dark){{{rules}}}</style>\n <defs>{body}"
