"""`headgate backtest` as a user calls it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from delivery.cli.main import app
from tests.backtest.recorded import write_lines

AT_ONCE = "spec: {analysis: {warmUp: 0s, dispersion: 1}}"


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)])


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(AT_ONCE)
    return path


def test_json_has_one_object_a_release(tmp_path: Path, policy: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", releases=3, canary=0.06, ticks=30, buckets=True, packed=True)
    result = call("--input", path, "--policy", policy, "--json")
    assert result.exit_code == 0
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["release"] for one in told] == ["r0", "r1", "r2"]
    assert {one["verdict"] for one in told} == {"rollback"}
    for one in told:
        assert one["t"] in range(10, 301, 10)
        assert one["reason"].startswith("canary fails ")
        assert one["metrics"]["errors"]["log_evidence_rollback"] > 4.6
        assert set(one["metrics"]["latency"]["quantiles"]) == {"p50", "p95", "p99"}
        assert [finding["code"] for finding in one["quality"]] == []


def test_the_default_policy_warms_up_for_half_a_minute(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", canary=0.9, ticks=30)
    [told] = [json.loads(line) for line in call("--input", path, "--json").stdout.splitlines()]
    assert told["t"] == 40.0


def test_people_get_the_evidence_and_what_the_policy_would_have_done(tmp_path: Path, policy: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", canary=0.06, ticks=30)
    result = call("--input", path, "--policy", policy)
    assert result.exit_code == 0
    assert "release: rollback at " in result.stdout
    assert "roll back (of 4.61)" in result.stdout
    assert "send 1 % to the canary" in result.stdout
    assert result.stdout.rstrip().endswith("roll back")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "nothing to judge: give --input FILE, or --prometheus URL"),
        (("--input", "nowhere.jsonl"), "input nowhere.jsonl cannot be read: no such file"),
        (("--input", "-", "--policy", "nowhere.yaml"), "policy nowhere.yaml cannot be read"),
        (("--prometheus", "http://127.0.0.1:9", "--workload", "cart"), "--workload 'cart' names no workload"),
        (("--prometheus", "http://127.0.0.1:9", "--workload", "shop/cart"), "--prometheus needs --start and --end"),
        (
            ("--prometheus", "http://127.0.0.1:9", "--workload", "shop/cart", "--start", "noon", "--end", "2"),
            "--start noon is no instant",
        ),
        (
            ("--prometheus", "http://127.0.0.1:9", "--workload", "shop/cart", "--start", "5", "--end", "2"),
            "--end 2 is not later than --start 5",
        ),
    ],
)
def test_a_call_that_cannot_be_is_one_line_and_code_1(arguments: tuple[str, ...], problem: str) -> None:
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"headgate: {problem}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: Deployment", "is of kind Deployment; give a DeliveryPolicy"),
        ("- 1", "is list, not a DeliveryPolicy"),
        ("a: [", "is no YAML"),
        ("spec: {analysis: {dispersion: 0.5}}", "spec.analysis.dispersion"),
    ],
)
def test_a_policy_that_cannot_be_is_named(tmp_path: Path, text: str, problem: str) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text(text)
    result = call("--input", write_lines(tmp_path / "r.jsonl", ticks=3), "--policy", policy)
    assert result.exit_code == 1
    assert problem in result.stderr
