"""Ports for the lab's programs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from delivery.lab import process
from delivery.lab import prometheus as prometheus_module
from delivery.lab.mesh import proxy
from delivery.lab.process import ProcessFailed, free_port
from delivery.lab.prometheus import Prometheus
from delivery.lab.readiness import answers
from tests.conditions import eventually


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def test_no_connection_going_out_is_given_the_port() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if first <= process._LOWEST_PORT:
        pytest.skip("this kernel gives nearly all ports to connections going out")
    assert all(process._LOWEST_PORT <= free_port() < first for _ in range(50))


def test_a_port_in_use_is_passed_over(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_LOWEST_PORT", taken)
    monkeypatch.setattr(process, "_first_outgoing_port", lambda: taken + 2)
    assert taken not in {free_port() for _ in range(20)}


def test_where_all_ports_are_for_outgoing_connections_the_kernel_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_first_outgoing_port", lambda: 1024)
    assert free_port() >= 1024


def test_an_address_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(ProcessFailed, match=r"no free TCP port on 192\.0\.2\.1"):
        free_port("192.0.2.1")


def test_who_answers_for_a_program_that_ended_is_another(tmp_path: Path) -> None:
    ended = process.Process("etcd", ["sh", "-c", "echo address already in use; exit 1"], tmp_path / "log")
    eventually(lambda: not ended.running)
    with pytest.raises(ProcessFailed, match="etcd ended with code 1: address already in use"):
        ended.wait_until(lambda: True, 5)
    ended.stop()


@pytest.mark.usefixtures("prometheus_here")
def test_envoy_and_prometheus_start_again_when_their_port_was_taken_meanwhile(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it goes when another program is faster between the choice of a port and its use."""
    choices = {module: iter([taken]) for module in (proxy, prometheus_module)}
    for module, first in choices.items():
        monkeypatch.setattr(module, "free_port", lambda first=first: next(first, None) or free_port())
    (tmp_path / "envoy").mkdir()
    with ExitStack() as stack:
        envoy = proxy.start_proxy(stack, tmp_path / "envoy")
        prometheus = Prometheus.start_new(stack, tmp_path / "prometheus", envoy.admin_port)
        assert answers(f"{envoy.admin_url}/ready")
        assert answers(f"{prometheus.url}/-/ready")
        assert taken not in {envoy.port, envoy.admin_port, prometheus.port}
    assert not envoy.process.running
    assert prometheus.process is not None
    assert not prometheus.process.running
