"""How soon a connection that went silent is noticed: what a watch asks for, and how its socket is set up."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from kubernetes.client import ApiClient, Configuration

from delivery.cluster.client import Cluster
from delivery.cluster.credentials import FIRST_PROBE_S, NEXT_PROBE_S, PROBES, api_client
from delivery.cluster.informer import LONGEST_WATCH_S, SHORTEST_WATCH_S, Informer
from delivery.cluster.kinds import SERVICE
from tests.cluster.faulty_server import faulty_server

NOTICED_WITHIN_S = 330.0  # when the other end is there, and acknowledges, but never says anything again


def kubeconfig(path: Path, url: str) -> Path:
    content = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_dead_peer_is_probed_for_on_every_connection(tmp_path: Path) -> None:
    with faulty_server() as server:
        api = api_client(kubeconfig(tmp_path / "kubeconfig", server.url))
        connection = api.rest_client.pool_manager.connection_from_url(server.url)._get_conn()
        connection.connect()
        asked = vars(connection)["sock"]
        assert asked.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert asked.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        if hasattr(socket, "TCP_KEEPIDLE"):
            names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            assert [asked.getsockopt(socket.IPPROTO_TCP, name) for name in names] == [
                FIRST_PROBE_S,
                NEXT_PROBE_S,
                PROBES,
            ]
        connection.close()


def test_the_time_of_a_watch_is_drawn_and_its_silence_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, float]] = []

    class Noting(Cluster):
        def _send(self, method: str, path: str, **how: Any) -> urllib3.BaseHTTPResponse:
            query = how.get("query") or {}
            if "watch" in query:
                asked.append((query["timeoutSeconds"], how["read_timeout"]))
            return super()._send(method, path, **how)

    with faulty_server() as server:
        server.put("web")
        monkeypatch.setattr(server, "closing", True)  # every stream ends at once
        informer = Informer(Noting(ApiClient(Configuration(host=server.url))), SERVICE)
        for _ in range(40):
            informer.round()
    assert all(SHORTEST_WATCH_S <= timeout <= LONGEST_WATCH_S for timeout, _ in asked)
    assert all(timeout < silence <= NOTICED_WITHIN_S for timeout, silence in asked)
    assert len({timeout for timeout, _ in asked}) > 10
