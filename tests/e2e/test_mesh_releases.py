"""A whole release on each mesh's own kind of route, through the command a user types."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from delivery.lab.scenario import load, resolve

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

START_AND_STOP_S = 200.0
RUNS = [
    ("istio-subset", "good", "Succeeded"),
    ("linkerd", "errors", "RolledBack"),
    ("linkerd-smi", "errors", "RolledBack"),
    ("gateway-api", "errors", "RolledBack"),
]


@pytest.mark.parametrize(("mesh", "scenario", "phase"), RUNS)
def test_a_release_ends_as_it_should_and_nobody_loses_a_request(mesh: str, scenario: str, phase: str) -> None:
    """The route is the user's own again, and no request failed but those that were told to."""
    command = [sys.executable, "-m", "delivery.cli", "lab", "run", scenario, "--mesh", mesh, "--json"]
    limit = load(resolve(scenario)).timeout + START_AND_STOP_S
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["phase"] == phase, outcome["reason"]
    assert outcome["left_behind"] == []
    assert outcome["user_visible_5xx_outside_canary"] == 0
    assert outcome["requests"]["canary"] > 0
