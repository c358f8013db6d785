"""Probes, preStop hooks and the time to end."""

from typing import Any

import pytest

from delivery.lint.given import Container
from delivery.lint.lifecycle import pre_stop_sleep
from tests.lint.objects import container, deployment, found

POD = "spec.template.spec"


def test_a_container_that_serves_needs_a_probe_and_a_hook() -> None:
    assert found(deployment(container(readinessProbe=None, lifecycle=None))) == [
        ("no-readiness-probe", f"{POD}.containers[0].readinessProbe"),
        ("no-pre-stop", f"{POD}.containers[0].lifecycle.preStop"),
    ]


def test_a_helper_without_ports_needs_neither() -> None:
    helper = {"name": "logs", "image": "logs:3"}
    assert found(deployment(container(), helper)) == []
    assert found(deployment(helper, container())) == []


def test_every_container_with_ports_needs_both() -> None:
    second = container(name="metrics", readinessProbe=None)
    assert found(deployment(container(), second)) == [("no-readiness-probe", f"{POD}.containers[1].readinessProbe")]


def test_where_no_container_names_a_port_one_probe_is_enough() -> None:
    silent = container(name="logs", ports=None, readinessProbe=None, lifecycle=None)
    assert found(deployment(silent, container(ports=None))) == []
    assert [rule for rule, _ in found(deployment(silent, silent))] == ["no-readiness-probe", "no-pre-stop"]


@pytest.mark.parametrize(
    ("hook", "seconds"),
    [
        ({"sleep": {"seconds": 15}}, 15),
        ({"exec": {"command": ["sleep", "15"]}}, 15),
        ({"exec": {"command": ["/bin/sleep", "1.5m"]}}, 90),
        ({"exec": {"command": ["/bin/sh", "-c", "sleep 10 && nginx -s quit; sleep 5"]}}, 15),
        ({"exec": {"command": ["sh", "-c", "usleep 100; ./stop --sleep 4"]}}, 4),
        ({"exec": {"command": ["/drain"]}}, 0),
        ({"httpGet": {"path": "/drain", "port": 8080}}, 0),
        ({"exec": {"command": "sleep 9"}}, 0),  # not a list: the API server refuses it
    ],
)
def test_how_long_a_hook_sleeps(hook: dict[str, Any], seconds: float) -> None:
    assert pre_stop_sleep(Container("", {"lifecycle": {"preStop": hook}})) == seconds


@pytest.mark.parametrize(
    ("grace", "sleep", "short"),
    [(None, 29, False), (None, 30, True), (60, 30, False), (60, 60, True), (10, 40, True), (0, 0, False)],
)
def test_the_grace_period_must_be_longer_than_the_sleep(grace: int | None, sleep: int, short: bool) -> None:
    pod = {} if grace is None else {"terminationGracePeriodSeconds": grace}
    told = found(deployment(container(lifecycle={"preStop": {"sleep": {"seconds": sleep}}}), pod=pod))
    assert told == ([("short-grace-period", f"{POD}.terminationGracePeriodSeconds")] if short else [])
