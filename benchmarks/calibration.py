"""How often the analysis errs, and how soon it finds what is wrong, against what it promises.

python -m benchmarks.calibration
python -m benchmarks.calibration --runs 400   # a quick look

Every run is judged by the whole analysis, as the controller would: 100 requests/s, looks every 10 s for 30 min, 0.5 %
errors and a risk of 1 % unless the table says otherwise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.stats import beta

from analysis.dispersion import learn_dispersion
from analysis.judge import Judge, ReleaseSettings, Tolerance
from analysis.observation import TickCounts
from analysis.proportion import Floats
from benchmarks.noise import (
    CANARY_PODS,
    HISTORY,
    PODS,
    RATE,
    REQUESTS,
    TICK,
    TICKS,
    Noise,
    Random,
    Rates,
    beta_binomial,
    bursts,
    diurnal,
    everything,
    none_at_all,
    outages,
    pods_wander,
    shared_wandering,
    steady,
)

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "calibration.md"
AT_ONCE = 500
DEFAULT = ReleaseSettings(interval=TICK)
RATIO_ONLY = replace(DEFAULT, error_tolerance=Tolerance())
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Runs of T ticks: requests and errors of stable and canary, and of the shadow, (R, T) each; `share` is what was
    commanded, `phi` (R,) what the noise is judged by.
    """

    n_s: Floats
    e_s: Floats
    n_c: Floats
    e_c: Floats
    x_n: Floats
    x_e: Floats
    share: Floats
    phi: Floats

    @classmethod
    def of(cls, n_s: Counts, e_s: Counts, n_c: Counts, e_c: Counts, share: Floats) -> Traffic:
        """Without a shadow and at phi 1."""
        stable, failed, canary, faulty = (np.asarray(a, dtype=float) for a in (n_s, e_s, n_c, e_c))
        none, told = np.zeros_like(stable), np.broadcast_to(share, stable.shape)
        return cls(stable, failed, canary, faulty, none, none, told, np.ones(stable.shape[0]))


@dataclass(frozen=True, slots=True)
class Ends:
    """When each run was rolled back and might have been advanced (R,), in seconds, infinite for never; whether it was
    flagged as noisy or as split otherwise than commanded (R,).
    """

    rolled_back: Floats
    advanced: Floats
    flagged: np.ndarray


Draw = Callable[[Random, int], Traffic]


def judged(traffic: Traffic, settings: ReleaseSettings) -> Ends:
    """The runs' ends."""
    runs, ticks = traffic.n_s.shape
    judge = Judge.start([replace(settings, dispersion=float(phi)) for phi in traffic.phi])
    until = np.broadcast_to(np.arange(1, ticks + 1) * TICK, (runs, ticks))
    course = judge.observe_arrays(
        TickCounts(
            rows=np.arange(runs),
            since=until - TICK,
            t=until,
            n_s=traffic.n_s,
            e_s=traffic.e_s,
            n_c=traffic.n_c,
            e_c=traffic.e_c,
            share=traffic.share,
            restarted=np.zeros((runs, ticks)),
            x_n=traffic.x_n,
            x_e=traffic.x_e,
        )
    )
    weighed = judge.weigh([0] * runs, course)
    flagged = [{"noisy-instances", "split-mismatch"} & {f.code for f in j.quality} for j in judge.judge([0] * runs)]
    return Ends(_first(weighed.rolls_back), _first(weighed.advances), np.array([bool(codes) for codes in flagged]))


def _first(crossed: np.ndarray) -> Floats:
    return np.where(crossed.any(axis=1), (crossed.argmax(axis=1) + 1) * TICK, np.inf)


def ends(draw: Draw, settings: ReleaseSettings, runs: int, seed: int) -> Ends:
    """The same for `runs` runs drawn a few hundred at a time."""
    rng = np.random.default_rng(seed)
    parts = [judged(draw(rng, min(AT_ONCE, runs - start)), settings) for start in range(0, runs, AT_ONCE)]
    return Ends(*(np.concatenate([getattr(part, name) for part in parts]) for name in Ends.__slots__))


def alike(share: float, stable: Rates, worse: Callable[[Floats], Floats] = lambda p: p) -> Draw:
    """Runs whose stable rate is drawn as (R, T) and whose canary fails `worse` of it."""

    def draw(rng: Random, runs: int) -> Traffic:
        rate = np.broadcast_to(stable(rng, runs), (runs, TICKS))
        n_s, n_c = (rng.poisson(REQUESTS * TICK * part, (runs, TICKS)) for part in (1 - share, share))
        return Traffic.of(
            n_s, rng.binomial(n_s, rate), n_c, rng.binomial(n_c, np.minimum(worse(rate), 1.0)), np.array(share)
        )

    return draw


def ramp(settings: ReleaseSettings) -> Draw:
    """Shares of 5, 20 and 50 % while the base rate grows fourfold; the canary is just within the tolerance."""
    share = np.repeat([0.05, 0.2, 0.5], TICKS // 3)
    rate = np.where(np.arange(TICKS) < 2 * TICKS // 3, RATE, 4 * RATE)
    worse = (1 + settings.error_tolerance.relative) * rate + settings.error_tolerance.absolute

    def draw(rng: Random, runs: int) -> Traffic:
        n_s, n_c = (rng.poisson(REQUESTS * TICK * part, (runs, TICKS)) for part in (1 - share, share))
        return Traffic.of(n_s, rng.binomial(n_s, rate), n_c, rng.binomial(n_c, worse), share)

    return draw


def of_pods(noise: Noise, *, learned: bool, times: float = 1.0) -> Draw:
    """20 pods, 2 of them the canary's, which fails `times` as often; phi learned from an hour of all, or 1."""

    def draw(rng: Random, runs: int) -> Traffic:
        shape = (runs, HISTORY + TICKS, PODS)
        n = rng.poisson(REQUESTS / PODS * TICK, shape)
        rate = RATE * noise(rng, shape)
        rate[:, HISTORY:, :CANARY_PODS] *= times
        e = rng.binomial(n, np.minimum(rate, 1.0))
        past_n, past_e = (a[:, :HISTORY].astype(float) for a in (n, e))
        phi = [learn_dispersion(past_n[r], past_e[r], tick=TICK).phi if learned else 1.0 for r in range(runs)]
        arms = (slice(CANARY_PODS, None), slice(CANARY_PODS), slice(CANARY_PODS, None, 2))
        n_s, e_s, n_c, e_c, x_n, x_e = (a[:, HISTORY:, arm].sum(axis=2).astype(float) for arm in arms for a in (n, e))
        share = np.full((runs, TICKS), CANARY_PODS / PODS)
        return Traffic(n_s, e_s, n_c, e_c, x_n, x_e, share, np.array(phi))

    return draw


def late(rng: Random, runs: int) -> Traffic:
    """1 % at a 10 % share; from 900 s on the canary fails twice as often."""
    n_s, n_c = (rng.poisson(REQUESTS * TICK * part, (runs, TICKS)) for part in (0.9, 0.1))
    worse = np.where(np.arange(TICKS) >= 90, 0.02, 0.01)
    return Traffic.of(n_s, rng.binomial(n_s, 0.01), n_c, rng.binomial(n_c, worse), np.array(0.1))


def other_split(rng: Random, runs: int) -> Traffic:
    """5 % reach the canary where 10 % were commanded."""
    n_s, n_c = (rng.poisson(REQUESTS * TICK * part, (runs, TICKS)) for part in (0.95, 0.05))
    return Traffic.of(n_s, rng.binomial(n_s, RATE), n_c, rng.binomial(n_c, RATE), np.array(0.1))


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the report: what may happen in at most `promised` of the runs."""

    name: str
    draw: Draw
    settings: ReleaseSettings
    promised: float
    counted: Callable[[Ends], np.ndarray]


def gone_back(found: Ends) -> np.ndarray:
    return np.isfinite(found.rolled_back)


def gone_back_early(found: Ends) -> np.ndarray:
    return np.asarray(found.rolled_back <= 900)


def gone(found: Ends) -> np.ndarray:
    return np.asarray(gone_on(found) | gone_back(found))


def gone_on(found: Ends) -> np.ndarray:
    return np.isfinite(found.advanced)


def _alike_cases(shares: Sequence[float], settings: Sequence[tuple[str, ReleaseSettings]]) -> Iterator[Case]:
    shaken = (("shared bursts", bursts), ("daily cycle", diurnal), ("shared AR(1)", shared_wandering))
    for margin, chosen in settings:
        for share in shares:
            name = f"share {100 * share:g} %, {margin}"
            yield Case(name, alike(share, steady(RATE)), chosen, 0.01, gone_back)
        for what, rate in shaken:
            yield Case(f"{what}, share 10 %, {margin}", alike(0.1, rate), chosen, 0.01, gone_back)
        name = f"ramp of share and base rate, canary at the boundary, {margin}"
        yield Case(name, ramp(chosen), chosen, 0.01, gone_back)
    yield Case("no errors at all, share 5 %", alike(0.05, steady(0.0)), DEFAULT, 0.0, gone_back)


def _boundary_cases() -> Iterator[tuple[str, list[Case]]]:
    yield (
        "Rolled back exactly at the default tolerance",
        [Case("share 10 %", alike(0.1, steady(RATE), _at_boundary), DEFAULT, 0.01, gone_back)],
    )
    yield (
        "Advanced exactly at the default tolerance",
        [
            Case(f"share {100 * share:g} %", alike(share, steady(RATE), _at_boundary), DEFAULT, 0.05, gone_on)
            for share in (0.05, 0.1, 0.25, 0.5)
        ],
    )


def _at_boundary(stable_rate: np.ndarray) -> np.ndarray:
    return 1.25 * stable_rate + 0.002


NOISES: tuple[tuple[str, Noise, float], ...] = (
    ("none", none_at_all, 0.01),
    ("beta-binomial, dispersion 2", beta_binomial, 0.01),
    ("pod AR(1), sigma 0.5", pods_wander(0.5), 0.01),
    ("pod AR(1), sigma 1", pods_wander(1.0), 0.01),
    ("pod outages x40", outages, 0.02),
    ("shared AR(1) + daily cycle + pod AR(1) 0.3", everything, 0.01),
)


def _noise_cases() -> Iterator[tuple[str, list[Case]]]:
    for title, settings in (
        ("Rolled back for noise of single pods, phi learned from an hour, ratio margin only", RATIO_ONLY),
        ("The same, default margin", DEFAULT),
    ):
        yield (
            title,
            [
                Case(name, of_pods(noise, learned=True), settings, promised, gone_back)
                for name, noise, promised in NOISES
            ],
        )
    yield (
        "Found at least, a fourfold error rate in the same noise (at most so many runs miss it)",
        [
            Case(name, of_pods(noise, learned=True, times=4.0), RATIO_ONLY, 1.0, lambda found: ~gone_back(found))
            for name, noise, _ in NOISES
        ],
    )


def _amiss_cases() -> list[Case]:
    too_early = "1 % turns to 2 % after 900 s: rolled back before"
    return [
        Case(too_early, late, RATIO_ONLY, 0.01, lambda found: found.rolled_back <= 900),
        Case("the same: not rolled back by 1800 s", late, RATIO_ONLY, 1.0, lambda found: ~gone_back(found)),
        Case("half the commanded share: not flagged", other_split, DEFAULT, 0.0, lambda found: ~found.flagged),
        Case("the same: advanced", other_split, DEFAULT, 0.0, gone_on),
        Case("a canary without traffic: advanced or rolled back", alike(0.0, steady(RATE)), DEFAULT, 0.0, gone),
    ]


def cases() -> Iterator[tuple[str, list[Case]]]:
    """The report's parts."""
    settings = (("ratio margin only", RATIO_ONLY), ("default margin", DEFAULT))
    yield "Rolled back although both arms fail alike", list(_alike_cases((0.01, 0.05, 0.1, 0.25, 0.5), settings))
    yield from _boundary_cases()
    yield from _noise_cases()
    yield "What is not as it should be", _amiss_cases()


def line(case: Case, runs: int, seed: int) -> str:
    found = ends(case.draw, case.settings, runs, seed)
    happened = case.counted(found)
    count = int(happened.sum())
    low, high = beta.ppf([0.025, 0.975], [count, count + 1], [runs - count + 1, runs - count])
    within = "" if case.promised == 1.0 else f"{100 * case.promised:g} %"
    when = found.rolled_back[np.isfinite(found.rolled_back)]
    median = f"{np.median(found.rolled_back):g}" if when.size > runs / 2 else "-"
    return (
        f"| {case.name} | {100 * count / runs:.2f} % | {100 * np.nan_to_num(low):.2f} - {100 * high:.2f} % | {within} "
        f"| {median} | {100 * found.flagged.mean():.0f} % |"
    )


def main(
    runs: Annotated[int, typer.Option(min=100)] = 4000,
    seed: Annotated[int, typer.Option()] = 20,
    output: Annotated[Path, typer.Option()] = OUTPUT,
) -> None:
    """Write the report."""
    began, text = (
        time.process_time(),
        [
            "# Calibration",
            f"`python -m benchmarks.calibration --runs {runs} --seed {seed}`",
            f"{os.cpu_count()} cores; {runs} runs a line; 100 requests/s, looks every 10 s for 30 min, 0.5 % errors, "
            "risk 1 % of rolling back and 5 % of advancing. The interval is the 95 % binomial one; the seconds are the "
            "median to a rollback where most runs have one; flagged are releases told that instances are noisy or the "
            "split is not as commanded.",
        ],
    )
    for number, (title, part) in enumerate(cases()):
        text.append(f"## {title}")
        rows = ["| case | runs | interval | promised | median s | flagged |", "| --- | --- | --- | --- | --- | --- |"]
        for place, case in enumerate(part):
            rows.append(line(case, runs, seed + 100 * number + place))
            typer.echo(rows[-1])
        text.append("\n".join(rows))
    text.append(f"{time.process_time() - began:.0f} s of processor time.")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n\n".join(text) + "\n")


if __name__ == "__main__":
    typer.run(main)
