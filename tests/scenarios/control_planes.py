"""The same deaths on a control plane that runs: threads, HTTP, real time; the real kube-apiserver where there is one.

What is done there has no fixed order, so an effect is known by what it is, not by its number. One run takes several
deaths, a few effects apart from each other; over the runs every effect is died before and after.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from delivery.cluster.client import Cluster
from delivery.cluster.credentials import api_client
from delivery.lab.control_plane import ControlPlane, install_crds, start_control_plane
from delivery.resources.release import Phase
from tests.conditions import eventually
from tests.conftest import fresh_namespace
from tests.quick_mesh import quick_mesh
from tests.reconcile.conftest import OwnKubelet
from tests.reconcile.rig import Rig, definitions
from tests.scenarios.effects import Killed, MortalPool, MortalSource, narrated

APART = 4
AT_ONCE = 6
ENDS = {0.001: Phase.SUCCEEDED, 0.3: Phase.ROLLED_BACK}
LONGEST_S = 120.0


@dataclass(slots=True)
class Fate:
    """At which effects the controllers of one run die, each once. `told` are all effects, in the order they came."""

    deaths: set[str]
    after: bool
    died: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Life:
    """One controller's effects; a Lifeline."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate
        self.dead = False

    def before(self, what: str) -> None:
        with self._fate.lock:
            if self.dead:
                raise Killed
            self._end(what, after=False)

    def after(self, what: str) -> None:
        with self._fate.lock:
            self._fate.told.append(narrated(what))
            self._end(what, after=True)

    def _end(self, what: str, *, after: bool) -> None:
        name = narrated(what)
        if self._fate.after is after and name in self._fate.deaths:
            self._fate.deaths.remove(name)
            self._fate.died.append(name)
            self.dead = True
            raise Killed


@dataclass(frozen=True, slots=True)
class Ground:
    """A control plane with our definitions and a kubelet in it."""

    plane: ControlPlane
    cluster: Cluster

    def run(self, failures: float, fate: Fate) -> str:
        """One release; what was wrong with its end, empty where nothing was."""
        rig = Rig(self.cluster, fresh_namespace(self.cluster))
        lives: list[Life] = []

        def born() -> None:
            life = Life(fate)
            lives.append(life)
            api = api_client(self.plane.kubeconfig)
            api.rest_client.pool_manager = MortalPool(api.rest_client.pool_manager, life)  # type: ignore[assignment]
            rig.controllers_cluster = Cluster(api)
            rig.controllers_source = MortalSource(rig.mesh.prometheus, life)

        def alive() -> None:
            """A controller that runs, however often it has to be started."""
            while not lives or lives[-1].dead:
                rig.stop()
                born()
                with suppress(Killed):
                    rig.start()

        def adopted() -> bool:
            alive()
            return bool(rig.deployment()["spec"].get("paused"))

        def ended() -> bool:
            alive()
            return bool(rig.newest and rig.newest.status.phase.final and not rig.newest.held)

        try:
            rig.set_up()
            rig.deploy()
            eventually(adopted, LONGEST_S)
            rig.mesh.failures = failures
            rig.image("web:2")
            eventually(ended, LONGEST_S)
            return _judged(rig, failures)
        except AssertionError as wrong:
            return f"{wrong}; {rig.newest.status if rig.newest else 'no release'}"
        finally:
            rig.end()


def _judged(rig: Rig, failures: float) -> str:
    eventually(lambda: not rig.release().held, 30)
    release = rig.release()
    rig.check_unwound()
    rig.check_invariants()
    return "" if release.status.phase is ENDS[failures] else f"ended {release.status.phase}: {release.status.message}"


@contextmanager
def ground(assets: Path | None) -> Iterator[Ground]:
    """The real control plane of `assets`, or ours."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-crash-")))
        plane = stack.enter_context(start_control_plane(folder / "plane", assets=assets))
        cluster = Cluster.connect(plane.kubeconfig)
        install_crds(cluster, definitions(folder / "crds"))
        kubelet = OwnKubelet(cluster)
        kubelet.start()
        stack.callback(kubelet.stop)
        stack.enter_context(quick_mesh())
        stack.enter_context(patch.object(threading, "excepthook", _quiet(threading.excepthook)))
        yield Ground(plane, cluster)


@dataclass(slots=True)
class Figures:
    """What came of all runs. `extra` is the largest number of writes beyond those of a run without deaths, a death."""

    points: int = 0
    survived: int = 0
    runs: int = 0
    extra: float = 0.0
    problems: list[str] = field(default_factory=list)


def every_death(assets: Path | None) -> Figures:
    """A release and a rollback, died in before and after each of their effects."""
    figures = Figures()
    with ground(assets) as found, ThreadPoolExecutor(AT_ONCE) as pool:
        clean = {failures: _clean(found, failures) for failures in ENDS}
        least = {failures: len(moving(told)) for failures, told in clean.items()}
        fates = [(failures, fate) for failures, told in clean.items() for fate in _fates(told)]
        problems = pool.map(lambda each: found.run(*each), fates)
        for (failures, fate), problem in zip(fates, problems, strict=True):
            figures.runs += 1
            extra = len(moving(fate.told)) - least[failures]
            figures.extra = max(figures.extra, extra / max(1, len(fate.died)))
            figures.points += len(fate.died)
            figures.survived += 0 if problem else len(fate.died)
            if problem:
                told = f"failure rate {failures}, deaths at {fate.died} (after {fate.after})"
                figures.problems.append(f"{told}: {problem}")
            # One that is not met again in a run with deaths was passed over, and is not a point that was survived.
            figures.problems += [f"never came to {left}" for left in sorted(fate.deaths)]
    return figures


def moving(told: list[str]) -> list[str]:
    """The writes that change more than a record: how often a look is recorded depends on the time it takes."""
    return [effect for effect in told if not any(word in effect for word in ("QUERY", "/status", "events"))]


def _clean(found: Ground, failures: float) -> list[str]:
    fate = Fate(set(), after=False)
    problem = found.run(failures, fate)
    assert not problem, problem
    return fate.told


def _fates(told: list[str]) -> list[Fate]:
    effects = list(dict.fromkeys(told))
    starts = itertools.product(range(APART), (False, True))
    return [Fate(set(effects[start::APART]), after) for start, after in starts]


def _quiet(hook: object) -> object:
    def told(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_type is not Killed and callable(hook):
            hook(arguments)

    return told
