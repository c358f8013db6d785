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
    service = (
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\nspec: {ports: [{port: 80}]}\n"
    )
    file.write_text(ROUTE + service)
    done = call("plan", file, "--service", "cart", "-n", "shop", "--weight", "5")
    assert done.exit_code == 0
    assert done.stderr == (
        f"headgate: no route in {file} carries Service shop/cart; VirtualService shop/cart would be made\n"
    )


def test_a_diff_tells_routes_of_two_groups_apart(file: Path) -> None:
    spec = "spec: {rules: [{backendRefs: [{name: web, port: 80}]}]}"
    both = "\n---\n".join(
        f"apiVersion: {group}\nkind: HTTPRoute\nmetadata: {{name: web, namespace: shop}}\n{spec}"
        for group in ("gateway.networking.k8s.io/v1", "policy.linkerd.io/v1beta3")
    )
    file.write_text(both)
    done = call("plan", file, "--service", "web", "-n", "shop", "--weight", "5", "-o", "diff")
    assert [line for line in done.stdout.splitlines() if line.startswith("+++")] == [
        "+++ HTTPRoute shop/web of gateway.networking.k8s.io",
        "+++ HTTPRoute shop/web of policy.linkerd.io",
    ]


def test_an_unquoted_date_can_be_written_as_json(file: Path) -> None:
    file.write_text(ROUTE.replace("  name: web\n", "  name: web\n  annotations: {since: 2024-01-01}\n"))
    done = call("plan", file, "--service", "web", "-n", "shop", "--weight", "5", "-o", "json")
    assert '"since": "2024-01-01"' in done.stdout


def test_mistakes_are_one_line(file: Path) -> None:
    for arguments, message in (
        (("restore", file), "headgate: no object has the annotation headgate.dev/plan"),
        (("restore", file.parent / "none.yaml"), f"headgate: {file.parent / 'none.yaml'}: cannot be read"),
        (("plan", file, "--service", "web", "--weight", "5", "--policy", file), f"headgate: policy {file} is of kind"),
        (("plan", file, "--service", "web", "--weight", "101"), "headgate: weight is 101; give a percentage"),
        (("plan", file, "--service", "wob", "-n", "shop", "--weight", "5"), "headgate: no route among the objects"),
        (("plan", file, "--service", "web", "--weight", "5"), "headgate: no route among the objects"),
    ):
        done = call(*arguments)
        assert done.exit_code == 1
        assert done.stderr.startswith(message)
        assert len(done.stderr.splitlines()) == 1
