"""What a person sees with kubectl: tables, names, watches, and errors."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conditions import eventually
from tests.conftest import Kubectl
from tests.contract.control_plane.objects import (
    apps,
    config_map,
    core,
    deployment,
    pod,
    service,
    widget,
    widgets,
)
from tests.contract.control_plane.wire import TABLE, Wire


def _rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


def test_printer_columns_of_a_custom_resource(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(widgets(namespace), widget("one", {"colour": "green", "name": "abc"})).ok()
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    wire.merge(widgets(namespace, "one") + "/status", {"status": ready}).ok()
    header, row = _rows(kubectl("get", "widgets"))
    assert header == ["NAME", "COLOUR", "SIZE", "READY", "AGE"]
    assert row[:4] == ["one", "green", "3", "True"]
    assert row[4].endswith("s")
    wide = _rows(kubectl("get", "widgets", "-o", "wide"))
    assert wide[0] == ["NAME", "COLOUR", "SIZE", "READY", "NOTE", "AGE"]
    assert wide[1][4] == "abc"


@pytest.mark.parametrize(
    "name", ["wd", "widget", "widgets", "widgets.suite.headgate.dev", "widgets.v1.suite.headgate.dev"]
)
def test_every_name_of_a_kind(wire: Wire, namespace: str, kubectl: Kubectl, name: str) -> None:
    wire.create(widgets(namespace), widget("one")).ok()
    assert kubectl("get", name, "-o", "name") == "widget.suite.headgate.dev/one\n"


def test_a_category_lists_its_kinds(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(widgets(namespace), widget("one")).ok()
    assert kubectl("get", "suite", "-o", "name") == "widget.suite.headgate.dev/one\n"


def test_all_lists_the_builtins(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(core(namespace, "services"), service("one")).ok()
    wire.create(apps(namespace, "deployments"), deployment("one")).ok()
    wire.create(core(namespace, "pods"), pod("one")).ok()
    names = kubectl("get", "all", "-o", "name").split()
    assert {"pod/one", "service/one", "deployment.apps/one"} <= set(names)


def test_tables_of_builtins(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(apps(namespace, "deployments"), deployment("one")).ok()
    wire.create(core(namespace, "services"), service("one")).ok()
    wire.create(core(namespace, "configmaps"), config_map("one", {"a": "1", "b": "2"})).ok()
    header, row = _rows(kubectl("get", "deployment", "one"))
    assert (header, row[:4]) == (["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"], ["one", "0/0", "0", "0"])
    header, row = _rows(kubectl("get", "service", "one"))
    assert header == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    assert (row[0], row[1], row[3], row[4]) == ("one", "ClusterIP", "<none>", "80/TCP")
    header, row = _rows(kubectl("get", "configmap", "one"))
    assert (header, row[:2]) == (["NAME", "DATA", "AGE"], ["one", "2"])
    header, row = _rows(kubectl("get", "namespace", namespace))
    assert (header, row[:2]) == (["NAME", "STATUS", "AGE"], [namespace, "Active"])


def test_table_of_pods(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(core(namespace, "pods"), pod("one")).ok()
    header, row = _rows(kubectl("get", "pod", "one"))
    assert (header, row[:4]) == (["NAME", "READY", "STATUS", "RESTARTS", "AGE"], ["one", "0/1", "Pending", "0"])
    status = {"name": "app", "ready": True, "restartCount": 2, "image": "i", "imageID": "", "state": {"running": {}}}
    patch = {"status": {"phase": "Running", "podIP": "10.1.2.3", "containerStatuses": [status]}}
    wire.merge(core(namespace, "pods", "one") + "/status", patch).ok()
    assert _rows(kubectl("get", "pod", "one"))[1][:4] == ["one", "1/1", "Running", "2"]
    assert "10.1.2.3" in kubectl("get", "pod", "one", "-o", "wide")


def test_a_table_on_the_wire(wire: Wire, namespace: str) -> None:
    wire.create(widgets(namespace), widget("one", {"colour": "blue"})).ok()
    table = wire.send("GET", widgets(namespace), accept=TABLE).ok()
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    columns = [(column["name"], column["type"], column["priority"]) for column in table["columnDefinitions"]]
    assert columns == [
        ("Name", "string", 0),
        ("Colour", "string", 0),
        ("Size", "integer", 0),
        ("Ready", "string", 0),
        ("Note", "string", 1),
        ("Age", "date", 0),
    ]
    (row,) = table["rows"]
    assert row["cells"][:5] == ["one", "blue", 3, None, None]
    assert (row["object"]["kind"], row["object"]["metadata"]["name"]) == ("PartialObjectMetadata", "one")
    one = wire.send("GET", widgets(namespace, "one"), accept=TABLE).ok()
    assert [entry["cells"][0] for entry in one["rows"]] == ["one"]


def test_json_jsonpath_and_columns(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    created = wire.create(widgets(namespace), widget("one")).ok()
    created["metadata"].pop("managedFields")
    shown = json.loads(kubectl("get", "widget", "one", "-o", "json"))
    shown["metadata"].pop("managedFields", None)
    assert shown == created
    assert kubectl("get", "widget", "one", "-o", "jsonpath={.spec.size}") == "3"
    columns = "-o=custom-columns=N:.metadata.name,C:.spec.colour"
    assert _rows(kubectl("get", "widgets", columns)) == [["N", "C"], ["one", "red"]]
    listing = json.loads(kubectl("get", "widgets", "-o", "json"))
    assert (listing["kind"], len(listing["items"])) == ("List", 1)


def test_selectors_labels_and_all_namespaces(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(widgets(namespace), widget("one", labels={"own": namespace, "tier": "web"})).ok()
    wire.create(widgets(namespace), widget("two")).ok()
    assert kubectl("get", "wd", "-l", "tier=web", "-o", "name") == "widget.suite.headgate.dev/one\n"
    assert _rows(kubectl("get", "wd", "-L", "tier", "--no-headers"))[0][-1] == "web"
    everywhere = _rows(kubectl("get", "wd", "-A", "-l", f"own={namespace}", "--no-headers"))
    assert [row[:2] for row in everywhere] == [[namespace, "one"]]
    assert kubectl("get", "wd", "--field-selector", "metadata.name=two", "-o", "name").endswith("/two\n")


def test_nothing_found(namespace: str, kubectl: Kubectl, custom_resources: list[str]) -> None:
    done = kubectl.run("get", "widgets")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"No resources found in {namespace} namespace.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("get", "widget", "none"), 'Error from server (NotFound): widgets.suite.headgate.dev "none" not found'),
        (("get", "pod", "none"), 'Error from server (NotFound): pods "none" not found'),
        (("get", "nonsense"), 'error: the server doesn\'t have a resource type "nonsense"'),
        (("delete", "deployment", "none"), 'Error from server (NotFound): deployments.apps "none" not found'),
    ],
)
def test_errors_as_a_person_reads_them(
    kubectl: Kubectl, custom_resources: list[str], arguments: tuple[str, ...], message: str
) -> None:
    done = kubectl.run(*arguments)
    assert (done.returncode, done.stderr.strip()) == (1, message)


@contextmanager
def _watching(kubectl: Kubectl, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = kubectl.command("get", *arguments, "--watch")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        try:
            yield process
        finally:
            process.kill()


def test_watching_prints_every_change_of_a_row(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(widgets(namespace), widget("one", {"colour": "red"})).ok()
    with _watching(kubectl, "wd") as process:
        assert process.stdout is not None
        assert process.stdout.readline().split()[:3] == ["NAME", "COLOUR", "SIZE"]
        assert process.stdout.readline().split()[:3] == ["one", "red", "3"]
        wire.merge(widgets(namespace, "one"), {"spec": {"colour": "blue"}}).ok()
        assert process.stdout.readline().split()[:3] == ["one", "blue", "3"]
        wire.create(widgets(namespace), widget("two")).ok()
        assert process.stdout.readline().split()[:3] == ["two", "red", "3"]


def test_api_resources_and_versions(kubectl: Kubectl, custom_resources: list[str]) -> None:
    rows = {row[0]: row for row in _rows(kubectl("api-resources", "--api-group=suite.headgate.dev", "--no-headers"))}
    assert rows["widgets"] == ["widgets", "wd", "suite.headgate.dev/v1", "true", "Widget"]
    assert rows["gadgets"] == ["gadgets", "suite.headgate.dev/v1", "false", "Gadget"]
    assert {"apps/v1", "v1", "suite.headgate.dev/v1"} <= set(kubectl("api-versions").split())


def test_waiting_for_a_condition(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    wire.create(widgets(namespace), widget("one")).ok()
    command = kubectl.command("wait", "widget/one", "--for=condition=Ready", "--timeout=20s")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        wire.merge(widgets(namespace, "one") + "/status", {"status": ready}).ok()
        assert waiting.communicate(timeout=25)[0] == "widget.suite.headgate.dev/one condition met\n"
    assert waiting.returncode == 0
    assert kubectl.run("wait", "widget/one", "--for=condition=Never", "--timeout=0s").returncode == 1


def test_events_begin_with_when(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    event = {
        "metadata": {"name": "one.1"},
        "involvedObject": {"kind": "Widget", "name": "one", "namespace": namespace},
        "reason": "Painted",
        "message": "red now",
        "type": "Normal",
    }
    wire.create(core(namespace, "events"), {"apiVersion": "v1", "kind": "Event", **event}).ok()
    header, row = kubectl("get", "events").splitlines()
    assert header.split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert row.split()[-5:] == ["Normal", "Painted", "widget/one", "red", "now"]


def test_describe_shows_the_object_and_its_events(wire: Wire, namespace: str, kubectl: Kubectl) -> None:
    created = wire.create(widgets(namespace), widget("one")).ok()
    about = {"kind": "Widget", "name": "one", "namespace": namespace, "uid": created["metadata"]["uid"]}
    event = {
        "metadata": {"name": "one.1"},
        "involvedObject": about,
        "reason": "Painted",
        "message": "it is red now",
        "type": "Normal",
        "firstTimestamp": "2024-05-06T07:08:09Z",
        "lastTimestamp": "2024-05-06T07:08:09Z",
        "count": 1,
        "source": {"component": "suite"},
    }
    wire.create(core(namespace, "events"), {"apiVersion": "v1", "kind": "Event", **event}).ok()
    text = eventually(lambda: kubectl("describe", "widget", "one"))
    assert "Colour:  red" in text
    assert "Painted" in text
    assert "it is red now" in text
