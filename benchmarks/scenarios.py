"""Runs the lab's scenarios, several times each, and writes what came of them to docs/benchmarks.

python -m benchmarks.scenarios --runs 5 errors
python -m benchmarks.scenarios --runs 1 --parallel 2
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from delivery.lab.scenario import load, resolve, shipped

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks"
COLUMNS = (
    "scenario",
    "runs",
    "ended",
    "first weight to weight 0, s (median; each)",
    "change to decision, s (median)",
    "largest share",
    "excess errors (median)",
    "lost outside the canary's share",
    "left behind",
)


def run_once(name: str, embedded: bool) -> dict[str, Any]:
    """One run in a process of its own; raises CalledProcessError when the lab itself fails."""
    command = [
        sys.executable,
        "-m",
        "delivery.cli",
        "lab",
        "run",
        name,
        "--json",
        *(["--embedded"] if embedded else []),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=load(resolve(name)).timeout + 300
    )
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def withdrawal(outcome: dict[str, Any]) -> float | None:
    """Seconds from the first canary weight to weight 0."""
    first, zero = outcome["time_to_first_weight_s"], outcome["time_to_zero_weight_s"]
    return None if first is None or zero is None else round(zero - first, 2)


def row(name: str, outcomes: list[dict[str, Any]]) -> str:
    """One line of the table."""
    times = [time for outcome in outcomes if (time := withdrawal(outcome)) is not None]
    decided = [outcome["time_to_decision_s"] for outcome in outcomes if outcome["time_to_decision_s"] is not None]
    ended = sorted({outcome["phase"] for outcome in outcomes})
    left = sorted({line for outcome in outcomes for line in outcome["left_behind"]})
    cells = [
        name,
        str(len(outcomes)),
        ", ".join(f"{phase} ({sum(o['phase'] == phase for o in outcomes)})" for phase in ended),
        f"{median(times):.1f} ({', '.join(f'{time:.1f}' for time in times)})" if times else "-",
        f"{median(decided):.1f}" if decided else "-",
        f"{max(outcome['max_canary_weight'] for outcome in outcomes):g} %",
        f"{median(outcome['excess_errors'] for outcome in outcomes):.1f}",
        str(sum(outcome["user_visible_5xx_outside_canary"] for outcome in outcomes)),
        ", ".join(left) or "nothing",
    ]
    return f"| {' | '.join(cells)} |"


def main(
    names: Annotated[list[str] | None, typer.Argument(help="scenarios; all shipped ones by default")] = None,
    runs: Annotated[int, typer.Option(min=1, help="runs of each")] = 1,
    parallel: Annotated[int, typer.Option(min=1, help="labs at the same time")] = 1,
    embedded: Annotated[bool, typer.Option(help="the embedded API server")] = False,
    output: Annotated[str, typer.Option(help="file name in docs/benchmarks, without ending")] = "lab-scenarios",
) -> None:
    """Runs, prints and writes the table."""
    chosen = names or sorted(shipped())
    jobs = [name for name in chosen for _ in range(runs)]
    with ThreadPoolExecutor(parallel) as pool:
        outcomes = list(pool.map(lambda name: run_once(name, embedded), jobs))
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS)]
    lines += [row(name, [o for job, o in zip(jobs, outcomes, strict=True) if job == name]) for name in chosen]
    planes = ", ".join(sorted({outcome["control_plane"] for outcome in outcomes}))
    command = f"python -m benchmarks.scenarios {' '.join(sys.argv[1:])}"
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    text = "\n".join([f"# {output}", "", f"`{command}`", "", f"{machine}; control plane: {planes}.", "", *lines, ""])
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / f"{output}.md").write_text(text)
    (OUTPUT / f"{output}.jsonl").write_text("".join(json.dumps(outcome) + "\n" for outcome in outcomes))
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
