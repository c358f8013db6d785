"""`headgate routes` as a user calls it."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from delivery.cli.main import app

ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: web
  namespace: shop
spec:
  hosts:
  - web
  http:
  - route:
    - destination:
        host: web
"""


def call(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["routes", *map(str, arguments)], input=stdin)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTE)
    return path


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_what_is_planned_is_restored_through_a_pipe(file: Path, output: str) -> None:
    done = call("plan", file, "--service", "web", "-n", "shop", "--weight", "0.1", "-o", output)
    assert done.exit_code == 0
    assert "web-canary" in done.stdout
    assert call("restore", "-", stdin=done.stdout).stdout == ROUTE


def test_a_diff_shows_the_split_and_nothing_else(file: Path) -> None:
    done = call("plan", file, "--service", "web", "--namespace", "shop", "--weight", "5", "-o", "diff")
    changed = [line for line in done.stdout.splitlines() if line[0] in "+-"]
    assert changed == [
        "--- VirtualService shop/web",
        "+++ VirtualService shop/web",
        "-        host: web",
        "+        host: web-stable",
        "+      weight: 95",
        "+    - destination:",
        "+        host: web-canary",
        "+      weight: 5",
    ]


def test_a_policy_says_what_else_the_canary_gets(file: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("spec: {strategy: {canary: {match: [{cookies: {beta: {exact: '1'}}}]}}}")
    done = call("plan", file, "--service", "web", "-n", "shop", "--weight", "5", "--policy", policy)
    [first, _] = yaml.safe_load(done.stdout)["spec"]["http"]
    assert first["match"] == [{"headers": {"cookie": {"regex": "(?:.*; ?)?beta=(?:1)(?:;.*)?"}}}]


def test_a_route_that_would_be_made_is_told(file: Path) -> None:
    done = call("plan", file, "--service", "wob", "-n", "shop", "--weight", "5")
    assert done.exit_code == 0
    assert (
        done.stderr == f"headgate: no route in {file} carries Service shop/wob; VirtualService shop/wob would be made\n"
    )


def test_mistakes_are_one_line(file: Path) -> None:
    for arguments, message in (
        (("restore", file), "headgate: no object has the annotation headgate.dev/plan"),
        (("restore", file.parent / "none.yaml"), f"headgate: {file.parent / 'none.yaml'}: cannot be read"),
        (("plan", file, "--service", "web", "--weight", "5", "--policy", file), f"headgate: policy {file} is of kind"),
    ):
        done = call(*arguments)
        assert done.exit_code == 1
        assert done.stderr.startswith(message)
        assert len(done.stderr.splitlines()) == 1
