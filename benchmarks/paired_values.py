"""How often values of both versions mislead, and how soon they tell: many simulated releases of half an hour.

python -m benchmarks.paired_values [--releases 1000]
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from analysis.paired_values import PairedEvidence, PairedSettings, PairedTick
from analysis.settings import Tolerance

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "paired-values.md"
TICK_S, TICKS = 10.0, 180
WRONG_ROLLBACK, WRONG_ADVANCE = 0.01, 0.05
SHIFTS = (1.0, 2.0, 5.0)
Values = NDArray[np.float64]
Arms = Callable[[np.random.Generator], tuple[Values, Values]]


def correlated(rng: np.random.Generator, seconds: float) -> Values:
    """An AR(1) of spread 1 that forgets over so many seconds."""
    kept, values = math.exp(-TICK_S / seconds), rng.standard_normal(TICKS)
    for tick in range(1, TICKS):
        values[tick] = kept * values[tick - 1] + math.sqrt(1.0 - kept * kept) * values[tick]
    return values


def _each(noise: Callable[[np.random.Generator], Values]) -> Arms:
    return lambda rng: (100.0 + noise(rng), 100.0 + noise(rng))


def _shared(rng: np.random.Generator) -> tuple[Values, Values]:
    both = 100.0 + 10.0 * correlated(rng, 120.0)
    return both + rng.standard_normal(TICKS), both + rng.standard_normal(TICKS)


MODELS: Mapping[str, Arms] = {
    "independent, normal": _each(lambda rng: rng.standard_normal(TICKS)),
    "independent, t with 3 degrees": _each(lambda rng: rng.standard_t(3, TICKS)),
    "forgets over 30 s": _each(lambda rng: correlated(rng, 30.0)),
    "forgets over 60 s": _each(lambda rng: correlated(rng, 60.0)),
    "forgets over 120 s": _each(lambda rng: correlated(rng, 120.0)),
    "ten times as much is shared": _shared,
    "mostly 0": _each(lambda rng: rng.poisson(0.05, TICKS).astype(float) - 100.0),
}
"""Each version's own noise; its spread is about 1."""


def settled_after(
    model: Arms, releases: int, seed: int, *, shift: float = 0.0, way: Literal["rollback", "advance"] = "rollback"
) -> list[float]:
    """Seconds after which each release was settled that way, infinite where it never was. The canary is `shift` beyond
    the boundary; it is looked at after every tick."""
    rng, found = np.random.default_rng(seed), []
    needed = -math.log(WRONG_ROLLBACK if way == "rollback" else WRONG_ADVANCE)
    for _ in range(releases):
        stable, canary = model(rng)
        found.append(_settled(stable, canary + shift, needed, way))
    return found


def _settled(stable: Values, canary: Values, needed: float, way: str) -> float:
    evidence, blocks = PairedEvidence(PairedSettings(Tolerance())), 0.0
    for tick in range(TICKS):
        at = (tick + 1) * TICK_S
        evidence.observe(PairedTick(at, TICK_S, float(stable[tick]), float(canary[tick])))
        if evidence.n == blocks:
            continue  # nothing is new between blocks
        blocks = evidence.n
        if (evidence.log_rollback() if way == "rollback" else evidence.log_advance()) >= needed:
            return at
    return math.inf


def _part(times: list[float]) -> float:
    return sum(math.isfinite(t) for t in times) / len(times)


def _told(times: list[float]) -> str:
    settled = [t for t in times if math.isfinite(t)]
    return f"{100 * _part(times):.0f} %, {np.median(settled):.0f} s" if settled else "0 %"


def main(
    releases: Annotated[int, typer.Option(min=10, help="of each kind of noise")] = 1000,
    output: Annotated[Path, typer.Option()] = OUTPUT,
) -> None:
    """Write the report."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    rows = []
    for seed, (name, model) in enumerate(MODELS.items()):
        wrong_back, wrong_on = (
            100 * _part(settled_after(model, releases, seed, way=way)) for way in ("rollback", "advance")
        )
        power = " | ".join(_told(settled_after(model, releases // 4, seed, shift=shift)) for shift in SHIFTS)
        rows.append(f"| {name} | {wrong_back:.1f} | {wrong_on:.1f} | {power} |")
    shifts = " | ".join(f"{shift:g} spreads worse: rolled back, median" for shift in SHIFTS)
    text = "\n".join(
        [
            "# Values of both versions: how often they mislead, and how soon they tell\n",
            f"`python -m benchmarks.paired_values --releases {releases}`\n",
            f"{releases:,} simulated releases of {TICKS * TICK_S / 60:.0f} min a line, looked at every {TICK_S:g} s, "
            "the canary exactly at the boundary of what is tolerated: what is promised is at most 1 % rolled back and "
            f"5 % advanced. One machine of {os.cpu_count()} cores and {memory:.0f} GB.\n",
            f"| noise of each version | rolled back, % | advanced, % | {shifts} |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )
    output.write_text(text)
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
