"""When the controller's probes are answered, and how."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from delivery.cli.faces import Faces, Listening
from delivery.cluster.client import Cluster
from delivery.settings import Settings

ANYWHERE = ("127.0.0.1", 0)


@pytest.fixture
def faces() -> Iterator[Faces]:
    both = Faces(Listening(api=ANYWHERE, health=ANYWHERE))
    yield both
    both.stop()


def test_alive_from_the_start_and_ready_once_the_api_answers(kubeconfig: Path, faces: Faces) -> None:
    with capture_logs() as said:
        faces.answer_probes(Cluster.connect(kubeconfig), lambda: 0, dict)
    probes = said[0]["url"]
    assert httpx.get(f"{probes}/healthz").text == "ok\n"
    assert httpx.get(f"{probes}/readyz").status_code == 503
    assert "headgate_queue_depth 0.0" in httpx.get(f"{probes}/metrics").text
    faces.serve(Settings("http://127.0.0.1:9", kubeconfig))
    assert httpx.get(f"{probes}/readyz").text == "ok\n"
