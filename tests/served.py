"""The API on a real listener, over a control plane of each kind, with Releases in a namespace of the test's own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from delivery.api.access import Access
from delivery.api.app import create_app
from delivery.api.board import Board
from delivery.api.connections import Bounded
from delivery.api.feeding import kept_current
from delivery.api.guarding import Limits
from delivery.api.server import Server, bound
from delivery.cluster.client import MERGE, Cluster, Object
from delivery.cluster.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    DEPLOYMENT,
    RELEASE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
)
from delivery.lab.control_plane import install_crds
from delivery.resources.annotations import POLICY
from delivery.resources.crds import write_definitions
from delivery.resources.release import Phase, Release, release_from_object, spec_object, status_object
from tests.conditions import eventually
from tests.conftest import Planes, fresh_namespace
from tests.decision import given

VERBS = ("get", "list", "watch", "trigger", "approve", "promote", "pause", "resume", "abort", "retry", "backtest")


class Folders(Protocol):
    """Makes folders of a test's own, as pytest does."""

    def mktemp(self, basename: str, /) -> Path: ...


@dataclass(slots=True)
class Served:
    """The API's address, and what a test puts behind it."""

    url: str
    kubeconfig: Path
    cluster: Cluster
    namespace: str
    board: Board
    _tokens: dict[tuple[str, ...], str] = field(default_factory=dict)

    def token(self, *verbs: str, only: str = "") -> str:
        """Of a ServiceAccount that may do these on Releases, in the namespace only; `only` on that one."""
        if (*verbs, only) not in self._tokens:
            self._tokens[*verbs, only] = _token(self.cluster, self.namespace, verbs, only)
        return self._tokens[*verbs, only]

    def token_everywhere(self) -> str:
        """Of a ServiceAccount that may do everything on Releases, in all namespaces."""
        token, name = self.token(*VERBS), _account(VERBS)
        binding = {
            "metadata": {"name": f"{self.namespace}-{name}"},
            "roleRef": _role_ref(self.namespace, name),
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self.namespace}],
        }
        self.cluster.create(CLUSTER_ROLE_BINDING, binding)
        return token

    def client(self, *verbs: str) -> httpx.Client:
        """With such a token; all verbs where none are named."""
        headers = {"Authorization": f"Bearer {self.token(*(verbs or VERBS))}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def path(self, name: str = given.RELEASE, rest: str = "") -> str:
        return f"/api/v1/namespaces/{self.namespace}/releases/{name}{rest}"

    def release(self, phase: Phase = Phase.SHIFTING, **given_as: Any) -> Release:
        """Creates one in that phase, and waits until the API has heard of it."""
        return self.create(given.release(phase, **given_as))

    def create(self, made: Release) -> Release:
        """Creates it in the namespace, and waits until the API has heard of it."""
        meta = {"name": made.name, "namespace": self.namespace}
        self.cluster.create(RELEASE, {"metadata": meta, "spec": spec_object(made.spec)})
        return self.becomes(made.model_copy(update={"namespace": self.namespace}))

    def becomes(self, release: Release) -> Release:
        """Writes the status, and waits until the API has heard of it."""
        body = {"status": status_object(release.status)}
        written = self.cluster.patch(
            RELEASE, release.name, self.namespace, body, patch_type=MERGE, subresource="status"
        )
        version = written["metadata"]["resourceVersion"]
        eventually(lambda: self._told(release.name) == version)
        return release_from_object(written)

    def deployment(self, **annotations: str) -> Object:
        """An annotated Deployment `web` of one container."""
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
        meta = {"name": "web", "namespace": self.namespace, "annotations": {POLICY: "standard", **annotations}}
        spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template, "paused": True}
        return self.cluster.create(DEPLOYMENT, {"metadata": meta, "spec": spec})

    def _told(self, name: str) -> str | None:
        row = self.board.row((self.namespace, name))
        return row.summary["resourceVersion"] if row else None


def _token(cluster: Cluster, namespace: str, verbs: tuple[str, ...], only: str) -> str:
    name = _account((*verbs, only) if only else verbs)
    cluster.create(SERVICE_ACCOUNT, {"metadata": {"name": name, "namespace": namespace}})
    if verbs:
        rule: Object = {"apiGroups": ["headgate.dev"], "resources": ["releases"], "verbs": list(verbs)}
        rule |= {"resourceNames": [only]} if only else {}
        cluster.create(CLUSTER_ROLE, {"metadata": {"name": f"{namespace}-{name}"}, "rules": [rule]})
        binding = {
            "metadata": {"name": name, "namespace": namespace},
            "roleRef": _role_ref(namespace, name),
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }
        cluster.create(ROLE_BINDING, binding)
    return account_token(cluster, namespace, name)


def account_token(cluster: Cluster, namespace: str, name: str) -> str:
    """Of a ServiceAccount that there is."""
    meta = {"name": name, "namespace": namespace}
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": meta, "spec": {}}
    return str(cluster.create(SERVICE_ACCOUNT, request, subresource="token")["status"]["token"])


def _account(verbs: tuple[str, ...]) -> str:
    return "-".join(("may", *verbs))[:63].rstrip("-")


def _role_ref(namespace: str, name: str) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{namespace}-{name}"}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    """Under a shorter name."""
    return tmp_path_factory


@pytest.fixture(params=["embedded", "real"])
def served(
    request: pytest.FixtureRequest, planes: Planes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """On each control plane."""
    yield from serve(planes, request.param, tmp_path_factory)


@pytest.fixture
def own_served(planes: Planes, folders: pytest.TempPathFactory) -> Iterator[Served]:
    """On our control plane only."""
    yield from serve(planes, "embedded", folders)


def serve(
    planes: Planes,
    plane: str,
    folders: Folders,
    limits: Limits | None = None,
    connections: type[Bounded] = Bounded,
) -> Generator[Served, None, None]:
    """The API over that control plane until the generator is closed."""
    cluster = Cluster.connect(planes(plane).kubeconfig)
    install_crds(cluster, write_definitions(folders.mktemp("crds")))
    namespace = fresh_namespace(cluster)
    with ExitStack() as stack:
        board = stack.enter_context(kept_current(cluster, namespace))
        app = create_app(cluster, Access(cluster), board, limits)
        server = Server(app, bound("127.0.0.1", 0), connections=connections)
        server.start()
        stack.callback(server.stop)
        yield Served(server.url, planes(plane).kubeconfig, cluster, namespace, board)
