"""What the documentation tells people to apply is sound, and its recipes are what they claim to be."""

import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from delivery.cli.main import app
from delivery.lint.rules import lint

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_quick_start_s_objects_are_clean_with_either_mesh() -> None:
    istio, linkerd, application = blocks("quick-start.md")
    for policy in (istio, linkerd):
        objects = [*yaml.safe_load_all(policy), *yaml.safe_load_all(application)]
        assert [obj["kind"] for obj in objects] == ["DeliveryPolicy", "Service", "Deployment"]
        assert lint(objects) == ()


def test_the_quick_start_s_server_is_a_program() -> None:
    *_, application = blocks("quick-start.md")
    deployment = list(yaml.safe_load_all(application))[1]
    [script] = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    compile(script, "server", "exec")


@pytest.mark.parametrize("page", ["ci.md", "in-cluster.md", "quick-start.md"])
def test_every_recipe_is_yaml(page: str) -> None:
    for block in blocks(page):
        assert all(isinstance(document, dict) for document in yaml.safe_load_all(block))


def test_the_controller_s_own_deployment_is_clean_and_starts_what_there_is() -> None:
    [text] = blocks("in-cluster.md")
    objects = list(yaml.safe_load_all(text))
    objects[1]["metadata"]["annotations"] = {"headgate.dev/policy": "standard"}  # lint looks at what is delivered
    policy = {"apiVersion": "headgate.dev/v1alpha1", "kind": "DeliveryPolicy", "spec": {}}
    policy["metadata"] = {"name": "standard", "namespace": "headgate"}
    assert lint([policy, *objects]) == ()
    [container] = objects[1]["spec"]["template"]["spec"]["containers"]
    command, *options = container["args"]
    known = {name for each in get_command(app).commands[command].params for name in each.opts}  # type: ignore[attr-defined]
    assert {option.partition("=")[0] for option in options} <= known


def test_every_recipe_triggers_waits_and_reports_the_same_release() -> None:
    text = (DOCS / "ci.md").read_text()
    for forge in ("GitHub Actions", "GitLab CI", "Jenkins", "Drone"):
        recipe = text.partition(f"## {forge}\n")[2].partition("\n## ")[0]
        for command in ("trigger", "wait", "report"):
            told = recipe.partition(f"headgate {command} shop/web ")[2]
            assert '--release-id "web-$VERSION"' in told.partition("headgate ")[0], (forge, command)


def test_the_pipeline_s_account_may_do_no_more_than_it_needs() -> None:
    account, direct, *_ = blocks("ci.md")
    [role] = [obj for obj in yaml.safe_load_all(account) if obj["kind"] == "Role"]
    assert [rule["verbs"] for rule in role["rules"]] == [["trigger", "get", "list", "watch"]]
    rights = {rule["resources"][0]: set(rule["verbs"]) for rule in yaml.safe_load(direct)["rules"]}
    assert rights == {"deployments": {"get", "patch"}, "releases": {"get", "list", "watch", "patch"}}
