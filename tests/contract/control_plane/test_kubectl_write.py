"""kubectl writing: apply both ways, create, patch, scale, roll out, delete."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.conftest import Kubectl
from tests.contract.control_plane.objects import (
    apps,
    config_map,
    core,
    deployment,
    service,
    widget,
    widgets,
)
from tests.contract.control_plane.wire import Wire


def _apply(kubectl: Kubectl, body: Any, *flags: str) -> str:
    return kubectl("apply", "-f", "-", *flags, stdin=yaml.safe_dump_all(body if isinstance(body, list) else [body]))


def _container(wire: Wire, namespace: str) -> Any:
    found = wire.get(apps(namespace, "deployments", "one")).ok()
    return found["spec"]["template"]["spec"]["containers"][0]


def test_apply_creates_then_keeps_then_configures(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    objects = [deployment("one"), service("one"), widget("one")]
    lines = ["deployment.apps/one", "service/one", "widget.suite.headgate.dev/one"]
    assert _apply(kubectl, objects) == "".join(f"{line} created\n" for line in lines)
    assert _apply(kubectl, objects) == "".join(f"{line} unchanged\n" for line in lines)
    container = objects[0]["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "B", "value": "9"}, {"name": "C", "value": "3"}]
    objects[2]["spec"] = {"colour": "blue"}
    assert _apply(kubectl, objects) == f"{lines[0]} configured\n{lines[1]} unchanged\n{lines[2]} configured\n"
    env = {entry["name"]: entry["value"] for entry in _container(wire, namespace)["env"]}
    assert env == {"B": "9", "C": "3"}  # A is gone: it was applied before and no longer is
    assert wire.get(widgets(namespace, "one")).ok()["spec"]["colour"] == "blue"


def test_apply_keeps_what_others_wrote(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    body = deployment("one")
    _apply(kubectl, body)
    sidecar = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "registry.example/s:1"}]}}}}
    wire.strategic(apps(namespace, "deployments", "one"), sidecar).ok()
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/app:2"
    _apply(kubectl, body)
    containers = wire.get(apps(namespace, "deployments", "one")).ok()["spec"]["template"]["spec"]["containers"]
    images = {entry["name"]: entry["image"] for entry in containers}
    assert images == {"app": "registry.example/app:2", "side": "registry.example/s:1"}


def test_server_side_apply(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    body = config_map("one", {"a": "1"})
    assert _apply(kubectl, body, "--server-side") == "configmap/one serverside-applied\n"
    wire.merge(core(namespace, "configmaps", "one"), {"data": {"a": "2"}}, fieldManager="other").ok()
    refused = kubectl.run("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(body))
    assert refused.returncode == 1
    assert 'conflict with "other"' in refused.stderr
    assert ".data.a" in refused.stderr
    _apply(kubectl, body, "--server-side", "--force-conflicts")
    assert wire.get(core(namespace, "configmaps", "one")).ok()["data"] == {"a": "1"}


def test_server_side_apply_of_a_custom_resource(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    said = _apply(kubectl, widget("one", {"colour": "red", "size": 4}), "--server-side")
    assert said == "widget.suite.headgate.dev/one serverside-applied\n"
    _apply(kubectl, widget("one", {"colour": "green"}), "--server-side")
    spec = wire.get(widgets(namespace, "one")).ok()["spec"]
    assert (spec["colour"], spec["size"]) == ("green", 3)


def test_an_invalid_object_is_explained(kubectl: Kubectl, custom_resources: list[str]) -> None:
    done = kubectl.run("create", "-f", "-", "--validate=false", stdin=yaml.safe_dump(widget("bad", {"colour": "pink"})))
    assert done.returncode == 1
    assert 'The Widget "bad" is invalid' in done.stderr
    assert 'spec.colour: Unsupported value: "pink": supported values: "red", "green", "blue"' in done.stderr


def test_create_and_dry_run(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    flags = ("create", "configmap", "one", "--from-literal=a=1")
    assert kubectl(*flags, "--dry-run=server") == "configmap/one created (server dry run)\n"
    assert wire.get(core(namespace, "configmaps", "one")).status == 404
    shown = json.loads(kubectl(*flags, "--dry-run=client", "-o", "json"))
    assert shown["data"] == {"a": "1"}
    assert kubectl(*flags) == "configmap/one created\n"
    done = kubectl.run(*flags)
    assert done.stderr == 'error: failed to create configmap: configmaps "one" already exists\n'


def test_create_deployment(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    image = "--image=registry.example/app:1"
    assert kubectl("create", "deployment", "one", image, "--replicas=0") == "deployment.apps/one created\n"
    assert _container(wire, namespace)["image"] == "registry.example/app:1"


def test_label_and_annotate(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(widgets(namespace), widget("one")).ok()
    wire.create(apps(namespace, "deployments"), deployment("one")).ok()
    assert kubectl("label", "widget/one", "tier=web") == "widget.suite.headgate.dev/one labeled\n"
    assert kubectl("annotate", "deployment/one", "headgate.dev/policy=web") == "deployment.apps/one annotated\n"
    assert wire.get(widgets(namespace, "one")).ok()["metadata"]["labels"] == {"tier": "web"}
    annotations = wire.get(apps(namespace, "deployments", "one")).ok()["metadata"]["annotations"]
    assert annotations["headgate.dev/policy"] == "web"
    kubectl("label", "widget/one", "tier-")
    assert "labels" not in wire.get(widgets(namespace, "one")).ok()["metadata"]


def test_patch_of_each_type(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(apps(namespace, "deployments"), deployment("one")).ok()
    wire.create(widgets(namespace), widget("one")).ok()
    strategic = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "registry.example/app:2"}]}}}}
    assert kubectl("patch", "deployment", "one", "-p", json.dumps(strategic)) == "deployment.apps/one patched\n"
    assert (_container(wire, namespace)["image"], len(_container(wire, namespace)["env"])) == (
        "registry.example/app:2",
        2,
    )
    merge = json.dumps({"spec": {"size": 4}})
    assert kubectl("patch", "wd", "one", "--type=merge", "-p", merge) == "widget.suite.headgate.dev/one patched\n"
    again = kubectl("patch", "wd", "one", "--type=merge", "-p", merge)
    assert again == "widget.suite.headgate.dev/one patched (no change)\n"
    kubectl("patch", "wd", "one", "--type=json", "-p", '[{"op": "replace", "path": "/spec/size", "value": 5}]')
    assert wire.get(widgets(namespace, "one")).ok()["spec"]["size"] == 5
    status = ("--subresource=status", "--type=merge", "-p", '{"status": {"ready": 1}}')
    kubectl("patch", "wd", "one", *status)
    assert wire.get(widgets(namespace, "one")).ok()["status"] == {"ready": 1}


def test_scale(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    body = deployment("one")
    body["spec"]["paused"] = True
    wire.create(apps(namespace, "deployments"), body).ok()
    wire.create(widgets(namespace), widget("one")).ok()
    assert kubectl("scale", "deployment/one", "--replicas=1") == "deployment.apps/one scaled\n"
    assert wire.get(apps(namespace, "deployments", "one")).ok()["spec"]["replicas"] == 1
    assert kubectl("scale", "widget/one", "--replicas=6") == "widget.suite.headgate.dev/one scaled\n"
    assert wire.get(widgets(namespace, "one")).ok()["spec"]["size"] == 6


def test_rollout_restart_pause_and_resume(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(apps(namespace, "deployments"), deployment("one")).ok()
    path = apps(namespace, "deployments", "one")
    assert kubectl("rollout", "restart", "deployment/one") == "deployment.apps/one restarted\n"
    stamped = wire.get(path).ok()["spec"]["template"]["metadata"]["annotations"]
    assert list(stamped) == ["kubectl.kubernetes.io/restartedAt"]
    assert kubectl("rollout", "pause", "deployment/one") == "deployment.apps/one paused\n"
    assert wire.get(path).ok()["spec"]["paused"] is True
    done = kubectl.run("rollout", "pause", "deployment/one")
    assert done.stderr == 'error: deployments.apps "one" is already paused\n'
    assert kubectl("rollout", "resume", "deployment/one") == "deployment.apps/one resumed\n"
    assert "paused" not in wire.get(path).ok()["spec"]


def test_set_image_and_env(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(apps(namespace, "deployments"), deployment("one")).ok()
    assert kubectl("set", "image", "deployment/one", "app=registry.example/app:3").endswith("image updated\n")
    assert kubectl("set", "env", "deployment/one", "A=7", "B-").endswith("env updated\n")
    container = _container(wire, namespace)
    assert (container["image"], container["env"]) == ("registry.example/app:3", [{"name": "A", "value": "7"}])


def test_replace_and_edit_conflicts(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    old = wire.create(widgets(namespace), widget("one")).ok()
    wire.merge(widgets(namespace, "one"), {"spec": {"size": 4}}).ok()
    done = kubectl.run("replace", "-f", "-", "--validate=false", stdin=json.dumps(old))
    assert done.returncode == 1
    assert "(Conflict)" in done.stderr
    fresh = wire.get(widgets(namespace, "one")).ok()
    fresh["spec"]["size"] = 9
    said = kubectl("replace", "-f", "-", "--validate=false", stdin=json.dumps(fresh))
    assert said == "widget.suite.headgate.dev/one replaced\n"


@pytest.mark.parametrize("wait", ["true", "false"])
def test_delete(wire: Wire, namespace: str, kubectl: Kubectl, wait: str) -> None:
    wire.create(widgets(namespace), widget("one")).ok()
    wire.create(apps(namespace, "deployments"), deployment("one")).ok()
    said = kubectl("delete", "widget/one", "deployment/one", f"--wait={wait}")
    assert said.splitlines()[0].startswith('widget.suite.headgate.dev "one" deleted')
    assert said.splitlines()[1].startswith('deployment.apps "one" deleted')
    assert wire.get(widgets(namespace, "one")).status == 404
    assert wire.get(apps(namespace, "deployments", "one")).status == 404


def test_delete_waits_for_a_finalizer(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(widgets(namespace), widget("held", finalizers=["suite.headgate.dev/hold"])).ok()
    done = kubectl.run("delete", "widget", "held", "--timeout=1s")
    assert done.returncode == 1
    assert "timed out waiting for the condition" in done.stderr
    wire.merge(widgets(namespace, "held"), {"metadata": {"finalizers": None}}).ok()
    assert kubectl("delete", "widget", "held", "--ignore-not-found") == ""


def test_delete_by_label(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    for name, tier in (("a", "web"), ("b", "web"), ("c", "db")):
        wire.create(widgets(namespace), widget(name, labels={"tier": tier})).ok()
    assert len(kubectl("delete", "wd", "-l", "tier=web").splitlines()) == 2
    assert kubectl("get", "wd", "-o", "name") == "widget.suite.headgate.dev/c\n"
