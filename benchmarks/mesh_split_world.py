"""A mesh to measure: a control plane, two versions' pods, a real Envoy, and the lab's mesh control between them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
import requests

from benchmarks.mesh_split_objects import (
    APEX,
    CANARY,
    NAMESPACE,
    PORT,
    VERSIONS,
    Json,
    Way,
    Wish,
    deployments,
    destination_rule,
    services,
)
from delivery.cluster.client import Cluster
from delivery.cluster.kinds import DEPLOYMENT, DESTINATION_RULE, SERVICE, Kind
from delivery.cluster.kinds import NAMESPACE as NAMESPACES
from delivery.lab.control_plane import install_crds, start_control_plane
from delivery.lab.envoy import Envoy
from delivery.lab.laboratory import mesh_definitions
from delivery.lab.mesh.admin import Admin
from delivery.lab.mesh.proxy import start_proxy
from delivery.lab.node_agent import write_control
from delivery.lab.process import Process

READY_WITHIN_S = 60.0
TAKEN_WITHIN_S = 15.0
IN_FLIGHT = 16
Answers = Counter[tuple[int, str]]
"""How many answers had this status and this version, "" where no pod gave them."""
Told = tuple[int, str, str]
"""Of one answer: its status, its version and the cookie that it sets."""


class NotInTime(Exception):
    """What was waited for did not come; the message says what."""


@dataclass(slots=True)
class World:
    """A running mesh."""

    cluster: Cluster
    envoy: Envoy

    def say(self, way: Way, wish: Wish) -> None:
        """Writes the user's route object as the adapter plans it, and waits until Envoy has its routes. The wish must
        differ from the last one."""
        admin = Admin(self.envoy.admin_url)
        before = admin.routes_version()
        obj = {"metadata": {"name": APEX, "namespace": NAMESPACE}, "spec": way.spec(wish)}
        if self.cluster.find(way.kind, APEX, NAMESPACE) is None:
            self.cluster.create(way.kind, obj)
        else:
            self.cluster.patch(way.kind, APEX, NAMESPACE, {"spec": obj["spec"]})
        wait(lambda: admin.routes_version() != before, TAKEN_WITHIN_S, f"Envoy to take the {way.name}")

    def unsay(self, way: Way) -> None:
        """Deletes the route object and waits until Envoy routes without it."""
        admin = Admin(self.envoy.admin_url)
        before = admin.routes_version()
        self.cluster.delete(way.kind, APEX, NAMESPACE)
        wait(lambda: admin.routes_version() != before, TAKEN_WITHIN_S, f"Envoy to forget the {way.name}")

    def ask(self, count: int, headers: Mapping[str, str] | None = None, host: str = APEX, query: str = "") -> Answers:
        """The answers to this many requests for the Service."""
        return Counter(told[:2] for told in self.told(count, headers, host, query).elements())

    def told(
        self, count: int, headers: Mapping[str, str] | None = None, host: str = APEX, query: str = ""
    ) -> Counter[Told]:
        """All that the answers to this many requests for the Service say."""
        named = {"Host": f"{host}.{NAMESPACE}:{PORT}", **(headers or {})}
        return asyncio.run(_ask(f"{self.envoy.url}/{query}", named, count))

    def reached_canary(self) -> int:
        """How many requests Envoy sent to the canary's pods so far, copies included, once none is on its way."""
        wait(lambda: self._canary("upstream_rq_active") == 0, TAKEN_WITHIN_S, "the copies to be answered")
        return self._canary("upstream_rq_total")

    def _canary(self, name: str) -> int:
        """A statistic summed over the canary's clusters, by Service and by subset."""
        found = requests.get(f"{self.envoy.admin_url}/stats?filter=~{CANARY}~{PORT}.{name}$", timeout=5).text
        return sum(int(line.rpartition(" ")[2]) for line in found.splitlines())


@contextmanager
def mesh_world(folder: Path, assets: Path | None = None) -> Iterator[World]:
    """Runs the mesh while the context lasts; files and logs in `folder`. `assets` as in `start_control_plane`."""
    with ExitStack() as stack:
        plane = stack.enter_context(start_control_plane(folder / "control-plane", assets=assets))
        cluster = Cluster.connect(plane.kubeconfig)
        install_crds(cluster, mesh_definitions())
        for part in ("envoy", "pods"):
            (folder / part).mkdir()
        write_control(folder / "control.json", {})
        envoy = start_proxy(stack, folder / "envoy")
        for name, arguments in {
            "delivery.lab.mesh.control": ["--folder", str(folder / "envoy"), "--admin", envoy.admin_url],
            "delivery.lab.node_agent": ["--folder", str(folder / "pods"), "--control", str(folder / "control.json")],
        }.items():
            command = [sys.executable, "-m", name, "--kubeconfig", str(plane.kubeconfig), *arguments]
            process = Process(name, command, folder / f"{name.rpartition('.')[2]}.log")
            stack.callback(process.stop)
        world = World(cluster, envoy)
        _populate(world)
        yield world


def wait(condition: Callable[[], bool], within_s: float, what: str) -> None:
    """Waits for the condition. Raises NotInTime."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise NotInTime(f"waited {within_s:.0f} s for {what}")
        time.sleep(0.02)


def _populate(world: World) -> None:
    world.cluster.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    found: list[tuple[Kind, list[Json]]] = [
        (SERVICE, services()),
        (DEPLOYMENT, deployments()),
        (DESTINATION_RULE, [destination_rule()]),
    ]
    for kind, objects in found:
        for obj in objects:
            world.cluster.create(kind, obj)
    for name, version in VERSIONS.items():
        wait(partial(_answers, world, name, version), READY_WITHIN_S, f"pods of {name}")
        subset = f"outbound|{PORT}|{name}|{APEX}.{NAMESPACE}.svc.cluster.local::127."
        wait(partial(_has_endpoint, world, subset), READY_WITHIN_S, f"the subset {name}")


def _answers(world: World, service: str, version: str) -> bool:
    return world.ask(3, host=service) == {(200, version): 3}


def _has_endpoint(world: World, line: str) -> bool:
    return line in requests.get(f"{world.envoy.admin_url}/clusters", timeout=5).text


async def _ask(url: str, headers: Mapping[str, str], count: int) -> Counter[Told]:
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    answers: Counter[Told] = Counter()
    left = iter(range(count))
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def work() -> None:
            for _ in left:
                async with session.get(url, headers=headers) as response:
                    await response.read()
                    version, cookie = (response.headers.get(name, "") for name in ("x-lab-version", "Set-Cookie"))
                    answers[response.status, version, cookie] += 1

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return answers
