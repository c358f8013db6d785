"""`make demo`: a good version and a bad one, each released in a lab, with the reports an SRE would read."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.rule import Rule

from delivery.lab.outcome import Outcome
from delivery.lab.progress import Narrator
from delivery.lab.run import run_scenario
from delivery.lab.scenario import load, resolve
from delivery.lab.shop_routes import MeshName
from delivery.report.release_report import render
from delivery.resources.release import Phase, Release

EXPECTED = {"errors": Phase.ROLLED_BACK, "good": Phase.SUCCEEDED}


def show_demo(assets: Path | None, console: Console, mesh: MeshName = MeshName.ISTIO) -> bool:
    """Runs both releases, prints both reports; True when both ended as they should and nobody lost a request."""
    console.print("Headgate's lab: every request goes through a real Envoy, every number comes from a real Prometheus.")
    console.print(f"Control plane: {'real kube-apiserver' if assets else 'embedded API server'}\n")
    told = [_show(name, assets, console, mesh) for name in EXPECTED]
    for name, (_, release) in zip(EXPECTED, told, strict=True):
        console.print(Rule(f"report: {name}"))
        console.print(render(release))
    console.print(Rule("summary"))
    concluded = [_conclude(name, outcome, console) for name, (outcome, _) in zip(EXPECTED, told, strict=True)]
    return all(concluded)


def _show(name: str, assets: Path | None, console: Console, mesh: MeshName) -> tuple[Outcome, Release]:
    path = resolve(name)
    console.print(Rule(f"scenario: {name}"))
    console.print(path.read_text().splitlines()[0].lstrip("# "))
    console.print("starting control plane, pods, Envoy, Prometheus and the controller ...")
    scenario = load(path)
    narrator = Narrator(console, scenario)
    outcome = run_scenario(scenario, assets, narrator, mesh=mesh)
    return outcome, narrator.releases[0]


def _conclude(name: str, outcome: Outcome, console: Console) -> bool:
    as_expected = outcome.phase == EXPECTED[name].value
    clean = not outcome.left_behind and outcome.user_visible_5xx_outside_canary == 0
    mark = "[green]as it should[/green]" if as_expected and clean else "[red]NOT as it should[/red]"
    console.print(
        f"{name:8} ended {outcome.phase} ({mark}); canary share at most {outcome.max_canary_weight:g} %; "
        f"requests {outcome.requests}, failed {outcome.errors}; "
        f"lost outside the canary's share: {outcome.user_visible_5xx_outside_canary}; "
        f"left behind: {outcome.left_behind or 'nothing'}",
        soft_wrap=True,
    )
    return as_expected and clean
