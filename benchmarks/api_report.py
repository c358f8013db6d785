"""The figures of the API under load as a page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.api_load import SHARES, Load, Request
from benchmarks.idle import Series

RESAMPLED, SEED = 4_000, 1
PARTS = 6
"""Of an interval, by which answers are told apart."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds that a process had a processor, and that its threads together were ready to go on and had none."""

    used: float
    waited: float

    def __sub__(self, before: Usage) -> Usage:
        return Usage(self.used - before.used, max(self.waited - before.waited, 0.0))


@dataclass(frozen=True, slots=True)
class Round:
    """Changes of templates one after another, with or without load, and what each process had of the processors.
    `stolen`: seconds that these, together, worked for other machines."""

    series: Series
    seconds: float
    usages: dict[str, Usage]
    stolen: float
    load: Load | None


@dataclass(frozen=True, slots=True)
class Setup:
    """How large the fleet is, how often it is looked at, and how much is asked; `changes` a spell, so many seconds
    apart."""

    releases: int
    interval_s: float
    watchers: int
    per_second: float
    changes: int
    apart_s: float


def ratio(without: ArrayLike, with_load: ArrayLike, seed: int = SEED) -> tuple[float, float, float]:
    """Median with load by median without, and its 95 % interval by the percentile bootstrap."""
    a, b, rng = np.asarray(without), np.asarray(with_load), np.random.default_rng(seed)
    medians = [np.median(rng.choice(of, (RESAMPLED, of.size)), axis=1) for of in (b, a)]
    low, high = np.percentile(medians[0] / medians[1], [2.5, 97.5])
    return float(np.median(b) / np.median(a)), float(low), float(high)


def page(command: str, setup: Setup, rounds: Sequence[Round]) -> str:
    """The report in Markdown."""
    quiet, loaded = [each for each in rounds if each.load is None], [each for each in rounds if each.load]
    loads = [each.load for each in loaded if each.load]
    requests = [request for load in loads for request in load.requests]
    seconds = sum(load.seconds for load in loads)
    return "\n".join(
        [
            "# The API under load\n",
            f"`{command}`\n",
            _what_is_measured(setup),
            f"## Answers, in {seconds:.0f} s of load\n",
            "Milliseconds from when a request was due to the last byte of its answer.\n",
            "| request | number | median | p90 | p99 | max | MB | not 2xx |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *(_answers(kind, [request for request in requests if request.kind == kind]) for kind in SHARES),
            _answers("all", requests),
            "",
            f"The watchers were told {sum(load.events for load in loads):,} events, "
            f"{sum(load.event_bytes for load in loads) / 1e6:.1f} MB, "
            f"{sum(load.events for load in loads) / seconds:.0f} a second; "
            f"{sum(load.broken for load in loads)} streams broke off.\n",
            "## Answers by the time since the instant that all releases are looked at\n",
            "| seconds after it | number | median | p90 | p99 |",
            "| --- | --- | --- | --- | --- |",
            *_by_time(requests, setup.interval_s),
            "",
            "## From a template change, without the load and with it\n",
            f"Milliseconds, over {len(quiet)} spells without and {len(loaded)} with, in turns; a change every "
            f"{setup.apart_s:g} s.\n",
            "| until | without: number | median | p90 | with: number | median | p90 | with by without (95 % sure) |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *(_reaction(stage, quiet, loaded) for stage in rounds[0].series.stages),
            "\n## Processor\n",
            "In % of the time: how long each process had a core, and how long its threads, together, were ready and "
            "had none.\n",
            "| process | without load: had one | waited for one | with load: had one | waited for one |",
            "| --- | --- | --- | --- | --- |",
            *_processors(quiet, loaded),
            "",
            f"The host gave {_stolen(quiet)} % of the time of one core to other machines without load, and "
            f"{_stolen(loaded)} % with it.",
            "",
        ]
    )


def _what_is_measured(setup: Setup) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{setup.releases:,} releases in progress, each judged by three metrics of a real Prometheus every "
        f"{setup.interval_s:g} seconds, on the embedded API server; all but ten are copies of these under "
        "other names. The load is a process of its own: "
        f"{setup.watchers} watchers of server-sent events (half on one Release each, half on all of them) and "
        f"{setup.per_second:g} requests a second, each sent when it is due, whatever came of those before. One "
        f"machine of {os.cpu_count()} cores and {memory:.0f} GB runs all of it: the controller, Prometheus and its "
        "exporter, the API server, the load, and the pods' part.\n"
    )


def _answers(kind: str, requests: Sequence[Request]) -> str:
    waited = 1e3 * np.array([request.seconds for request in requests])
    figures = [*np.percentile(waited, [50, 90, 99]), waited.max()] if waited.size else []
    shown = " | ".join(f"{figure:.1f}" for figure in figures) or "- | - | - | -"
    size = sum(request.size for request in requests) / 1e6
    wrong = sum(not 200 <= request.status < 300 for request in requests)
    return f"| {kind} | {len(requests):,} | {shown} | {size:.1f} | {wrong} |"


def _by_time(requests: Sequence[Request], interval_s: float) -> list[str]:
    lines = []
    for part in range(PARTS):
        low, high = (edge * interval_s / PARTS for edge in (part, part + 1))
        waited = [1e3 * each.seconds for each in requests if low <= each.due % interval_s < high]
        figures = [f"{figure:.1f}" for figure in np.percentile(waited, [50, 90, 99])] if waited else ["-"] * 3
        lines.append(f"| {low:.3g} to {high:.3g} | {len(waited):,} | {' | '.join(figures)} |")
    return lines


def _reaction(stage: str, quiet: Sequence[Round], loaded: Sequence[Round]) -> str:
    without, with_load = (np.array([s for each in of for s in each.series.stages[stage]]) for of in (quiet, loaded))
    came = without[~np.isnan(without)], with_load[~np.isnan(with_load)]
    cells = [f"{_of(part, of)} | {_percentiles(part)}" for part, of in zip(came, (without, with_load), strict=True)]
    compared = "{:.2f} ({:.2f} to {:.2f})".format(*ratio(*came)) if all(part.size for part in came) else "-"
    return f"| {stage} | {' | '.join(cells)} | {compared} |"


def _of(came: np.ndarray, changed: np.ndarray) -> str:
    return str(came.size) if came.size == changed.size else f"{came.size} of {changed.size}"


def _percentiles(seconds: np.ndarray) -> str:
    if not seconds.size:
        return "- | -"
    return " | ".join(f"{1e3 * figure:.0f}" for figure in np.percentile(seconds, [50, 90]))


def _processors(quiet: Sequence[Round], loaded: Sequence[Round]) -> list[str]:
    names = sorted({name for each in (*quiet, *loaded) for name in each.usages})
    return [f"| {name} | {_usage(name, quiet)} | {_usage(name, loaded)} |" for name in names]


def _usage(name: str, rounds: Sequence[Round]) -> str:
    having = [(each.usages[name], each.seconds) for each in rounds if name in each.usages]
    if not having:
        return "- | -"
    seconds = sum(lasted for _, lasted in having)
    parts = sum(usage.used for usage, _ in having), sum(usage.waited for usage, _ in having)
    return " | ".join(f"{100 * part / seconds:.0f}" for part in parts)


def _stolen(rounds: Sequence[Round]) -> str:
    return f"{100 * sum(each.stolen for each in rounds) / sum(each.seconds for each in rounds):.0f}"
