"""What one plan of an edit costs: a VirtualService of many routes, and routes of the other kinds as large as allowed.

python -m benchmarks.route_plan
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from mesh_adapters.adapter import RouteAdapter, TrafficSplit
from mesh_adapters.gateway.routes import GatewayRoutes
from mesh_adapters.istio.routes import IstioRoutes
from mesh_adapters.linkerd.traffic_split import TrafficSplits

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "route-plan.md"
ROUTES, RULES_OF_A_GATEWAY_ROUTE, PLANS = 200, 16, 1000
Object = dict[str, Any]


def virtual_service(routes: int, apex_every: int) -> Object:
    """`routes` HTTP routes, each with what users write; every `apex_every`-th one goes to the apex."""
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


def milliseconds(adapter: RouteAdapter, route: Object, weight: float) -> list[float]:
    """The processor time of each plan, sorted: other work on the machine is not counted."""
    found = []
    for _ in range(PLANS):
        began = time.thread_time()
        adapter.plan(route, split(weight))
        found.append((time.thread_time() - began) * 1000)
    return sorted(found)


def cases() -> dict[str, tuple[RouteAdapter, Object]]:
    return {
        f"VirtualService of {ROUTES} routes, one of them the apex's": (IstioRoutes(), virtual_service(ROUTES, ROUTES)),
        f"VirtualService of {ROUTES} routes, 20 of them the apex's": (IstioRoutes(), virtual_service(ROUTES, 10)),
        f"VirtualService of {ROUTES} routes, all of them the apex's": (IstioRoutes(), virtual_service(ROUTES, 1)),
        f"HTTPRoute of {RULES_OF_A_GATEWAY_ROUTE} rules with two backends": (
            GatewayRoutes(),
            http_route(RULES_OF_A_GATEWAY_ROUTE),
        ),
        "TrafficSplit of two backends": (TrafficSplits(), traffic_split()),
    }


def rows() -> list[str]:
    found = []
    for name, (adapter, route) in cases().items():
        first = milliseconds(adapter, route, 5)
        again = milliseconds(adapter, adapter.plan(route, split(5)), 20)
        cells = " | ".join(
            f"{statistics.median(times):.3f} | {times[int(len(times) * 0.99)]:.3f}" for times in (first, again)
        )
        found.append(f"| {name} | {cells} |")
    return found


def main(output: Annotated[Path, typer.Option(help="the page to write")] = OUTPUT) -> None:
    """Times every case and writes the page."""
    head = (
        "# What a plan costs\n\n"
        f"`python -m benchmarks.route_plan`, {PLANS} plans each, {os.cpu_count()} cores; milliseconds of processor "
        "time. First: the user's own route is split; again: a split route gets another weight.\n\n"
        "| route | first, median | first, p99 | again, median | again, p99 |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
    )
    page = head + "\n".join(rows()) + "\n"
    output.write_text(page)
    typer.echo(page)


if __name__ == "__main__":
    typer.run(main)
