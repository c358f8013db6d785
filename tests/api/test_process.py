"""The API's own process: it answers as told, is replaced when it dies, and ends with whoever started it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from delivery.api.process import ApiProcess
from delivery.api.server import Tls
from delivery.errors import HeadgateError
from delivery.settings import Settings
from tests.conditions import eventually
from tests.decision import given
from tests.served import Served

LOOPBACK = "127.0.0.1"


def settings(served: Served) -> Settings:
    return Settings("http://unused", served.kubeconfig, namespace=served.namespace)


@pytest.fixture
def process(own_served: Served) -> Iterator[ApiProcess]:
    """Serves the same cluster."""
    started = ApiProcess(LOOPBACK, 0, settings(own_served))
    started.start()
    try:
        yield started
    finally:
        started.stop()


def test_it_answers_what_the_cluster_says_and_writes_what_is_asked(own_served: Served, process: ApiProcess) -> None:
    apart = replace(own_served, url=process.url)
    apart.release()
    with apart.client() as client:
        listed = f"/api/v1/releases?namespace={apart.namespace}"
        assert eventually(lambda: [each["name"] for each in client.get(listed).json()["items"]]) == [given.RELEASE]
        assert client.post(apart.path(rest="/pause"), json={"reason": "look"}).status_code == 202
        document = eventually(
            lambda: [i for i in client.get(apart.path()).json()["spec"].get("intents", ()) if i["verb"] == "pause"]
        )
        assert document[0]["reason"] == "look"
    assert httpx.get(f"{apart.url}/api/v1/releases").status_code == 401


def test_one_that_was_killed_is_replaced_and_who_called_meanwhile_is_answered(
    own_served: Served, process: ApiProcess
) -> None:
    own_served.release()
    before = process.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    eventually(lambda: not process.serving)
    headers = {"Authorization": f"Bearer {own_served.token('get')}"}
    answer = httpx.get(f"{process.url}{own_served.path()}", headers=headers, timeout=60)
    assert answer.status_code == 200
    assert answer.json()["metadata"]["name"] == given.RELEASE
    eventually(lambda: process.serving)
    assert process.pid != before


def test_nothing_is_left_once_stopped_and_the_address_is_free(process: ApiProcess) -> None:
    pid, port = process.pid, int(process.url.rpartition(":")[2])
    process.stop()
    process.stop()
    assert not Path(f"/proc/{pid}").exists()
    with socket.create_server((LOOPBACK, port)):
        pass


def test_an_address_that_is_taken_is_told(own_served: Served) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken, pytest.raises(HeadgateError, match="choose another"):
        ApiProcess(LOOPBACK, taken.getsockname()[1], settings(own_served))


def test_a_certificate_that_is_none_is_told(own_served: Served, tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("nothing")
    process = ApiProcess(LOOPBACK, 0, settings(own_served), Tls(tmp_path / "cert.pem", tmp_path / "key.pem"))
    with pytest.raises(HeadgateError, match="is not served: "):
        process.start()


def test_a_cluster_that_is_not_to_be_reached_is_told(own_served: Served, tmp_path: Path) -> None:
    process = ApiProcess(LOOPBACK, 0, replace(settings(own_served), kubeconfig=tmp_path / "nowhere"))
    with pytest.raises(HeadgateError, match="nowhere"):
        process.start()
