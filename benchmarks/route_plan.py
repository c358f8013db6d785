"""What one plan of an edit costs: a VirtualService of many routes, and routes of the other kinds as large as allowed.

python -m benchmarks.route_plan
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from delivery.garbage import collect_rarely
from mesh_adapters.adapter import RouteAdapter, TrafficSplit
from mesh_adapters.gateway.routes import GatewayRoutes
from mesh_adapters.istio.routes import IstioRoutes
from mesh_adapters.linkerd.traffic_split import TrafficSplits

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "route-plan.md"
ROUTES, RULES_OF_A_GATEWAY_ROUTE, PLANS, ROUND = 200, 16, 1000, 20
Object = dict[str, Any]


def virtual_service(routes: int, apex_every: int, *, legacy: bool = False) -> Object:
    """`routes` HTTP routes, each with what users write; every `apex_every`-th one goes to the apex, with `legacy` a
    tenth of it elsewhere."""
    http = [
        {
            "name": f"route-{number}",
            "match": [{"uri": {"prefix": f"/path-{number}"}, "headers": {"x-tenant": {"exact": "a"}}}],
            "route": [
                {
                    "destination": {
                        "host": "web" if number % apex_every == 0 else f"service-{number}",
                        "port": {"number": 80},
                    }
                }
            ],
            "timeout": "3s",
            "retries": {"attempts": 3, "perTryTimeout": "1s"},
        }
        for number in range(routes)
    ]
    for rule in http if legacy else ():
        rule["route"] = [{**rule["route"][0], "weight": 90}, {"destination": {"host": "legacy"}, "weight": 10}]  # type: ignore[index]
    return {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"hosts": ["web"], "http": http}}


def http_route(rules: int) -> Object:
    """An HTTPRoute whose rules all go to the apex."""
    body = [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": f"/path-{number}"}}],
            "backendRefs": [{"name": "web", "port": 80}, {"name": "legacy", "port": 80, "weight": 1}],
        }
        for number in range(rules)
    ]
    return {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": body}}


def traffic_split() -> Object:
    backends = [{"service": "web", "weight": "900m"}, {"service": "legacy", "weight": "100m"}]
    return {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"service": "web", "backends": backends}}


def split(weight: float) -> TrafficSplit:
    return TrafficSplit("shop", "web", "web-stable", "web-canary", weight)


def calls(adapter: RouteAdapter, route: Object) -> Mapping[str, Callable[[], object]]:
    """What is timed of one route. The controller passes the record of what the user had, and looks before it writes:
    brings the record up to date, reads the share, and plans what should be there."""
    saved = adapter.save(route, split(0))
    split_route = adapter.plan(route, split(5), saved=saved)

    def look() -> None:
        known = adapter.save(split_route, split(5), saved=saved)
        adapter.read(split_route, split(5))
        adapter.plan(split_route, split(5), saved=known)

    return {
        "first": lambda: adapter.plan(route, split(5)),
        "again": lambda: adapter.plan(split_route, split(20)),
        "again, with the record": lambda: adapter.plan(split_route, split(20), saved=saved),
        "a look at it": look,
    }


def milliseconds(timed: Mapping[str, Callable[[], object]], times: int) -> dict[str, list[float]]:
    """The processor time of each call, sorted: other work on the machine is not counted. The calls take turns, ROUND at
    a time, so that what slows the machine slows all of them."""
    found: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(times // ROUND):
        for name, call in timed.items():
            found[name] += [_taken(call) for _ in range(ROUND)]
    return {name: sorted(values) for name, values in found.items()}


def _taken(call: Callable[[], object]) -> float:
    began = time.thread_time()
    call()
    return (time.thread_time() - began) * 1000


def cases() -> dict[str, tuple[RouteAdapter, Object]]:
    return {
        f"VirtualService of {ROUTES} routes, one of them the apex's": (IstioRoutes(), virtual_service(ROUTES, ROUTES)),
        f"VirtualService of {ROUTES} routes, 20 of them the apex's": (IstioRoutes(), virtual_service(ROUTES, 10)),
        f"VirtualService of {ROUTES} routes, all of them the apex's": (IstioRoutes(), virtual_service(ROUTES, 1)),
        f"VirtualService of {ROUTES} routes, all 90 : 10 between the apex and another": (
            IstioRoutes(),
            virtual_service(ROUTES, 1, legacy=True),
        ),
        f"HTTPRoute of {RULES_OF_A_GATEWAY_ROUTE} rules with two backends": (
            GatewayRoutes(),
            http_route(RULES_OF_A_GATEWAY_ROUTE),
        ),
        "TrafficSplit of two backends": (TrafficSplits(), traffic_split()),
    }


def rows(times: int) -> list[str]:
    found = []
    for name, (adapter, route) in cases().items():
        taken = milliseconds(calls(adapter, route), times).values()
        cells = [f"{statistics.median(each):.3f} | {each[int(len(each) * 0.99)]:.3f}" for each in taken]
        found.append(f"| {name} | {' | '.join(cells)} |")
    return found


HEAD = """# What a plan costs

`python -m benchmarks.route_plan`, {times} calls each, in turns of 20; {cores} cores that other work shares;
milliseconds of processor time, median and 99th percentile; Python's collector set as in the controller.
**First**: the user's own route is split. **Again**: a split route gets another weight. **With the record**: as the
controller does it, which passes what the user had; the record is looked into only for rules of several destinations,
whose proportions somebody may have edited. **A look**: what a pass asks of a route before it writes anything, that
is the record brought up to date, the share read and the plan compared.

| route | first | p99 | again | p99 | again, with the record | p99 | a look at it | p99 |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""


def main(
    output: Annotated[Path, typer.Option(help="the page to write")] = OUTPUT,
    times: Annotated[int, typer.Option(min=ROUND, help="calls of each kind")] = PLANS,
) -> None:
    """Times every case and writes the page."""
    collect_rarely()
    page = HEAD.format(times=times, cores=os.cpu_count()) + "\n".join(rows(times)) + "\n"
    output.write_text(page)
    typer.echo(page)


if __name__ == "__main__":
    typer.run(main)
