"""The measure itself: what is in the span counts, and a number too far off is said to be."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.ground_truth import RPS, SCRAPE_S, SHARE, Applications, Count, Truth, counts, kill_one
from delivery.lab import shop
from delivery.lab.load import CANARY, STABLE
from delivery.lab.process import Process
from delivery.resources.release import Evidence, Phase, Release
from tests.conditions import eventually
from tests.decision.given import NOW, release


def truth(answers: int, arm: str = STABLE, every: float = 1.0) -> Truth:
    known = Truth("web-canary", {"1"})
    known.answers = [(NOW + (number + 1) * every, arm, number % 10 == 0, number % 20 == 0) for number in range(answers)]
    return known


def noted(folder: Path, answers: int) -> Applications:
    """What the pods of `truth` wrote of it: those that the proxy answered are missing."""
    lines = [
        f"{NOW + number + 1:.3f} {500 if number % 10 == 0 else 200}" for number in range(answers) if number % 20 != 0
    ]
    (folder / f"served-{shop.NAME}~{shop.NAME}-5c6-x").write_text("\n".join(lines[::2]) + "\n")
    (folder / f"served-{shop.NAME}~{shop.NAME}-5c6-y").write_text("\n".join(lines[1::2]) + "\n")
    return Applications(folder)


def judged(stable: float, errors: float) -> Release:
    begun = release(Phase.SHIFTING)
    evidence = Evidence(
        at=NOW + 100,
        step=0,
        weight=SHARE,
        verdict="Undecided",
        reason="",
        log_evidence_rollback=0.0,
        log_evidence_advance=0.0,
        stable_requests=stable,
        stable_errors=errors,
        canary_requests=0.0,
        canary_errors=0.0,
    )
    analysis = begun.status.analysis.model_copy(update={"started_at": NOW, "data_through": NOW + 100})
    status = begun.status.model_copy(update={"evidence": evidence, "analysis": analysis})
    return begun.model_copy(update={"status": status})


def test_answers_count_after_the_beginning_and_up_to_the_end() -> None:
    found = truth(100).between(NOW + 10, NOW + 20)
    assert (found[STABLE, "requests"], found[STABLE, "errors"], found[STABLE, "by proxy"]) == (10, 1, 0)
    assert found[CANARY, "requests"] == 0


@pytest.mark.parametrize(("counted", "holds"), [(100.0, True), (190.0, True), (100.0 + 3 * RPS, False)])
def test_a_number_may_be_off_by_what_no_scrape_has_shown(tmp_path: Path, counted: float, holds: bool) -> None:
    found = counts(judged(counted, 10.0), truth(100), noted(tmp_path, 100))
    requests = next(one for one in found if (one.arm, one.what) == (STABLE, "requests"))
    assert (requests.off, requests.answered) == (counted - 100, 100)
    assert requests.allowed < 3 * RPS * SCRAPE_S * 2
    assert requests.holds is holds


def test_too_few_are_as_wrong_as_too_many() -> None:
    assert not Count(STABLE, "requests", 10.0, 100, 60, 50.0).holds
    assert not Count(STABLE, "requests", 10.0, 60, 100, 50.0).holds
    assert Count(STABLE, "requests", 60.0, 100, 100, 50.0).holds


def test_what_the_applications_noted_counts_by_arm_and_in_the_span(tmp_path: Path) -> None:
    (tmp_path / f"served-{shop.NAME}~{shop.NAME}-1").write_text("10.000 200\n10.500 500\n12.000 200\n")
    (tmp_path / f"served-{shop.NAME}-canary~{shop.NAME}-canary-1").write_text("11.000 500\n")
    found = Applications(tmp_path).between(10.0, 11.0)
    assert found == {(STABLE, "requests"): 1, (STABLE, "errors"): 1, (CANARY, "requests"): 1, (CANARY, "errors"): 1}


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[dict[str, Process]]:
    """Two labs' pods of one name."""
    with ExitStack() as stack:
        started = {}
        for lab in ("mine", "yours"):
            (tmp_path / lab).mkdir()
            env = {"LAB_WORKLOAD": "web-of-a-test", "LAB_CONTROL": str(tmp_path / lab / "control.json")}
            command = [sys.executable, "-c", "import time; time.sleep(60)"]
            started[lab] = Process(lab, command, tmp_path / f"{lab}.log", env=env)
            stack.callback(started[lab].stop)
        yield started


def test_only_this_labs_pods_are_killed(tmp_path: Path, pods: dict[str, Process]) -> None:
    control = tmp_path / "mine" / "control.json"
    eventually(lambda: kill_one("web-of-a-test", control), 10)
    eventually(lambda: not pods["mine"].running, 10)
    assert pods["mine"].exit_code == -signal.SIGKILL
    eventually(lambda: not kill_one("web-of-a-test", control), 10)
    assert pods["yours"].running
