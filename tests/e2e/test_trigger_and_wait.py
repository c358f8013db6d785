"""A pipeline's two commands against a lab: what they answer for a good, a bad and an undecided version."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from delivery.cluster.kinds import DELIVERY_POLICY, DEPLOYMENT
from delivery.lab import shop
from delivery.lab.laboratory import Laboratory, assets_from_environment, laboratory
from delivery.lab.readiness import token_of
from delivery.lab.run import Run
from delivery.lab.scenario import load, resolve
from tests.conditions import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

NAME = f"{shop.NAMESPACE}/{shop.NAME}"
Headgate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    """With the shop of the good scenario and its customers; what a version does is set before it is triggered."""
    with laboratory(assets_from_environment()) as started:
        run = Run(started, load(resolve("good")))
        with run.open():
            yield started


@pytest.fixture(params=["api", "cluster"])
def headgate(request: pytest.FixtureRequest, lab: Laboratory, tmp_path: Path) -> Headgate:
    """The command as a pipeline runs it, by either way."""
    token = tmp_path / "token"
    token.write_text(token_of(lab.plane.kubeconfig))
    way = ["--kubeconfig", str(lab.plane.kubeconfig)]
    if request.param == "api":
        way = ["--api", lab.api_url, "--token-file", str(token)]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "delivery.cli", *arguments, *way]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=400, env={**os.environ})

    return run


def image(lab: Laboratory, version: str) -> str:
    """The shop's image of that version."""
    template = lab.cluster.get(DEPLOYMENT, shop.NAME, shop.NAMESPACE)["spec"]["template"]
    return f"{template['spec']['containers'][0]['image'].rpartition(':')[0]}:{version}"


def begin(lab: Laboratory, headgate: Headgate, version: str) -> None:
    eventually(lambda: lab.cluster.get(DEPLOYMENT, shop.NAME, shop.NAMESPACE)["spec"].get("paused"), 60)
    asked = ("trigger", NAME, "--image", image(lab, version), "--version", version, "--release-id", f"build-{version}")
    done = headgate(*asked, "--idempotency-key", version)
    assert (done.returncode, "triggered" in done.stdout) == (0, True), done.stderr
    again = headgate(*asked, "--idempotency-key", version)
    assert "nothing was started" in again.stdout


def test_a_bad_version_ends_with_1(lab: Laboratory, headgate: Headgate, request: pytest.FixtureRequest) -> None:
    version = "1.1.0" if "api" in request.node.name else "1.2.0"
    lab.override(version, 0.25, 5.0, 0.0)
    begin(lab, headgate, version)
    bad = headgate("wait", NAME, "--release-id", f"build-{version}", "--timeout", "5m")
    assert (bad.returncode, f"{NAME}: rolledBack" in bad.stdout) == (1, True), bad.stdout + bad.stderr


@pytest.mark.parametrize("headgate", ["api"], indirect=True)
def test_a_good_version_ends_with_0(lab: Laboratory, headgate: Headgate) -> None:
    begin(lab, headgate, "2.1.0")
    good = headgate("wait", NAME, "--release-id", "build-2.1.0", "--timeout", "6m")
    assert (good.returncode, f"{NAME}: promoted" in good.stdout) == (0, True), good.stdout + good.stderr


def test_an_undecided_version_ends_with_3_and_is_aborted_by_a_person(
    lab: Laboratory, headgate: Headgate, request: pytest.FixtureRequest
) -> None:
    version = "3.1.0" if "api" in request.node.name else "4.1.0"
    hasty = {"strategy": {"canary": {"steps": [1, 50], "minStepDuration": "1s", "maxStepDuration": "3s"}}}
    lab.cluster.patch(DELIVERY_POLICY, shop.NAME, shop.NAMESPACE, {"spec": hasty})
    begin(lab, headgate, version)
    waited = headgate("wait", NAME, "--release-id", f"build-{version}", "--timeout", "3m")
    assert (waited.returncode, "undecided" in waited.stdout) == (3, True), waited.stdout + waited.stderr
    asked = headgate("abort", NAME, "--reason", "the test ends")
    assert asked.returncode == 0, asked.stderr
    assert headgate("wait", NAME, "--release-id", f"build-{version}", "--timeout", "2m").returncode == 1


def test_the_controller_says_how_it_is(lab: Laboratory) -> None:
    assert httpx.get(f"{lab.health_url}/healthz").text == "ok\n"
    assert httpx.get(f"{lab.health_url}/readyz").status_code == 200
    metrics = httpx.get(f"{lab.health_url}/metrics").text
    assert 'headgate_releases{phase="Succeeded"}' in metrics
    assert 'headgate_api_calls_total{method="PATCH",status="200"}' in metrics
