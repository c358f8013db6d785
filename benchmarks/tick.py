"""What one tick of a fleet costs: error rate, latency and objective of many releases, evidence and verdicts.

python -m benchmarks.tick
"""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from scipy.stats import norm

from analysis.judge import Judge, ReleaseSettings, Tolerance
from analysis.observation import LatencyCounts, TickCounts
from analysis.proportion import Floats

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "tick.md"
BOUNDS = (0.5, 1, 2, 3, 5, 7, 10, 15, 25, 35, 50, 75, 100, 150, 250, 500, 1000, 2500, 5000, float("inf"))
STEPS = (Tolerance(0.04, 5.0), Tolerance(0.01, 1.25), Tolerance(0.004, 0.5), Tolerance(0.002, 0.25))
SECONDS, TICKS = 10.0, 12


def drawn(rng: np.random.Generator, releases: int, number: int) -> tuple[TickCounts, list[LatencyCounts]]:
    """100 requests/s, 5 % of them the canary's, 0.1 % errors, lognormal latencies."""
    law = np.diff(norm.cdf(np.log(np.array(BOUNDS) / 80.0) / 0.6), prepend=0.0)
    n_s, n_c = (rng.poisson(100 * SECONDS * part, (releases, 1)) for part in (0.95, 0.05))
    stable, canary = (
        np.asarray(rng.multinomial(n[:, 0], law / law.sum()).cumsum(axis=1)[:, None], dtype=float) for n in (n_s, n_c)
    )
    since, none = np.full((releases, 1), number * SECONDS), np.zeros((releases, 1))
    tick = TickCounts(
        rows=np.arange(releases),
        since=since,
        t=since + SECONDS,
        n_s=n_s.astype(float),
        e_s=rng.binomial(n_s, 0.001).astype(float),
        n_c=n_c.astype(float),
        e_c=rng.binomial(n_c, 0.001).astype(float),
        share=np.full((releases, 1), 0.05),
        restarted=none,
        x_n=none,
        x_e=none,
    )
    return tick, [LatencyCounts(BOUNDS, np.arange(releases), stable, canary)]


def measured(releases: int, settings: ReleaseSettings) -> tuple[Floats, Floats]:
    """Milliseconds of processor time of each tick: taking it in, and weighing the verdicts."""
    rng, judge = np.random.default_rng(1), Judge.start([settings] * releases)
    steps, taken, weighed = [0] * releases, [], []
    for number in range(TICKS):
        tick, histograms = drawn(rng, releases, number)
        began = time.process_time()
        course = judge.observe_arrays(tick, histograms)
        between = time.process_time()
        judge.weigh(steps, course)
        taken.append(1e3 * (between - began))
        weighed.append(1e3 * (time.process_time() - between))
    return np.array(taken[1:]), np.array(weighed[1:])  # the first one also sets the state up


def main(output: Annotated[Path, typer.Option()] = OUTPUT) -> None:
    """Write the report."""
    rows = [
        "| releases | latency tolerance | taking a tick in, ms (min, median) | verdicts, ms | microseconds a release |",
        "| --- | --- | --- | --- | --- |",
    ]
    for relative in (0.2, 0.0):
        settings = ReleaseSettings(
            judge_latency=True,
            latency_tolerance=Tolerance(relative=relative),
            advance_tolerances=STEPS,
            objective=0.05,
            interval=SECONDS,
        )
        for releases in (1000, 2500, 5000, 10_000):
            taken, weighed = measured(releases, settings)
            rows.append(
                f"| {releases:,} | {100 * relative:g} % | {taken.min():.0f}, {np.median(taken):.0f} "
                f"| {weighed.min():.0f} | {1e3 * np.median(taken) / releases:.1f} |"
            )
            typer.echo(rows[-1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    text = [
        "# One tick of a fleet",
        "`python -m benchmarks.tick`",
        f"One core of {os.cpu_count()}, processor time, {TICKS - 1} ticks each. Error rate with {len(STEPS)} steps, "
        f"latency of {len(BOUNDS)} buckets both ways, objective, split and quality, arrays in, arrays out. Peak memory "
        f"of the whole process, Python, NumPy, SciPy and the drawn traffic included: {peak:.0f} MB.",
        "\n".join(rows),
    ]
    output.write_text("\n\n".join(text) + "\n")


if __name__ == "__main__":
    typer.run(main)
