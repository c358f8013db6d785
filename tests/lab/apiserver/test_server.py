"""The server on a socket: the official client talks to it, it stops promptly, and it runs as a process of its own."""

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from kubernetes.client import AppsV1Api, CoreV1Api
from kubernetes.config import new_client_from_config
from kubernetes.watch import Watch

from delivery.lab.apiserver.server import EmbeddedApiServer, ServerStartError
from tests.lab.apiserver.conftest import CONFIG_MAPS, config_map, deployment

LIMIT_S = 30.0


@pytest.fixture
def server() -> Iterator[EmbeddedApiServer]:
    with EmbeddedApiServer() as running:
        yield running


def test_the_official_client_reads_writes_and_watches(server: EmbeddedApiServer, tmp_path: Path) -> None:
    client = new_client_from_config(config_file=str(server.write_kubeconfig(tmp_path / "kubeconfig")))
    apps: Any = AppsV1Api(client)
    core: Any = CoreV1Api(client)
    made = apps.create_namespaced_deployment("default", deployment())
    assert made.spec.strategy.rolling_update.max_surge == "25%"
    start = core.create_namespaced_config_map("default", config_map("a")).metadata.resource_version
    core.patch_namespaced_config_map("a", "default", {"data": {"x": "1"}})
    core.delete_namespaced_config_map("a", "default")
    events = Watch().stream(core.list_namespaced_config_map, "default", resource_version=start, timeout_seconds=1)
    assert [(event["type"], event["object"].data) for event in events] == [
        ("MODIFIED", {"x": "1"}),
        ("DELETED", {"x": "1"}),
    ]
    client.close()


def test_an_open_watch_gets_each_change_as_it_happens(server: EmbeddedApiServer) -> None:
    address = urlsplit(server.url).netloc
    watching = http.client.HTTPConnection(address, timeout=LIMIT_S)
    watching.request("GET", f"{CONFIG_MAPS}?watch=1&timeoutSeconds=30")
    stream = watching.getresponse()
    writing = http.client.HTTPConnection(address, timeout=LIMIT_S)
    for name in ("a", "b"):
        body = f'{{"metadata": {{"name": "{name}"}}}}'
        writing.request("POST", CONFIG_MAPS, body, {"Content-Type": "application/json"})
        writing.getresponse().read()
        assert f'"name":"{name}"' in stream.readline().decode()
    watching.close()
    writing.close()


def test_it_stops_promptly_with_a_watch_open() -> None:
    server = EmbeddedApiServer()
    server.start()
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=LIMIT_S)
    connection.request("GET", f"{CONFIG_MAPS}?watch=1")
    stream = connection.getresponse()
    ended = threading.Event()

    def read_to_the_end() -> None:
        stream.read()
        ended.set()

    reader = threading.Thread(target=read_to_the_end)
    reader.start()
    server.stop()
    server.stop()
    assert ended.wait(LIMIT_S)
    reader.join()
    connection.close()


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerStartError, match=f"127.0.0.1:{port}: .*choose another port"):
            EmbeddedApiServer(port).start()


def test_a_server_that_does_not_run_has_no_url() -> None:
    with pytest.raises(ServerStartError, match="not running"):
        _ = EmbeddedApiServer().url


def test_it_runs_as_a_process_until_told_to_stop(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "made" / "kubeconfig"
    command = [sys.executable, "-m", "delivery.lab.apiserver", "--port", "0", "--kubeconfig", str(kubeconfig)]
    process = subprocess.Popen(command)
    try:
        end = time.monotonic() + LIMIT_S
        while not kubeconfig.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        url = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=LIMIT_S)
        connection.request("GET", "/readyz")
        assert connection.getresponse().read() == b"ok"
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
