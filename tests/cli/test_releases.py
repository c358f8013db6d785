"""Commands on Releases, through the API and straight through the cluster: the same answers and exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from delivery.cli.main import app
from delivery.cluster.kinds import DEPLOYMENT, RELEASE
from delivery.resources.release import Phase, release_from_object
from tests.decision import given
from tests.served import Served

Run = Callable[..., Result]


@pytest.fixture(params=["api", "cluster"])
def run(request: pytest.FixtureRequest, own_served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`headgate ARGUMENTS` by either way."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    if request.param == "api":
        token = tmp_path / "token"
        token.write_text(own_served.token("get", "list", "watch", "trigger", "approve", "promote", "abort"))
        way = ["--api", own_served.url, "--token-file", str(token)]
    else:
        way = ["--kubeconfig", str(own_served.kubeconfig)]
    return lambda *arguments: CliRunner().invoke(app, [*arguments, *way])


def named(served: Served, name: str = "web") -> str:
    return f"{served.namespace}/{name}"


def test_releases_are_listed_for_people_and_for_programs(run: Run, own_served: Served) -> None:
    own_served.release(name="one")
    own_served.release(Phase.SUCCEEDED, name="two", finished_at=given.NOW)
    told = run("list", "--namespace", own_served.namespace)
    assert told.exit_code == 0, told.output
    assert re.search(rf"{own_served.namespace} +web +2 +Shifting +5 % .* one *\n", told.stdout)
    told = run("list", "-n", own_served.namespace, "-o", "json")
    assert [one["name"] for one in json.loads(told.stdout)] == ["one", "two"]
    told = run("list", "-n", own_served.namespace, "--active", "-o", "yaml")
    assert [one["name"] for one in yaml.safe_load(told.stdout)] == ["one"]
    assert run("list", "-n", "default", "-o", "json").exit_code in {0, 2}


def test_one_is_shown_as_a_report_and_as_the_object(run: Run, own_served: Served) -> None:
    made = own_served.release()
    told = run("get", named(own_served))
    assert told.exit_code == 0, told.output
    assert f"Release {made.key}" in told.stdout
    told = run("get", named(own_served), "-o", "json")
    read = release_from_object(json.loads(told.stdout))
    assert (read.spec, read.status) == (made.spec, made.status)


@pytest.mark.parametrize(
    ("form", "sign"),
    [("text", "╭"), ("json", '"schemaVersion"'), ("html", "<!doctype html"), ("markdown", "|"), ("svg", "<svg")],
)
def test_the_report_comes_in_every_form(own_served: Served, tmp_path: Path, form: str, sign: str) -> None:
    own_served.release()
    way = ["--kubeconfig", str(own_served.kubeconfig), "--format", form]
    told = CliRunner().invoke(app, ["report", named(own_served), *way])
    assert (told.exit_code, sign.lower() in told.stdout.lower()) == (0, True), told.output
    file = tmp_path / "report"
    assert CliRunner().invoke(app, ["report", named(own_served), *way, "--output", str(file)]).exit_code == 0
    assert sign.lower() in file.read_text().lower()
    failed = CliRunner().invoke(app, ["report", named(own_served), *way, "--output", str(tmp_path / "no" / "report")])
    assert (failed.exit_code, failed.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("phase", "code"),
    [(Phase.SUCCEEDED, 0), (Phase.ROLLED_BACK, 1), (Phase.FAILED, 2), (Phase.SUPERSEDED, 3), (Phase.PAUSED, 3)],
)
def test_waiting_ends_with_the_code_of_the_outcome(run: Run, own_served: Served, phase: Phase, code: int) -> None:
    made = own_served.release()
    ended = {"phase": phase, "finished_at": given.NOW if phase.final else None, "message": "as it is"}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, "wait", named(own_served), "--timeout", "60s")
        own_served.becomes(made.model_copy(update={"status": made.status.model_copy(update=ended)}))
        told = waiting.result(60)
    assert told.exit_code == code, told.output
    assert told.stdout.endswith(": as it is\n")


def test_waiting_is_bounded(run: Run, own_served: Served) -> None:
    told = run("wait", named(own_served), "--release-id", "build-1", "--timeout", "1s", "-o", "json")
    assert (told.exit_code, json.loads(told.stdout)) == (3, {"outcome": "undecided", "release": None})
    own_served.release(Phase.PAUSED)
    assert run("wait", named(own_served), "--timeout", "1s", "--through-pauses").exit_code == 3


def test_watching_tells_each_change_until_the_end(run: Run, own_served: Served) -> None:
    own_served.release(Phase.ROLLED_BACK, finished_at=given.NOW, message="worse")
    told = run("watch", named(own_served))
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (0, "RolledBack 5 % worse")


def test_an_intent_is_signed_with_who_and_why(run: Run, own_served: Served) -> None:
    own_served.release(Phase.PAUSED)
    told = run("approve", named(own_served), "--reason", "I looked")
    assert told.exit_code == 0, told.output
    assert told.stdout.endswith(f"{named(own_served, given.RELEASE)}: approve asked; the controller answers\n")
    stored = release_from_object(own_served.cluster.get(RELEASE, given.RELEASE, own_served.namespace))
    assert [(each.verb, each.reason) for each in stored.spec.intents] == [("approve", "I looked")]
    assert stored.spec.intents[0].by


def test_a_trigger_sets_the_image_once(run: Run, own_served: Served) -> None:
    own_served.deployment()
    asked = ("trigger", named(own_served), "--image", "web:2", "--release-id", "b7", "--idempotency-key", "k")
    told = run(*asked)
    assert told.exit_code == 0, told.output
    assert f"release b7 triggered; follow it with: headgate wait {named(own_served)}" in told.stdout
    assert "nothing was started" in run(*asked).stdout
    template = own_served.cluster.get(DEPLOYMENT, "web", own_served.namespace)["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "web:2"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("get", "NAMESPACE/nothing"), "neither a Release nor a Deployment"),
        (("get", "a/b/c"), "write NAMESPACE/NAME"),
        (("approve", "NAMESPACE/nothing"), "neither a Release nor a Deployment"),
        (("trigger", "NAMESPACE/nothing", "--image", "web:2"), "not found"),
        (("trigger", "NAMESPACE/web", "--image", "web:latest"), "give it a fixed tag"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(
    run: Run, own_served: Served, arguments: tuple[str, ...], says: str
) -> None:
    own_served.deployment()
    told = run(*(argument.replace("NAMESPACE", own_served.namespace) for argument in arguments))
    assert told.exit_code == 2
    assert told.stderr.startswith("headgate: ")
    assert told.stderr.count("\n") == 1
    assert says in told.stderr, told.stderr


@pytest.mark.parametrize(
    ("way", "says"),
    [
        (["--api", "http://127.0.0.1:1"], "no token; put one into HEADGATE_TOKEN"),
        (
            ["--api", "http://127.0.0.1:1", "--token-file", "/nowhere/token"],
            "--token-file /nowhere/token cannot be read",
        ),
        (["--kubeconfig", "/nowhere/config"], "kubeconfig /nowhere/config"),
    ],
)
def test_a_way_that_leads_nowhere_is_one_line(way: list[str], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADGATE_TOKEN", raising=False)
    told = CliRunner().invoke(app, ["get", "shop/web", *way])
    assert (told.exit_code, told.stderr.count("\n"), says in told.stderr) == (2, 1, True), told.stderr


def test_an_unreachable_api_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_TOKEN", "t")
    told = CliRunner().invoke(app, ["approve", "shop/web", "--api", "http://127.0.0.1:1"])
    assert (told.exit_code, told.stderr.count("\n")) == (2, 1)
    assert "http://127.0.0.1:1 cannot be reached" in told.stderr


def commands() -> list[tuple[str, ...]]:
    """The path of every command there is."""

    def below(command: object, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        inner = getattr(command, "commands", None)
        if not inner:
            return [path]
        return [found for name, each in inner.items() for found in below(each, (*path, name))]

    return below(typer.main.get_command(app), ())


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_commands_help_has_an_example(path: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*path, "--help"])
    assert told.exit_code == 0
    assert f"Example: headgate {' '.join(path)}" in " ".join(told.stdout.split())
