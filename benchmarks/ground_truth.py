"""Whether a controller counts what was served: a release of five minutes in which pods, Prometheus and the controller
are killed, counted by the controller on one side and by whoever sent the requests on the other.

python -m benchmarks.ground_truth [--seconds 300] [--control-plane embedded|real]
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from delivery.lab import shop
from delivery.lab.laboratory import Laboratory, assets_from_environment, laboratory
from delivery.lab.load import CANARY, STABLE, Answer, Ledger
from delivery.lab.run import STABLE_VERSION, Run
from delivery.lab.scenario import Behaviour, Event, Scenario
from delivery.resources.release import Phase, Release

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "ground-truth.md"
RPS, SHARE, FAILING = 100.0, 30.0, 0.02
SCRAPE_S = 0.5
DOWN_S = 10.0
EVERY_S = 2.0


@dataclass(slots=True)
class Truth(Ledger):
    """Also when each answer was there, whose it was and whether it failed: what the senders saw. `by_proxy`: answers
    that no pod gave, because it died with the request."""

    answers: list[tuple[float, str, bool, bool]] = field(default_factory=list)

    def enter(self, answer: Answer) -> None:
        Ledger.enter(self, answer)
        if answer.cluster:
            arm = CANARY if self.canary_host in answer.cluster else STABLE
            self.answers.append((time.time(), arm, answer.failed, not answer.version))

    def between(self, start: float, end: float) -> Counter[tuple[str, str]]:
        """Requests, errors and answers of the proxy's own, by arm, in (start, end]."""
        found: Counter[tuple[str, str]] = Counter()
        for at, arm, failed, by_proxy in list(self.answers):
            if start < at <= end:
                found[arm, "requests"] += 1
                found[arm, "errors"] += failed
                found[arm, "by proxy"] += by_proxy
        return found


@dataclass(frozen=True, slots=True)
class Count:
    """One number of one arm, by the controller, by the senders and by the applications, and how far the first may be
    from the others. No application knows of a request that the proxy answered because a pod had died with it:
    `answered` has the proxy's answers as well."""

    arm: str
    what: str
    counted: float
    served: int
    answered: int
    allowed: float

    @property
    def off(self) -> float:
        """Counted beyond what was served."""
        return self.counted - self.served

    @property
    def holds(self) -> bool:
        return abs(self.off) <= self.allowed and abs(self.counted - self.answered) <= self.allowed


class Applications:
    """What the lab's pods noted of themselves, each answer when it was given."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def between(self, start: float, end: float) -> Counter[tuple[str, str]]:
        """Requests and errors by arm, in (start, end]; of the pods that were killed too."""
        found: Counter[tuple[str, str]] = Counter()
        for record in self._folder.glob(f"served-{shop.NAME}*"):
            arm = CANARY if record.name.startswith(f"served-{shop.NAME}-canary~") else STABLE
            for line in record.read_text().splitlines():
                at, _, status = line.partition(" ")
                if start < float(at) <= end:
                    found[arm, "requests"] += 1
                    found[arm, "errors"] += status >= "500"
        return found


def scenario(seconds: float) -> Scenario:
    """One step that is not left, both versions failing alike, and everything killed in turn."""
    tolerance = {"absolute": 0.5, "relative": 10}
    spec = {
        "strategy": {"canary": {"steps": [SHARE], "minStepDuration": "1h", "maxStepDuration": "2h"}},
        "analysis": {
            "interval": f"{EVERY_S:g}s",
            "warmUp": "0s",
            "metrics": [{"kind": "errorRate", "tolerance": tolerance}],
        },
    }
    down = (Event(at=seconds * 0.35, kill="prometheus"), Event(at=seconds * 0.35 + DOWN_S, start="prometheus"))
    restarts = (Event(at=seconds * 0.6, kill="controller"), Event(at=seconds * 0.6 + 3, start="controller"))
    again = (Event(at=seconds * 0.85, kill="controller"), Event(at=seconds * 0.85 + 0.5, start="controller"))
    failing = Behaviour(error_rate=FAILING)
    return Scenario(
        name="ground-truth",
        rps=RPS,
        replicas=5,
        stable=failing,
        canary=failing,
        policy=spec,
        events=(*down, *restarts, *again),
        timeout=seconds,
    )


class Killer:
    """The run's progress: kills one pod's process now and then, and remembers the Release as it was last."""

    def __init__(self, times: dict[float, str]) -> None:
        self._times = dict(times)
        self.killed: list[tuple[float, str]] = []
        self.release: Release | None = None

    def __call__(self, run: Run) -> None:
        found = run.releases()
        self.release = found[0] if found else None
        elapsed = time.time() - run.changed_at
        for at, workload in list(self._times.items()):
            if elapsed >= at and kill_one(workload, run.lab.control_file):
                del self._times[at]
                self.killed.append((elapsed, workload))


def kill_one(workload: str, control: Path) -> bool:
    """SIGKILL to one process of a workload's pods; False where there is none now. `control` is the file that the pods
    of this lab read: other labs on the machine have pods of the same workload."""
    wanted = {f"LAB_WORKLOAD={workload}".encode(), f"LAB_CONTROL={control}".encode()}
    for folder in Path("/proc").iterdir():
        try:
            environment = (folder / "environ").read_bytes().split(b"\0") if folder.name.isdigit() else []
        except OSError:
            continue
        if wanted.issubset(environment):
            os.kill(int(folder.name), signal.SIGKILL)
            return True
    return False


def counts(release: Release, truth: Truth, applications: Applications) -> list[Count]:
    """The release's record against what was served up to where the record goes."""
    evidence, analysis = release.status.evidence, release.status.analysis
    if evidence is None or analysis.started_at is None or analysis.data_through is None:
        raise typer.BadParameter("the release was never judged: run it for longer")
    served = truth.between(analysis.started_at, analysis.data_through)
    answered = applications.between(analysis.started_at, analysis.data_through)
    share = {STABLE: 1 - SHARE / 100, CANARY: SHARE / 100}
    counted = {
        (STABLE, "requests"): evidence.stable_requests,
        (STABLE, "errors"): evidence.stable_errors,
        (CANARY, "requests"): evidence.canary_requests,
        (CANARY, "errors"): evidence.canary_errors,
    }
    found = []
    for (arm, what), number in counted.items():
        # At either end of the span, what came between the last scrape and the instant; counts vary as a Poisson's.
        unscraped = 2 * RPS * share[arm] * SCRAPE_S * (FAILING if what == "errors" else 1.0)
        own = answered[arm, what] + served[arm, "by proxy"]
        found.append(Count(arm, what, number, served[arm, what], own, unscraped + 3 * unscraped**0.5))
    return found


def run_once(lab: Laboratory, seconds: float) -> tuple[Killer, Truth]:
    """The scenario from the change to its end."""
    run = Run(lab, scenario(seconds))
    truth = Truth(run.ledger.canary_host, {STABLE_VERSION})
    run.ledger = truth
    times = {seconds * part: f"{shop.NAME}{'-canary' if number % 2 else ''}" for number, part in enumerate(KILLS)}
    killer = Killer(times)
    run.outcome(killer)
    return killer, truth


KILLS = (0.15, 0.2, 0.3, 0.45, 0.55, 0.7, 0.75, 0.9)  # parts of the run


def page(command: str, plane: str, killer: Killer, truth: Truth, found: list[Count]) -> str:
    """The report in Markdown."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    release = killer.release
    assert release is not None  # noqa: S101  # counts were made of it
    analysis = release.status.analysis
    start, end = analysis.started_at or 0.0, analysis.data_through or 0.0
    lost = truth.between(start, end)
    rows = [
        f"| {one.arm} | {one.what} | {one.counted:.0f} | {one.served} | {one.answered} "
        f"| {one.off:+.0f} | {one.allowed:.0f} |"
        for one in found
    ]
    return "\n".join(
        [
            "# What the controller counted, and what was served\n",
            f"`{command}`\n",
            f"One release at {SHARE:g} %, {RPS:g} requests a second, both versions failing {100 * FAILING:g} % of "
            f"them, on the {plane} control plane with a real Envoy and a real Prometheus that scrapes every "
            f"{SCRAPE_S:g} s; looked at every {EVERY_S:g} s for {end - start:.0f} s. Meanwhile {len(killer.killed)} "
            f"pods were killed (SIGKILL), Prometheus was stopped for {DOWN_S:g} s, and the controller was killed twice "
            f"and started again. One machine of {os.cpu_count()} cores and {memory:.0f} GB.\n",
            "Served is what whoever sent the requests got answers to, by the arm the proxy says it chose: "
            f"{lost[STABLE, 'by proxy']} and {lost[CANARY, 'by proxy']} answers of stable's and the canary's came from "
            "the proxy, because a pod had died with the request. The applications note each answer they give; these "
            "answers of the proxy's, which no application knows of, are added to theirs. What the two may be apart is "
            "what is served between a scrape and the instant it stands for, at both ends of the span, and three "
            "standard deviations of that.\n",
            "| version | | counted | served | by the applications | difference | may be |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main(
    seconds: Annotated[float, typer.Option(min=60, help="length of the release")] = 300.0,
    real: Annotated[bool, typer.Option(help="on the control plane of KUBEBUILDER_ASSETS")] = False,
    output: Annotated[Path, typer.Option()] = OUTPUT,
) -> None:
    """Write the report; exit code 1 where a number is further off than it may be."""
    with laboratory(assets_from_environment() if real else None) as lab:
        killer, truth = run_once(lab, seconds)
        plane = lab.plane.name
        if killer.release is None or killer.release.status.phase is not Phase.SHIFTING:
            raise typer.BadParameter(f"the release left its step: {killer.release and killer.release.status}")
        found = counts(killer.release, truth, Applications(lab.pods_folder))
    flag = " --real" if real else ""
    text = page(f"python -m benchmarks.ground_truth --seconds {seconds:g}{flag}", plane, killer, truth, found)
    output.write_text(text)
    typer.echo(text)
    if not all(one.holds for one in found):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
