"""Runs one scenario in a lab: prepare the shop, change the version, let things happen, see what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from delivery.cluster.client import JSON, Cluster, Object
from delivery.cluster.informer import Informer, Name
from delivery.cluster.kinds import DELIVERY_POLICY, DEPLOYMENT, NAMESPACE, POD, RELEASE, SERVICE, Kind
from delivery.errors import HeadgateError
from delivery.lab import shop
from delivery.lab.footprint import left_behind, user_part
from delivery.lab.laboratory import Laboratory, laboratory
from delivery.lab.load import Ledger, Load
from delivery.lab.outcome import Outcome, outcome_of
from delivery.lab.scenario import Behaviour, Event, Scenario
from delivery.lab.shop_routes import MeshName, ShopRoutes, shop_routes
from delivery.resources.release import Phase, Release, Stage, release_from_object
from mesh_adapters.adapter import SplitDisagrees

STABLE_VERSION, NEW_VERSION = "1.0.0", "1.1.0"
ADOPTED_WITHIN_S = 60.0
HISTORY_S = 5.0  # of traffic before the change, so that every series of the stable version exists
SETTLED_S = 2.0  # of traffic after the end: what a restored route fails, it fails at once
UNWOUND_WITHIN_S = 60.0
LOOK_EVERY_S = 0.1
_LOOP_PAUSES = {Phase.PAUSED, Phase.STALLED}

Progress = Callable[["Run"], None]


class RunFailed(HeadgateError):
    """The scenario could not be run to its end."""


@dataclass(slots=True)
class WeightLog:
    """Every change of the canary's share as the mesh's route objects show it: (time, percent)."""

    routes: ShopRoutes
    seen: list[tuple[float, float]] = field(default_factory=list)

    def __call__(self, _name: Name, route: Object | None) -> None:
        try:
            weight = self.routes.adapter.read(route, self.routes.split) if route else None
        except SplitDisagrees:
            return
        if not self.seen or self.seen[-1][1] != (weight or 0.0):
            self.seen.append((time.time(), weight or 0.0))


class Run:
    """One scenario in one running lab."""

    def __init__(self, lab: Laboratory, scenario: Scenario, mesh: MeshName = MeshName.ISTIO) -> None:
        self.lab = lab
        self.shop_routes = shop_routes(mesh)
        self.scenario = scenario
        self.version = NEW_VERSION
        self.changed_at = 0.0
        self.weights = WeightLog(self.shop_routes)
        # A cluster is called outbound|PORT|SUBSET|HOST, and the canary is the one or the other.
        self.ledger = Ledger(f"|{shop.NAME}-canary", {STABLE_VERSION})
        self._routes = Informer(lab.cluster, self.shop_routes.kind, shop.NAMESPACE, on_change=self.weights)
        self._before: dict[tuple[Kind, str], Object | None] = {}
        self._load: Load | None = None

    @property
    def cluster(self) -> Cluster:
        return self.lab.cluster

    def releases(self) -> list[Release]:
        """This run's Releases, oldest first."""
        found = [release_from_object(item) for item in self.cluster.list(RELEASE, shop.NAMESPACE).items]
        return sorted(found, key=lambda release: release.status.started_at or time.time())

    def outcome(self, progress: Progress) -> Outcome:
        """Runs the scenario from the first object to the last look. Raises RunFailed."""
        with self.open():
            time.sleep(HISTORY_S)
            self.changed_at = time.time()
            self._change(self.version, self.scenario.canary)
            releases = self._until_ended(progress)
            self._unwind()
            time.sleep(SETTLED_S)
            remains = left_behind(self.cluster, shop.NAMESPACE, self._before)
        return outcome_of(
            self.scenario.name,
            releases,
            changed_at=self.changed_at,
            weights=self.weights.seen,
            totals=self.ledger.totals(),
            control_plane=self.lab.plane.name,
            left_behind=remains,
        )

    @contextmanager
    def open(self) -> Iterator[None]:
        """The shop, adopted, and its customers, meanwhile. Raises RunFailed."""
        self._prepare()
        try:
            self._routes.start()
            self._routes.wait_synced(10)
            self._start_load()
            yield
        finally:
            if self._load:
                self._load.stop()
            self._routes.stop()

    def _prepare(self) -> None:
        cluster, scenario = self.cluster, self.scenario
        cluster.create(NAMESPACE, shop.namespace())
        for kind, obj in (
            (SERVICE, shop.service()),
            *self.shop_routes.objects,
            (DELIVERY_POLICY, shop.policy(scenario, self.shop_routes.provider)),
            (DEPLOYMENT, shop.deployment(scenario, STABLE_VERSION)),
        ):
            cluster.create(kind, obj)
        for kind, obj in self.shop_routes.objects:
            name = obj["metadata"]["name"]
            self._before[kind, name] = user_part(cluster.get(kind, name, shop.NAMESPACE))
        self._wait(
            "the Deployment to be adopted", ADOPTED_WITHIN_S, lambda: bool(self._deployment()["spec"].get("paused"))
        )

    def _start_load(self) -> None:
        self._load = Load(
            self.lab.envoy.url,
            shop.HOST,
            rps=self.scenario.rps,
            ledger=self.ledger,
            duration_s=self.scenario.timeout + HISTORY_S + SETTLED_S + UNWOUND_WITHIN_S,
            seed=self.scenario.seed,
        )
        self._load.start()

    def _change(self, version: str, behaviour: Behaviour) -> None:
        template = shop.template(behaviour, version, self.scenario.seed)
        patch = [{"op": "replace", "path": "/spec/template", "value": template}]
        self.cluster.patch(DEPLOYMENT, shop.NAME, shop.NAMESPACE, patch, patch_type=JSON)

    def _until_ended(self, progress: Progress) -> list[Release]:
        """Carries out the events and waits until nothing moves any more, or the time is over."""
        events = sorted(self.scenario.events, key=lambda event: event.at)
        deadline = self.changed_at + self.scenario.timeout
        releases: list[Release] = []
        while time.time() < deadline:
            while events and time.time() - self.changed_at >= events[0].at:
                self._happen(events.pop(0))
            self.lab.require_whole()
            releases = self.releases()
            self._trust_promoted(releases)
            progress(self)
            if not events and self._all_ended(releases):
                break
            time.sleep(LOOK_EVERY_S)
        if not releases:
            raise RunFailed(f"scenario {self.scenario.name}: no Release appeared in {self.scenario.timeout:.0f} s")
        return releases

    def _all_ended(self, releases: list[Release]) -> bool:
        """Whether every template that was applied has its Release, and none of them moves any more."""
        applied = 1 + sum(1 for event in self.scenario.events if event.image is not None)
        return len(releases) >= applied and all(_at_rest(release) for release in releases)

    def _trust_promoted(self, releases: list[Release]) -> None:
        """From its own rollout on, a promoted version serves everybody and fails by its own settings."""
        for release in releases:
            status = release.status
            rolling_out = status.phase is Phase.PROMOTING and status.stage is not Stage.SHIFT_ALL
            if rolling_out or status.phase is Phase.SUCCEEDED:
                self.ledger.trusted |= {image.rpartition(":")[2] for image in release.spec.canary.images}

    def _happen(self, event: Event) -> None:
        if event.set:
            self._set(event)
        if event.kill:
            self._kill(event.kill)
        if event.start == "prometheus":
            self.lab.prometheus.start()
        if event.start == "controller":
            self.lab.start_controller()
        if event.image:
            major, minor, patch = self.version.split(".")
            self.version = f"{major}.{int(minor) + 1}.{patch}"
            self._change(self.version, event.image)

    def _set(self, event: Event) -> None:
        wanted = event.set
        if wanted is None:
            return
        if wanted.rps is not None and self._load:
            self._load.rps = wanted.rps
        if wanted.dependency is not None:
            self.lab.set_dependency(wanted.dependency)
        for version, behaviour in ((STABLE_VERSION, wanted.stable), (self.version, wanted.canary)):
            if behaviour:
                latency = behaviour.latency_ms
                self.lab.override(version, behaviour.error_rate, latency.median, latency.sigma)

    def _kill(self, what: str) -> None:
        if what == "prometheus":
            self.lab.prometheus.stop()
        elif what == "controller":
            self.lab.kill_controller()
        else:
            self._kill_pods(shop.NAME if what == "stable" else f"{shop.NAME}-canary")

    def _kill_pods(self, workload: str) -> None:
        for pod in self.cluster.list(POD, shop.NAMESPACE, labels=shop.LABELS).items:
            if pod["metadata"]["name"].rsplit("-", 2)[0] == workload:
                self.cluster.delete(POD, pod["metadata"]["name"], shop.NAMESPACE, grace_period_s=0)

    def _unwind(self) -> None:
        """A Release that waits for a person is aborted, so that the shop is left as it was."""
        for release in self.releases():
            if release.active:
                intents = [intent.model_dump(mode="json", exclude_none=True) for intent in release.spec.intents]
                intents.append({"verb": "abort", "by": "the lab", "reason": "the scenario is over"})
                self.cluster.patch(RELEASE, release.name, shop.NAMESPACE, {"spec": {"intents": intents}})
        self._wait("every Release to end", UNWOUND_WITHIN_S, lambda: not any(r.active for r in self.releases()))

    def _deployment(self) -> dict[str, Any]:
        return self.cluster.get(DEPLOYMENT, shop.NAME, shop.NAMESPACE)

    def _wait(self, what: str, timeout_s: float, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise RunFailed(f"scenario {self.scenario.name}: waited {timeout_s:.0f} s for {what}")
            time.sleep(LOOK_EVERY_S)


def run_scenario(
    scenario: Scenario,
    assets: Path | None,
    progress: Progress,
    folder: Path | None = None,
    mesh: MeshName = MeshName.ISTIO,
) -> Outcome:
    """Runs a scenario in a lab of its own. Raises RunFailed, ProcessFailed."""
    with laboratory(assets, folder, shop_routes(mesh).metrics) as lab:
        return Run(lab, scenario, mesh).outcome(progress)


def _at_rest(release: Release) -> bool:
    return release.status.phase.final or release.status.phase in _LOOP_PAUSES
