"""What a controller costs while nothing happens, and how soon it reacts: many adopted Deployments at rest.

python -m benchmarks.idle [--deployments 1000] [--changes 100] [--rest 120] [--control-plane embedded|real]
"""

from __future__ import annotations

import math
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.adoption import adopting, running
from benchmarks.idle_cluster import STAGES, Sightings, fill, names, template, wait_until
from benchmarks.idle_traffic import Calls, counting_proxy, empty_prometheus
from delivery.cluster.client import Cluster
from delivery.cluster.kinds import DEPLOYMENT
from delivery.errors import Unavailable
from delivery.lab.process import Process

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "idle.md"
NAMESPACES, SEED, APART_S, AT_ONCE, REACTS_WITHIN_S = 20, 1, 0.5, 20, 60.0
QUIET_S = 3.0


class Plane(StrEnum):
    EMBEDDED = "embedded"
    REAL = "real"


@dataclass(frozen=True, slots=True)
class Rest:
    """`seconds` of nothing: processor seconds, memory now and at its peak in MB, API calls by what they were."""

    seconds: float
    processor_s: float
    memory_mb: float
    peak_mb: float
    calls: Counter[str]


@dataclass(frozen=True, slots=True)
class Series:
    """Seconds from the answer to each template change to each stage of STAGES; NaN for one that never came."""

    title: str
    stages: dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Setting:
    """A running controller that has adopted everything."""

    cluster: Cluster
    found: list[tuple[str, str]]
    sightings: Sightings
    calls: Calls
    process: Process


@contextmanager
def adopted(folder: Path, deployments: int, assets: Path | None) -> Iterator[Setting]:
    """Control plane, Deployments and controller, all gone afterwards."""
    calls, sightings, found = Calls(), Sightings(), names(deployments, NAMESPACES)
    counted = folder / "counted"
    with (
        running(folder / "plane", sightings, assets=assets) as plane,
        counting_proxy(plane.kubeconfig, calls, counted),
        empty_prometheus() as prometheus,
    ):
        fill(plane.cluster, found)
        flags = ["--kubeconfig", str(counted), "--prometheus", prometheus]
        with adopting(folder, plane.deployments, deployments, 60 + deployments * 0.5, flags) as process:
            yield Setting(plane.cluster, found, sightings, calls, process)


def rest(setting: Setting, seconds: float) -> Rest:
    """Waits until the adoption has died down (or half a minute), then measures."""
    with suppress(Unavailable):
        wait_until(lambda: not _busy(setting.calls), "quiet", 30.0)
    began, before = time.monotonic(), processor_s(setting.process.pid)
    time.sleep(seconds)
    ended, after = time.monotonic(), processor_s(setting.process.pid)
    memory, peak = memory_mb(setting.process.pid)
    return Rest(ended - began, after - before, memory, peak, setting.calls.between(began, ended))


def _busy(calls: Calls) -> bool:
    now = time.monotonic()
    recent = calls.between(now - QUIET_S, now)
    return any("leases" not in what and not what.startswith("WATCH") for what in recent)


def processor_s(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> tuple[float, float]:
    """What a process holds now, and held at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = {line.partition(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return int(kilobytes["VmRSS"]) / 1024, int(kilobytes["VmHWM"]) / 1024


def react(
    setting: Setting, chosen: list[tuple[str, str]], title: str, *, at_once: bool, apart_s: float = APART_S
) -> Series:
    """Changes the template of each of `chosen`, all at the same moment or one after another, so many seconds apart."""
    changed: list[float] = []
    if at_once:
        with ThreadPoolExecutor(len(chosen)) as threads:
            changed = list(threads.map(lambda pair: _change(setting.cluster, *pair), chosen))
    else:
        for pair in chosen:
            changed.append(_change(setting.cluster, *pair))
            time.sleep(apart_s)
    with suppress(Unavailable):  # what never came is shown as such
        wait_until(
            lambda: all(len(setting.sightings.of(*pair)) == len(STAGES) for pair in chosen), title, REACTS_WITHIN_S
        )
    stages: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for pair, began in zip(chosen, changed, strict=True):
        seen = setting.sightings.of(*pair)
        for stage in STAGES:
            stages[stage].append(seen.get(stage, float("nan")) - began)
    return Series(title, stages)


def _change(cluster: Cluster, namespace: str, name: str) -> float:
    cluster.patch(DEPLOYMENT, name, namespace, {"spec": {"template": template(name, "2")}})
    return time.monotonic()


def page(command: str, plane: str, deployments: int, idle: Rest, reactions: list[Series]) -> str:
    """The report in Markdown."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    calls = [f"| {what} | {number} | {number / idle.seconds:.2f} |" for what, number in sorted(idle.calls.items())]
    return "\n".join(
        [
            "# A controller at rest, and how soon it reacts\n",
            f"`{command}`\n",
            f"{deployments:,} adopted Deployments in {NAMESPACES} namespaces on the {plane} control plane. One machine "
            f"of {os.cpu_count()} cores and {memory:.0f} GB runs it, the controller and this program.\n",
            f"## {idle.seconds:.0f} s of rest\n",
            "| processor, % of a core | memory, MB | memory at its peak, MB |",
            "| --- | --- | --- |",
            f"| {100 * idle.processor_s / idle.seconds:.2f} | {idle.memory_mb:.0f} | {idle.peak_mb:.0f} |\n",
            "| API call | number | per second |",
            "| --- | --- | --- |",
            *calls,
            "\n## From a template change to its canary Deployment\n",
            "Milliseconds from the answer to the change until another client sees it. Prometheus has no data, so "
            "the releases that were begun earlier stay in flight meanwhile.\n",
            "| changes | until | came | median | p90 | p99 | max |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *(row for series in reactions for row in _rows(series)),
            "",
        ]
    )


def _rows(series: Series) -> Iterator[str]:
    for stage, seconds in series.stages.items():
        came = 1e3 * np.array([value for value in seconds if not math.isnan(value)])
        figures = [*np.percentile(came, [50, 90, 99]), came.max()] if came.size else []
        shown = " | ".join(f"{figure:.0f}" for figure in figures) or "- | - | - | -"
        yield f"| {series.title} | {stage} | {came.size} of {len(seconds)} | {shown} |"


def main(
    deployments: Annotated[int, typer.Option(min=2)] = 1000,
    changes: Annotated[int, typer.Option(min=1, help="template changes, one after another")] = 100,
    seconds: Annotated[float, typer.Option("--rest", min=1, help="seconds of rest")] = 120.0,
    plane: Annotated[Plane, typer.Option("--control-plane", help="real needs KUBEBUILDER_ASSETS")] = Plane.EMBEDDED,
    output: Annotated[Path, typer.Option()] = OUTPUT,
) -> None:
    """Write the report."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if plane is Plane.REAL and not assets:
        raise typer.BadParameter("--control-plane real needs KUBEBUILDER_ASSETS, the folder of the real programs")
    at_once = min(AT_ONCE, deployments // 2)
    changes = min(changes, deployments - at_once)
    with tempfile.TemporaryDirectory() as folder:
        real = Path(assets) if assets and plane is Plane.REAL else None
        with adopted(Path(folder), deployments, real) as setting:
            idle = rest(setting, seconds)
            chosen = random.Random(SEED).sample(setting.found, changes + at_once)
            reactions = [
                react(setting, chosen[:changes], f"{changes}, every {APART_S:g} s", at_once=False),
                react(setting, chosen[changes:], f"{at_once} at once", at_once=True),
            ]
    command = f"python -m benchmarks.idle --deployments {deployments} --changes {changes} --rest {seconds:g}"
    text = page(f"{command} --control-plane {plane}", plane, deployments, idle, reactions)
    output.write_text(text)
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
