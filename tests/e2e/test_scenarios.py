"""Every shipped scenario through the command a user types, in a lab of its own, on real parts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from delivery.lab.scenario import load, resolve, shipped

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

Outcome = dict[str, Any]
START_AND_STOP_S = 200.0


@dataclass(frozen=True)
class Expected:
    """How a scenario must end; `more` says what else must hold of its outcome."""

    phase: str
    more: Callable[[Outcome], bool] = lambda _outcome: True


def within_first_step(outcome: Outcome) -> bool:
    return bool(0 < outcome["max_canary_weight"] <= 5)


def never_reached(outcome: Outcome) -> bool:
    return bool(outcome["max_canary_weight"] == 0 and outcome["requests"]["canary"] == 0)


def says_how_long(outcome: Outcome) -> bool:
    return "maxStepDuration" in outcome["reason"] and outcome["verdict"] == "Inconclusive"


def newer_one_promoted(outcome: Outcome) -> bool:
    return [release["phase"] for release in outcome["releases"]] == ["Superseded", "Succeeded"]


EXPECTED = {
    "good": Expected("Succeeded"),
    "errors": Expected("RolledBack", within_first_step),
    "slow": Expected("RolledBack"),
    "crash-loop": Expected("RolledBack", never_reached),
    "noisy-baseline": Expected("Succeeded"),
    "shared-outage": Expected("Succeeded"),
    "low-traffic": Expected("Paused", says_how_long),
    "no-traffic": Expected("RolledBack", lambda outcome: outcome["reason"].startswith("NoData")),
    "prometheus-down": Expected("Succeeded"),
    "superseded": Expected("Superseded", newer_one_promoted),
}


def run(name: str, keep: Path, *options: str) -> Outcome:
    command = [sys.executable, "-m", "delivery.cli", "lab", "run", name, "--json", "--keep", str(keep), *options]
    bound = load(resolve(name)).timeout + START_AND_STOP_S
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=bound)
    assert done.returncode == 0, done.stderr
    outcome: Outcome = json.loads(done.stdout)
    return outcome


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that still work in a lab's folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def check(name: str, outcome: Outcome, folder: Path) -> None:
    assert outcome["phase"] == EXPECTED[name].phase, outcome
    assert EXPECTED[name].more(outcome), outcome
    assert outcome["user_visible_5xx_outside_canary"] == 0, outcome
    assert outcome["left_behind"] == []
    assert processes_of(folder) == []


def test_every_shipped_scenario_has_an_expectation() -> None:
    assert set(shipped()) == set(EXPECTED)


def longest_first() -> list[str]:
    """So that two workers end at about the same time."""
    return sorted(EXPECTED, key=lambda name: -load(resolve(name)).timeout)


@pytest.mark.parametrize("name", longest_first())
def test_a_scenario_ends_as_it_must_and_loses_no_request(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    check(name, run(name, folder), folder)


@pytest.mark.skipif("KUBEBUILDER_ASSETS" not in os.environ, reason="the scenarios above ran on the embedded server")
def test_a_bad_version_is_withdrawn_on_the_embedded_server_too(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    outcome = run("errors", folder, "--embedded")
    assert outcome["control_plane"] == "embedded"
    check("errors", outcome, folder)
