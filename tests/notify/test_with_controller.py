"""A whole release through the real controller: the webhook is told, the Release is marked, and Events say the same."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from delivery.cli.notifying import notifier_of
from delivery.clock import to_rfc3339
from delivery.cluster.client import Cluster
from delivery.notify.configuration import configured
from delivery.notify.notifier import UNKNOWN_CHANNEL, Notifier
from delivery.reconcile.runner import Controller
from delivery.resources.release import Phase, Release
from delivery.settings import Settings
from delivery.telemetry.collector import Collector
from mesh_adapters.meshes import meshes
from tests.conditions import eventually
from tests.notify.receiver import Receiver, receiving
from tests.reconcile.rig import SETTLE_S, Rig, fast

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


class Notifying:
    """The controller with notifications, wired as the command wires it."""

    def __init__(self, rig: Rig, file: Path) -> None:
        self._rig, self._file = rig, file
        self._running: tuple[Notifier, Controller] | None = None

    def start(self) -> None:
        rig = self._rig
        settings = Settings("http://prometheus.invalid", namespace=rig.namespace, workers=2, settle_s=SETTLE_S)
        collector = Collector(rig.mesh.prometheus, settle=SETTLE_S)
        cluster: Cluster = rig.cluster
        notifier = notifier_of(configured(self._file, rig.clock), cluster, rig.clock)
        told, gained = (notifier.told,), (notifier.gained,)
        controller = Controller(settings, cluster, meshes(), collector, rig.clock, told, gained)
        controller.start()
        notifier.start(controller.leads)
        self._running = notifier, controller

    def stop(self) -> None:
        if self._running:
            notifier, controller = self._running
            notifier.stop()
            controller.stop()
            self._running = None


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def notifying(own_rig: Rig, receiver: Receiver, tmp_path: Path) -> Iterator[Notifying]:
    (tmp_path / "secret").write_text(SECRET)
    file = tmp_path / "notifications.yaml"
    file.write_text(
        f"channels: [{{name: ci, webhook: {{url: '{receiver.url}', secretFile: {tmp_path}/secret, timeout: 60s}}}}]"
    )
    made = Notifying(own_rig, file)
    yield made
    made.stop()


def told(receiver: Receiver) -> list[str]:
    """The kinds of what has come, each verified; those with an id that came before are left out."""
    events = [Verifier(SECRET).verify(request.body, request.headers) for request in receiver.requests]
    kinds = {event["id"]: event["type"].rpartition(".")[2] for event in events}
    return list(kinds.values())


def on_the_release(rig: Rig, reason: str) -> bool:
    return any(event["involvedObject"]["kind"] == "Release" for event in rig.events(reason))


def last_told(release: Release) -> str:
    return to_rfc3339(release.notified["ci"])


def test_a_release_is_told_of_from_its_start_to_its_end(own_rig: Rig, notifying: Notifying, receiver: Receiver) -> None:
    policy = fast(steps=[5, {"weight": 50, "gate": "approval"}])
    own_rig.set_up({**policy, "notifications": {"channels": ["ci", "nobody"]}})
    own_rig.deploy()
    notifying.start()
    own_rig.adopted()
    own_rig.image("web:2")
    paused = own_rig.until(lambda release: release.status.phase is Phase.PAUSED)
    eventually(lambda: told(receiver) == ["started", "paused"])
    notifying.stop()
    own_rig.ask("approve", paused)  # while nobody runs
    notifying.start()
    release = own_rig.ended()
    assert release.status.phase is Phase.SUCCEEDED
    eventually(lambda: told(receiver) == ["started", "paused", "promoted"])
    last = to_rfc3339(release.status.history[-1].at)
    eventually(lambda: last_told(own_rig.release()) == last)
    assert len(receiver.requests) == 3
    for reason in ("Started", "AwaitingApproval", "Succeeded", UNKNOWN_CHANNEL):
        assert on_the_release(own_rig, reason), reason
    own_rig.check_invariants()


def test_a_receiver_that_is_down_does_not_hold_up_a_release(
    own_rig: Rig, notifying: Notifying, receiver: Receiver
) -> None:
    own_rig.set_up()
    own_rig.deploy()
    receiver.open.clear()  # takes the first message, and says nothing
    notifying.start()
    own_rig.adopted()
    own_rig.mesh.failures = 0.3
    own_rig.image("web:2")
    assert own_rig.ended().status.phase is Phase.ROLLED_BACK
    assert len(receiver.requests) == 1
    assert own_rig.release().notified == {}
    receiver.open.set()
    eventually(lambda: told(receiver) == ["started", "rolledBack"])
    assert on_the_release(own_rig, "EvidenceAgainstCanary")
