"""`headgate explain`: what it shows, and what it cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from delivery.cli.main import app
from delivery.cluster.kinds import DEPLOYMENT
from delivery.resources.annotations import POLICY
from tests.served import Served

Run = Callable[..., Result]


@pytest.fixture
def run(own_served: Served, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`headgate explain NAMESPACE/web ARGUMENTS`."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    which = f"{own_served.namespace}/web"
    way = ["--kubeconfig", str(own_served.kubeconfig)]
    return lambda *arguments: CliRunner().invoke(app, ["explain", which, *arguments, *way])


def test_a_deployment_as_it_is(run: Run, own_served: Served) -> None:
    own_served.deployment()
    told = run()
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith(f"{own_served.namespace}/web: the pod template stays the same")


def test_a_manifest_of_one_that_nobody_opted_in(run: Run, own_served: Served, tmp_path: Path) -> None:
    made = own_served.deployment()
    own_served.cluster.patch(DEPLOYMENT, "web", own_served.namespace, {"metadata": {"annotations": {POLICY: None}}})
    manifest = tmp_path / "web.json"
    template = {**made["spec"]["template"], "spec": {"containers": [{"name": "web", "image": "web:9"}]}}
    wanted = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": template},
    }
    manifest.write_text(json.dumps(wanted))
    told = run("--file", str(manifest), "-o", "json")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["happens"], found["plan"]) == ("unjudged", None)
    container = found["after"]["spec"]["containers"][0]
    assert (container["image"], container["imagePullPolicy"]) == ("web:9", "IfNotPresent")  # the server's own default
    stored = own_served.cluster.get(DEPLOYMENT, "web", own_served.namespace)
    assert stored["spec"]["template"]["spec"]["containers"][0]["image"] == "web:1"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--image", "web:latest"), "may be another one tomorrow"),
        (("--image", "web:2", "--file", "-"), "--file and --image: give one of them"),
        (("--file", "/nowhere"), "--file /nowhere cannot be read"),
        (("--api", "http://127.0.0.1:1", "--token-file", "/dev/null"), "no token"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    run: Run, own_served: Served, arguments: tuple[str, ...], says: str
) -> None:
    own_served.deployment()
    told = run(*arguments)
    assert (told.exit_code, told.stderr.count("\n"), says in told.stderr) == (2, 1, True), told.output


def test_a_file_without_the_deployment(run: Run, own_served: Served, tmp_path: Path) -> None:
    own_served.deployment()
    manifest = tmp_path / "other.yaml"
    manifest.write_text("{apiVersion: apps/v1, kind: Deployment, metadata: {name: other}}")
    told = run("--file", str(manifest))
    assert (told.exit_code, f"no Deployment {own_served.namespace}/web in it" in told.stderr) == (2, True), told.output


def test_the_api_cannot_be_asked(own_served: Served, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(own_served.token("get"))
    way = ["--api", own_served.url, "--token-file", str(token)]
    told = CliRunner().invoke(app, ["explain", f"{own_served.namespace}/web", *way])
    assert (told.exit_code, "explain reads the cluster itself; leave out --api" in told.stderr) == (2, True)
