"""Releases straight from the Kubernetes API, under the rights of the user's kubeconfig."""

from __future__ import annotations

import getpass
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from delivery.api.board import Board, matching
from delivery.api.feeding import kept_current
from delivery.cluster.client import Cluster
from delivery.cluster.credentials import context_namespace
from delivery.cluster.kinds import RELEASE, SELF_SUBJECT_REVIEW
from delivery.errors import HeadgateError, NotFound
from delivery.intents import trigger as triggering
from delivery.intents.ask import ask
from delivery.intents.finding import find_release, releases_in
from delivery.intents.trigger import Triggered, Wish
from delivery.reconcile.explaining import Change, Explanation, explain
from delivery.resources.release import Intent, Release, Verb

LOOK_AGAIN_S = 1.0  # at the clock, not at the cluster: that tells by itself
LISTED_WITHIN_S = 30.0


class ViaCluster:
    """One user's way to one cluster."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace

    @classmethod
    @contextmanager
    def open(cls, kubeconfig: Path | None, context: str | None) -> Iterator[ViaCluster]:
        cluster = Cluster.connect(kubeconfig, context)
        if not cluster.serves(RELEASE):
            raise NotFound(
                f"API server {cluster.host} does not serve {RELEASE}; is Headgate in the cluster that you mean?"
            )
        yield cls(cluster, context_namespace(kubeconfig, context))

    def own_namespace(self) -> str:
        return self._namespace

    def listed(self, namespace: str | None) -> list[dict[str, Any]]:
        board = Board()
        for release in releases_in(self._cluster, namespace):
            board.told(release.namespace, release.name, release)
        return [row.summary for row in matching(board.rows())]

    def release(self, namespace: str, name: str, release_id: str | None) -> Release:
        return find_release(self._cluster, namespace, name, release_id)

    def follow(
        self, namespace: str, name: str, release_id: str | None, timeout: float
    ) -> Iterator[dict[str, Any] | None]:
        changed, end = threading.Event(), time.monotonic() + timeout
        with kept_current(self._cluster, namespace, within_s=LISTED_WITHIN_S, changed=changed.set) as board:
            while True:
                changed.clear()
                row = board.find(namespace, name, release_id)
                yield row.summary if row else None
                if (row and row.final) or time.monotonic() >= end:
                    return
                changed.wait(max(0.0, min(LOOK_AGAIN_S, end - time.monotonic())))

    def ask(self, namespace: str, name: str, verb: Verb, reason: str) -> str:
        intent = Intent(verb=verb, by=self._who(), reason=reason, at=time.time())
        return ask(self._cluster, namespace, name, intent).name

    def trigger(self, namespace: str, deployment: str, wish: Wish) -> Triggered:
        from_me = Wish(
            wish.image, wish.container, wish.version, wish.release_id, wish.policy, wish.key, self._who(), wish.reason
        )
        return triggering.trigger(self._cluster, namespace, deployment, from_me, time.time())

    def explain(self, namespace: str, deployment: str, change: Change) -> Explanation:
        return explain(self._cluster, namespace, deployment, change)

    def _who(self) -> str:
        """As the cluster knows us; the login name where it does not say."""
        try:
            review = self._cluster.create(SELF_SUBJECT_REVIEW, {"metadata": {}})
            return str(review["status"]["userInfo"]["username"])
        except (HeadgateError, KeyError):
            return getpass.getuser()
