"""How long `headgate backtest` takes for a million lines, as a whole process.

python -m benchmarks.backtest
"""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "backtest.md"
LINES = 1_000_000
BOUNDS = ("0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000", "+Inf")
WITHIN = np.array([0.0, 0.0, 0.01, 0.05, 0.2, 0.4, 0.6, 0.9, 0.97, 0.99, 0.999, 1.0, 1.0, 1.0])
# A margin that is never settled either way, so that every tick is judged to the end.
UNSETTLED = """
spec:
  analysis:
    warmUp: 0s
    dispersion: 1
    metrics:
      - {kind: errorRate, tolerance: {absolute: 0.000000001, relative: 0}}
      - {kind: latency, tolerance: {relative: 1}}
"""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    releases: int
    buckets: bool
    packed: bool
    policy: str


CASES = (
    Case("one release, decided soon", 1, False, False, "spec: {}"),
    Case("one release, never decided", 1, False, False, UNSETTLED),
    Case("1,000 releases", 1000, False, False, "spec: {}"),
    Case("1,000 releases, never decided, gzip", 1000, False, True, UNSETTLED),
    Case("one release, 14 buckets, never decided", 1, True, False, UNSETTLED),
    Case("1,000 releases, 14 buckets, gzip", 1000, True, True, "spec: {}"),
)


def written(case: Case, folder: Path) -> Path:
    """A file of LINES lines, both arms at 0.1 % errors, one line an arm and tick of 10 s."""
    path = folder / "recorded.jsonl"
    with gzip.open(path, "wb", 1) if case.packed else path.open("wb") as file:
        for piece in _pieces(case):
            file.write(piece)
    return path


def _pieces(case: Case) -> Iterator[bytes]:
    rng, encoder = np.random.default_rng(1), msgspec.json.Encoder()
    for tick in range(LINES // 2 // case.releases):
        served = rng.poisson([[900], [100]], (2, case.releases))
        failed = rng.binomial(served, 0.001)
        lines = []
        for release in range(case.releases):
            for number, arm in enumerate(("stable", "canary")):
                n = int(served[number, release])
                line = {"t": 10 * tick, "arm": arm, "requests": n, "errors": int(failed[number, release])}
                if case.releases > 1:
                    line["release"] = f"shop/r{release}"
                if case.buckets:
                    line["buckets"] = dict(zip(BOUNDS, (n * WITHIN).astype(int).tolist(), strict=True))
                lines.append(line)
        yield encoder.encode_lines(lines)


def measured(case: Case, folder: Path) -> str:
    path, policy = written(case, folder), folder / "policy.yaml"
    policy.write_text(case.policy)
    command = [
        sys.executable,
        "-m",
        "delivery.cli",
        "backtest",
        "--input",
        str(path),
        "--policy",
        str(policy),
        "--json",
    ]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    answer = subprocess.run(command, capture_output=True, check=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    verdicts = [msgspec.json.decode(line)["verdict"] for line in answer.stdout.splitlines()]
    told = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in sorted(set(verdicts)))
    size = path.stat().st_size / 1e6
    path.unlink()
    return f"| {case.name} | {size:.0f} MB | {wall:.1f} | {cpu:.1f} | {after.ru_maxrss / 1024:.0f} MB | {told} |"


def main(output: Annotated[Path, typer.Option()] = OUTPUT) -> None:
    """Write the report."""
    rows = [
        "| file | size | wall, s | processor, s | largest memory so far | verdicts |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            rows.append(measured(case, Path(folder)))
            typer.echo(rows[-1])
    text = [
        "# A million lines judged again",
        "`python -m benchmarks.backtest`",
        f"{os.cpu_count()} cores; `headgate backtest --json` as a whole process, {LINES:,} lines, two a tick.",
        "\n".join(rows),
    ]
    output.write_text("\n\n".join(text) + "\n")


if __name__ == "__main__":
    typer.run(main)
