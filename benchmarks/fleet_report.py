"""The fleet's figures as a page and a plot."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

from benchmarks.fleet_peers import Asked

mpl.use("Agg")
from matplotlib import pyplot as plt  # the backend is chosen first


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one fleet over `seconds`: processor seconds and memory of the controller, what it asked Prometheus and the API
    server for, how many answers it did not wait for (`given_up`), and how late (seconds after its instant) the last of
    each interval was there."""

    releases: int
    interval_s: float
    seconds: float
    processor_s: float
    memory_mb: float
    peak_mb: float
    prometheus_s: float
    queries: Sequence[int]
    given_up: int
    megabytes: float
    late_s: Sequence[float]
    calls: Counter[str]
    places: Counter[str]
    peers: Asked

    @property
    def core_percent(self) -> float:
        return 100 * self.processor_s / self.seconds

    @property
    def an_interval(self) -> float:
        """Processor seconds of the controller in one interval."""
        return self.processor_s * self.interval_s / self.seconds

    @property
    def prometheus_an_interval(self) -> float:
        return self.prometheus_s * self.interval_s / self.seconds


def page(command: str, costs: Sequence[Cost]) -> str:
    """The report in Markdown."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    lines = [
        "# Many releases in progress\n",
        f"`{command}`\n",
        "Every release is at its first step and is judged by three metrics: error rate and latency from the mesh, and "
        "a ratio of the application's own counters. A real Prometheus scrapes what three pods a release would show "
        "(three response codes, 19 latency buckets, two counters each), the embedded API server holds the objects, "
        "and the controller is one process. Of a fleet of more than 100 it brought up ten; the others are copies of "
        "these under other names, which it took over and looked at before anything is measured, each with series of "
        "its own. So their peak of memory is without bringing up, and without an hour's histories. "
        f"One machine of {os.cpu_count()} cores and {memory:.0f} GB runs all of it "
        "and the exporter; what Prometheus spends includes its scraping.\n",
        "| releases | interval | queries an interval, at most | given up, of all | MB an interval "
        "| controller, s of processor an interval | % of a core | memory, MB | at its peak, MB "
        "| last answer after its instant, s (median, max) | Prometheus, s of processor an interval |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(cost) for cost in costs),
        "\n## A query for each release and metric, as the peers do, against the same Prometheus in the same run\n",
        "| releases | queries an interval | MB | all answered after, s | Prometheus, s of processor |",
        "| --- | --- | --- | --- | --- |",
        *(_peers_row(cost) for cost in costs),
        "\n## Where the Releases were after it\n",
        *(f"- {cost.releases:,}: {_told(cost.places)}" for cost in costs),
        "\n## Calls to the API server, a second\n",
        "| call | " + " | ".join(f"{cost.releases:,}" for cost in costs) + " |",
        "| --- |" + " --- |" * len(costs),
        *_calls(costs),
        "",
    ]
    return "\n".join(lines)


def _row(cost: Cost) -> str:
    late = sorted(cost.late_s)
    cells = [
        f"{cost.releases:,}",
        f"{cost.interval_s:g} s",
        f"{max(cost.queries)}",
        f"{cost.given_up}",
        f"{cost.megabytes * cost.interval_s / cost.seconds:.1f}",
        f"{cost.an_interval:.2f}",
        f"{cost.core_percent:.1f}",
        f"{cost.memory_mb:.0f}",
        f"{cost.peak_mb:.0f}",
        f"{late[len(late) // 2]:.1f}, {late[-1]:.1f}",
        f"{cost.prometheus_an_interval:.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _peers_row(cost: Cost) -> str:
    peers = cost.peers
    return (
        f"| {cost.releases:,} | {peers.queries:,} | {peers.megabytes:.1f} | {peers.seconds:.1f} "
        f"| {peers.prometheus_s:.2f} |"
    )


def _calls(costs: Sequence[Cost]) -> list[str]:
    every = sorted({what for cost in costs for what in cost.calls})
    return [
        f"| {what} | " + " | ".join(f"{cost.calls[what] / cost.seconds:.2f}" for cost in costs) + " |" for what in every
    ]


def plot(costs: Sequence[Cost], path: Path) -> None:
    """Processor time and queries an interval by releases, as SVG."""
    size = [cost.releases for cost in costs]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.plot(size, [cost.an_interval for cost in costs], "o-", label="controller")
    left.plot(size, [cost.prometheus_an_interval for cost in costs], "s-", label="Prometheus, with scraping")
    left.plot(size, [cost.peers.prometheus_s for cost in costs], "^--", label="Prometheus, a query for each")
    left.set(xlabel="releases in progress", ylabel="processor seconds an interval", xscale="log", yscale="log")
    right.plot(size, [max(cost.queries) for cost in costs], "o-", label="headgate")
    right.plot(size, [cost.peers.queries for cost in costs], "^--", label="a query for each")
    right.set(xlabel="releases in progress", ylabel="queries an interval", xscale="log", yscale="log")
    for axes in (left, right):
        axes.legend()
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _told(places: Counter[str]) -> str:
    return ", ".join(f"{count:,} {place}" for place, count in places.most_common())
