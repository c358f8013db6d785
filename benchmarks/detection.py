"""Compares ways to judge a canary on the same simulated traffic and writes what came of it to docs/benchmarks.

python -m benchmarks.detection
python -m benchmarks.detection --quick --output /tmp
"""

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.peers import page
from benchmarks.peers.earlier import OURS, earlier_than_ours
from benchmarks.peers.figure import draw
from benchmarks.peers.latency import latency_alarms, latency_delays
from benchmarks.peers.mann_whitney import RankTest
from benchmarks.peers.measure import (
    Comparison,
    Sampling,
    Thresholds,
    Way,
    alarms_on_ramp,
    calibrate,
    compare,
    with_one_for_all,
)
from benchmarks.peers.method import Method
from benchmarks.peers.oracle import Oracle
from benchmarks.peers.ours import Ours
from benchmarks.peers.success_rate import SuccessRateObjective
from benchmarks.peers.traffic import SCENARIOS, SHARES, Scenario
from benchmarks.peers.z_tests import AlphaSpending, EveryLook, FixedHorizon

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks"
MAIN_SHARE = 0.1
QUICK = 200


def methods(scenario: Scenario) -> tuple[Method, ...]:
    """In the order of the tables."""
    return (
        SuccessRateObjective(interval=60.0),
        SuccessRateObjective(interval=10.0),
        RankTest(),
        FixedHorizon(),
        EveryLook(),
        AlphaSpending(),
        EveryLook(stratified=True),
        AlphaSpending(stratified=True),
        Oracle(scenario),
        Ours(),
    )


def calibrated(sampling: Sampling) -> list[dict[str, Thresholds]]:
    """Everybody's thresholds, scenario by scenario."""
    return with_one_for_all([calibrate(sampling, each, MAIN_SHARE, methods(each)) for each in SCENARIOS])


def at_main_share(sampling: Sampling, thresholds: Sequence[dict[str, Thresholds]]) -> list[Comparison]:
    """Everybody at a share of 10 %."""
    return [
        compare(sampling, scenario, MAIN_SHARE, methods(scenario), chosen, (OURS, Oracle(scenario).name))
        for scenario, chosen in zip(SCENARIOS, thresholds, strict=True)
    ]


def on_ramp(sampling: Sampling, thresholds: Sequence[dict[str, Thresholds]]) -> list[dict[tuple[str, Way], int]]:
    """False alarms of everybody but the oracle, whose rates do not change."""
    return [
        alarms_on_ramp(sampling, scenario.stable, [m for m in methods(scenario) if not isinstance(m, Oracle)], chosen)
        for scenario, chosen in zip(SCENARIOS, thresholds, strict=True)
    ]


def at_all_shares(sampling: Sampling, shares: Sequence[float]) -> list[Comparison]:
    """Ours and the oracle only, as published."""
    result = []
    for scenario in SCENARIOS:
        both: Sequence[Method] = (Oracle(scenario), Ours())
        nominal = {method.name: {Way.NOMINAL: method.nominal} for method in both}
        result += [compare(sampling, scenario, share, both, nominal, tuple(nominal)) for share in shares]
    return result


def drawn() -> list[str]:
    """Names of the methods in the figure; for steady traffic a stratified test is what it is unstratified."""
    return [m.name for m in methods(SCENARIOS[0]) if not getattr(m, "stratified", False)]


def machine() -> str:
    """Its size, and what it ran."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, Python {platform.python_version()}"


def main(
    runs: Annotated[
        int, typer.Option(min=1, help="broken runs of each kind; healthy ones are four times as many")
    ] = 4000,
    seed: Annotated[int, typer.Option(min=0, help="of all randomness")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help=f"{QUICK} runs, one share: whether it works")] = False,
    output: Annotated[Path, typer.Option(help="folder to write detection.md and detection.svg to")] = OUTPUT,
) -> None:
    """Runs, writes and prints the comparison."""
    started = time.process_time()
    sampling = Sampling(QUICK, seed, times=1) if quick else Sampling(runs, seed)
    shares = (MAIN_SHARE,) if quick else SHARES
    thresholds = calibrated(sampling)
    compared, ramp = at_main_share(sampling, thresholds), on_ramp(sampling, thresholds)
    oracle = Oracle(SCENARIOS[0]).name
    body = [
        *page.main_tables(compared),
        *page.earlier_section(earlier_than_ours(compared, besides=oracle), ramp, sampling.runs),
        *page.ramp_section(ramp, sampling.runs),
        *page.share_table(at_all_shares(sampling, shares), oracle),
        *page.latency_section(latency_delays(sampling, shares), latency_alarms(sampling, shares)),
    ]
    command = f"python -m benchmarks.detection {'--quick' if quick else f'--runs {runs}'} --seed {seed}"
    took = f"{machine()}, {(time.process_time() - started) / 60:.1f} min of one core"
    head = page.introduction(command, sampling.runs, sampling.healthy, seed, took)
    text = "\n".join([*head, *body, ""])
    output.mkdir(parents=True, exist_ok=True)
    (output / "detection.md").write_text(text, encoding="utf-8")
    draw(compared, drawn(), output / "detection.svg")
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
