"""What many releases in progress cost: queries, bytes, processor time, memory, API calls and lateness, an interval.

python -m benchmarks.fleet [--releases 100,1000,5000] [--intervals 12]
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.adoption import adopting, running
from benchmarks.fleet_copies import contents, write_copies
from benchmarks.fleet_metrics import ranges_asked, scraped
from benchmarks.fleet_peers import ask_for_each
from benchmarks.fleet_report import Cost, page, plot
from benchmarks.fleet_traffic import Queries, counting_prometheus
from benchmarks.idle import memory_mb, processor_s
from benchmarks.idle_cluster import LISTED_WITHIN_S, Object, Sightings, fill, names, template, wait_until
from benchmarks.idle_traffic import Calls, counting_proxy
from delivery.cluster.client import Cluster
from delivery.cluster.informer import Informer
from delivery.cluster.kinds import DEPLOYMENT, RELEASE, VIRTUAL_SERVICE, Kind
from delivery.errors import Unavailable
from delivery.lab.process import Process
from delivery.resources.annotations import FENCE
from delivery.resources.release import Phase

Condition = Callable[[Object], bool]
OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks"
RELEASES_A_NAMESPACE = 10
AT_ONCE = 200
COPIED_ABOVE = 100
"""Of more releases the controller brings up one namespace's; the others are copies of these."""
SCRAPES_AN_INTERVAL = 1


def namespaces(releases: int) -> int:
    """How many there are."""
    return -(-releases // RELEASES_A_NAMESPACE)


def fleet_names(releases: int) -> list[tuple[str, str]]:
    """Namespace and name of each Deployment."""
    return names(releases, namespaces(releases))


def policy(interval_s: float) -> dict[str, object]:
    """Three metrics, and a first step that is not left while anybody measures."""
    canary = {"steps": [5, 50], "minStepDuration": "4h", "maxStepDuration": "5h"}
    matched = '{namespace="{{ namespace }}", deployment="{{ workload }}"}'
    asked = {
        "total": f"sum by (instance) (cache_lookups_total{matched})",
        "errors": f"sum by (instance) (cache_misses_total{matched})",
    }
    custom = {"name": "cache-misses", "kind": "errorRate", "query": asked}
    metrics = [{"kind": "errorRate"}, {"kind": "latency"}, custom]
    return {
        "strategy": {"canary": canary},
        "analysis": {"interval": f"{interval_s:g}s", "warmUp": "0s", "noData": {"deadline": "4h"}, "metrics": metrics},
    }


def names_at_rest(count: int) -> list[tuple[str, str]]:
    """Namespace and name of Deployments that are adopted, and that nobody changes yet."""
    return [(f"rest-{number // RELEASES_A_NAMESPACE:02}", f"app-{number:04}") for number in range(count)]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Releases at their first step, the controller that judges them, and what both talk to."""

    kubeconfig: Path
    cluster: Cluster
    sightings: Sightings
    controller: Process
    prometheus: Process
    url: str
    queries: Queries
    calls: Calls


@contextmanager
def in_progress(
    folder: Path,
    releases: int,
    interval_s: float,
    *,
    at_rest: int = 0,
    flags: Sequence[str] = (),
    counting: bool = True,
) -> Iterator[Fleet]:
    """Everything started, every release at its first step under the controller; all gone afterwards.

    `at_rest` Deployments more are adopted, and left alone; `flags` are more of the controller's. Without `counting` it
    talks to the API server and Prometheus itself, and nobody knows how often.
    """
    calls, queries, sightings, found = Calls(), Queries(), Sightings(), fleet_names(releases)
    patience, rest = 120 + releases * 0.5, names_at_rest(at_rest)
    with scraped(folder, releases, namespaces(releases), interval_s / SCRAPES_AN_INTERVAL) as (url, prometheus):
        copies = _copies(folder, found, interval_s, url) if releases > COPIED_ABOVE else None
        with (
            running(folder / "plane", sightings, objects=copies) as plane,
            _counted(folder, plane.kubeconfig, url, calls, queries)
            if counting
            else nullcontext((plane.kubeconfig, url)) as (kubeconfig, asked),
        ):
            cluster = plane.cluster
            former = {_fence(route) for route in cluster.list(VIRTUAL_SERVICE).items} | {None}
            fill(cluster, rest if copies else [*found, *rest], policy(interval_s))
            given = ["--kubeconfig", str(kubeconfig), "--prometheus", asked, *flags]
            with adopting(folder, plane.deployments, releases + at_rest, patience, given) as controller:
                if not copies:
                    _release_all(cluster, found, patience)
                taken_over = "taken over: their routes written by this controller"
                _wait_for(
                    cluster, releases, VIRTUAL_SERVICE, lambda obj: _fence(obj) not in former, taken_over, patience
                )
                _tell_the_past(url, interval_s, patience)
                _require_first_step(cluster, releases)
                yield Fleet(plane.kubeconfig, cluster, sightings, controller, prometheus, url, queries, calls)


def _copies(folder: Path, found: list[tuple[str, str]], interval_s: float, url: str) -> Path:
    """Brings up the releases of the first namespace and takes them for all; gives the file of everybody's objects."""
    first = [pair for pair in found if pair[0] == found[0][0]]
    patience, file = 120 + 10 * interval_s, folder / "objects"
    with running(folder / "first", Sightings()) as plane:
        fill(plane.cluster, first, policy(interval_s))
        given = ["--kubeconfig", str(plane.kubeconfig), "--prometheus", url]
        with adopting(folder, plane.deployments, len(first), patience, given):
            _release_all(plane.cluster, first, patience)
            # What they know of the time before is recorded with it: the copies need not ask for that.
            _wait_for(plane.cluster, len(first), RELEASE, _knows_the_past, "knowing the time before", patience)
        write_copies(contents(plane.cluster, first[0][0]), found, file)
    typer.echo(f"{len(first)} brought up, {len(found) - len(first)} copied")
    return file


def _tell_the_past(url: str, interval_s: float, patience: float) -> None:
    """Waits until Prometheus is asked for nothing any more but what is new: not about many instants at once."""
    asked, since = ranges_asked(url), time.monotonic()

    def told() -> bool:
        nonlocal asked, since
        if (now := ranges_asked(url)) > asked:
            asked, since = now, time.monotonic()
        return time.monotonic() - since > 2 * interval_s

    wait_until(told, "everything of the past answered", patience, every_s=1.0)
    typer.echo("told the past")


@contextmanager
def _counted(folder: Path, kubeconfig: Path, url: str, calls: Calls, queries: Queries) -> Iterator[tuple[Path, str]]:
    """The kubeconfig and the Prometheus to use, so that everything said there is counted."""
    written = folder / "counted"
    with counting_proxy(kubeconfig, calls, written), counting_prometheus(url, queries) as asked:
        yield written, asked


def _release_all(cluster: Cluster, found: list[tuple[str, str]], patience: float) -> None:
    """Changes every template, so many of them in preparation at a time, and waits until every release is judged."""
    with _those_of(cluster, RELEASE, _is_judged) as judged:

        def wait_for(count: int) -> None:
            wait_until(lambda: len(judged.list()) >= count, f"{count} releases at their first step", patience)

        for number, (namespace, name) in enumerate(found):
            wait_for(number - AT_ONCE)
            cluster.patch(DEPLOYMENT, name, namespace, {"spec": {"template": template(name, "2")}})
        wait_for(len(found))
    typer.echo(f"{len(found)} in progress")


def _wait_for(cluster: Cluster, count: int, kind: Kind, held: Condition, what: str, patience: float) -> None:
    with _those_of(cluster, kind, held) as seen:
        wait_until(lambda: len(seen.list()) >= count, f"{count} {what}", patience, every_s=1.0)
    typer.echo(f"{count} {what}")


@contextmanager
def _those_of(cluster: Cluster, kind: Kind, held: Condition) -> Iterator[Informer]:
    """The objects of which that is so."""
    seen = Informer(cluster, kind, keep=lambda obj: {"metadata": obj["metadata"]} if held(obj) else None)
    seen.start()
    try:
        seen.wait_synced(LISTED_WITHIN_S)
        yield seen
    finally:
        seen.stop()


def _is_judged(release: Object) -> bool:
    return bool((release.get("status") or {}).get("stepSince"))


def _knows_the_past(release: Object) -> bool:
    return "dispersion" in ((release.get("status") or {}).get("analysis") or {})


def _fence(route: Object) -> str | None:
    return (route["metadata"].get("annotations") or {}).get(FENCE)


def measure(fleet: Fleet, releases: int, interval_s: float, intervals: int) -> Cost:
    """Waits for two whole intervals to pass, then measures so many, then the peers' way against the same Prometheus."""
    _until_instant(interval_s, 2)
    began, at = time.monotonic(), time.time()
    before, prometheus_before = processor_s(fleet.controller.pid), processor_s(fleet.prometheus.pid)
    _until_instant(interval_s, intervals)
    ended = time.monotonic()
    used, prometheus_used = processor_s(fleet.controller.pid) - before, processor_s(fleet.prometheus.pid)
    memory, peak = memory_mb(fleet.controller.pid)
    asked = fleet.queries.between(at, at + intervals * interval_s)
    ticks = [[query for query in asked if query.instant == instant] for instant in sorted({q.instant for q in asked})]
    whole = [tick for tick in ticks if at <= tick[0].instant < at + (intervals - 1) * interval_s]
    return Cost(
        releases=releases,
        interval_s=interval_s,
        seconds=ended - began,
        processor_s=used,
        memory_mb=memory,
        peak_mb=peak,
        prometheus_s=prometheus_used - prometheus_before,
        queries=[len(tick) for tick in whole],
        given_up=sum(query.given_up for query in asked),
        megabytes=sum(query.answered for query in asked) / 1e6,
        late_s=[max(query.ended for query in tick) - tick[0].instant for tick in whole],
        calls=fleet.calls.between(began, ended),
        places=places(fleet.cluster),
        peers=ask_for_each(fleet.url, fleet_names(releases), fleet.prometheus.pid),
    )


def _require_first_step(cluster: Cluster, releases: int) -> None:
    """Raises Unavailable where a copy was none that the controller could go on with."""
    if (found := places(cluster)).total() != releases or any(Phase.SHIFTING not in place for place in found):
        raise Unavailable(f"not {releases} releases at their first step, but {dict(found)}")


def places(cluster: Cluster) -> Counter[str]:
    """How many Releases are where, and why: those that were rolled back are part of the truth."""
    statuses = [release.get("status") or {} for release in cluster.list(RELEASE).items]
    return Counter(f"{status.get('phase')} ({status.get('reason')})" for status in statuses)


def _until_instant(interval_s: float, count: int) -> None:
    """Sleeps until just before the `count`-th next multiple of the interval."""
    now = time.time()
    time.sleep((now // interval_s + count) * interval_s - now)


def main(
    releases: Annotated[str, typer.Option(help="how many releases, and at which interval in seconds")] = (
        "100@10,1000@10,5000@30"
    ),
    intervals: Annotated[int, typer.Option(min=3, help="intervals to measure")] = 12,
    output: Annotated[Path, typer.Option(help="folder of the report and the plot")] = OUTPUT,
) -> None:
    """Write the report."""
    costs = []
    for fleet_of in releases.split(","):
        number, _, interval = fleet_of.partition("@")
        with (
            tempfile.TemporaryDirectory() as folder,
            in_progress(Path(folder), int(number), float(interval or 10)) as fleet,
        ):
            costs.append(measure(fleet, int(number), float(interval or 10), intervals))
        text = page(f"python -m benchmarks.fleet --releases {releases} --intervals {intervals}", costs)
        typer.echo(text)  # each time: the largest takes long to bring up
    (output / "fleet.md").write_text(text)
    plot(costs, output / "fleet.svg")


if __name__ == "__main__":
    typer.run(main)
