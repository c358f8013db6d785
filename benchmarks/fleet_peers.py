"""The way of Flagger, Argo Rollouts and Kayenta: for each release and metric a query of its own, every interval."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import urllib3

from benchmarks.idle import processor_s

AT_ONCE = 4
WINDOW = "1m"


@dataclass(frozen=True, slots=True)
class Asked:
    """One interval's queries: how many, their bytes, how long all took, and what they cost Prometheus, in seconds."""

    queries: int
    megabytes: float
    seconds: float
    prometheus_s: float


def queries_of(namespace: str, name: str) -> Iterator[str]:
    """Success rate, latency and one custom ratio of a canary, each as a rate over the last minute."""
    canary = f'destination_workload_namespace="{namespace}", destination_workload="{name}-canary"'
    scope = f'reporter="destination", {canary}'
    good = f'sum(rate(istio_requests_total{{{scope}, response_code!~"5.*"}}[{WINDOW}]))'
    yield f"{good} / sum(rate(istio_requests_total{{{scope}}}[{WINDOW}])) * 100"
    buckets = f"istio_request_duration_milliseconds_bucket{{{scope}}}"
    yield f"histogram_quantile(0.99, sum by (le) (rate({buckets}[{WINDOW}])))"
    custom = f'namespace="{namespace}", deployment="{name}-canary"'
    misses, lookups = (f"sum(rate(cache_{what}_total{{{custom}}}[{WINDOW}]))" for what in ("misses", "lookups"))
    yield f"{misses} / {lookups}"


def ask_for_each(url: str, found: list[tuple[str, str]], prometheus_pid: int) -> Asked:
    """All of one interval, a few at a time."""
    pool = urllib3.PoolManager(maxsize=AT_ONCE)
    every = [query for namespace, name in found for query in queries_of(namespace, name)]

    def ask(query: str) -> int:
        answer = pool.request("POST", f"{url}/api/v1/query", fields={"query": query}, encode_multipart=False)
        if answer.status != 200:
            raise RuntimeError(f"{query}: HTTP {answer.status}")
        return len(answer.data)

    before, began = processor_s(prometheus_pid), time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answered = sum(threads.map(ask, every))
    return Asked(len(every), answered / 1e6, time.monotonic() - began, processor_s(prometheus_pid) - before)
