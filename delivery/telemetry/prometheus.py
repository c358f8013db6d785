"""Prometheus, or anything that speaks its query API."""

from __future__ import annotations

import ast
import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

from delivery.errors import HeadgateError
from delivery.telemetry.access import Access
from delivery.telemetry.answers import Entry
from delivery.telemetry.bounded import AnswerProblem
from delivery.telemetry.reasons import AccessRefused, MetricsUnavailable, QueryRefused, Reason

SENTENCE = 500
FIRST_WAIT_S, LONGEST_WAIT_S, LEAST_TIMEOUT_S = 0.2, 2.0, 0.1
SAME_INSTANT_S = 0.5
POWERS = tuple(2.0**power for power in range(-12, 13))  # a quarter of a millisecond to an hour, in seconds
PASSING = {Reason.UNREACHABLE, Reason.SLOW, Reason.SERVER_ERROR}
TOLD = 200  # characters of what went wrong: an answer may be of any size
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Point:
    """One series' value at the instant asked for; of a native histogram its count, and `buckets` (upper bound, count at
    or below it)."""

    labels: Mapping[str, str]
    value: float
    buckets: tuple[tuple[float, float], ...] = ()


class MetricsSource(Protocol):
    """Instant queries at `at` (seconds since the epoch), or at every `step` from `start` to `end`. Raises Unavailable
    when there is no answer, with the address and the cause; InvalidSpec when the query itself is at fault; Refused when
    the caller may not ask. `within_s`: seconds for an answer, trying again included; without, one try is made."""

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]: ...

    def query_range(self, promql: str, start: float, end: float, step: float) -> list[tuple[float, list[Point]]]: ...

    def check(self) -> None: ...


class Prometheus:
    """A MetricsSource over HTTP. Raises InvalidSpec where the access cannot be meant."""

    def __init__(self, access: Access | str) -> None:
        access = Access(access) if isinstance(access, str) else access
        self._url = access.url.rstrip("/")
        self._access = access
        session = access.session()
        self._connection = PrometheusConnect(url=self._url, session=session, timeout=access.timeout_s, method="POST")
        session.bound(self._url)  # after the library, which has its own idea of retries

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
        """The vector of an instant query at `at` (seconds since the epoch), NaN included."""

        def ask(timeout: float) -> list[Point]:
            params = {"time": f"{at:.6f}", **self._guard(timeout)}
            answer = self._connection.custom_query(promql, params=params, timeout=timeout)
            self._require_few(len(answer))
            _require_instant(answer, at)
            return [_point(entry) for entry in answer]

        return self._asked(promql, ask, within_s)

    def query_range(self, promql: str, start: float, end: float, step: float) -> list[tuple[float, list[Point]]]:
        """The vectors at `start`, `start + step`, ... up to `end`, as `query` would give them. A server answers at most
        11,000 instants at once.
        """
        began, ended = (datetime.fromtimestamp(t, UTC) for t in (start, end))

        def ask(timeout: float) -> list[tuple[float, list[Point]]]:
            instants = {"start": f"{start:.6f}", "end": f"{end:.6f}", "step": f"{step:.6f}", **self._guard(timeout)}
            found = self._connection.custom_query_range(
                promql, began, ended, f"{step}", params=instants, timeout=timeout
            )
            self._require_few(len(found))
            return _by_instant(found, start, end, step)

        return self._asked(promql, ask, None)

    def check(self) -> None:
        """Raises Unavailable when there is no Prometheus at the address."""

        def ask(timeout: float) -> list[Point]:
            answer = self._connection.custom_query("vector(1)", timeout=timeout)
            return [_point(entry) for entry in answer]

        self._asked("vector(1)", ask, None)

    def _guard(self, timeout: float) -> dict[str, str]:
        """What bounds a query on the server as well. The last two make VictoriaMetrics answer for the instant that was
        asked for; who does not know a parameter ignores it."""
        bounds = {"timeout": f"{timeout * 1000:.0f}ms", "limit": f"{self._access.max_series}"}
        return {**bounds, "nocache": "1", "latency_offset": "1ms"}

    def _require_few(self, series: int) -> None:
        if series > self._access.max_series:
            told = f"{series} series are more than the {self._access.max_series} that are read at once"
            raise AnswerProblem(Reason.TOO_MANY_SERIES, f"{told}: raise maxSeries, or drop labels that nobody needs")

    def _asked(self, promql: str, ask: Callable[[float], Answer], within_s: float | None) -> Answer:
        """The decoded answer, or what went wrong as an error of ours; what may pass is tried again within the time."""
        if within_s is None:
            return self._attempt(promql, ask, self._access.timeout_s)
        deadline = time.monotonic() + within_s
        persistent = Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_before_delay(within_s),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S),
            reraise=True,
        )
        return persistent(lambda: self._attempt(promql, ask, max(LEAST_TIMEOUT_S, deadline - time.monotonic())))

    def _attempt(self, promql: str, ask: Callable[[float], Answer], at_most: float) -> Answer:
        try:
            return ask(min(self._access.timeout_s, at_most))
        except AnswerProblem as problem:
            raise MetricsUnavailable(problem.reason, f"Prometheus {self._url}: {problem}") from problem
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as problem:
            # A body that is no JSON is a RequestException too.
            told = type(problem).__name__ if isinstance(problem, RecursionError) else repr(problem)[:TOLD]
            message = f"{self._url} does not answer like Prometheus ({told})"
            raise MetricsUnavailable(Reason.NOT_PROMETHEUS, message) from problem
        except requests.RequestException as problem:
            message = f"Prometheus {self._url} cannot be reached: {_cause(problem)}"
            reason = Reason.SLOW if isinstance(problem, requests.Timeout) else Reason.UNREACHABLE
            raise MetricsUnavailable(reason, message) from problem
        except PrometheusApiClientException as problem:
            raise _refusal(self._url, promql, problem) from problem


def _may_pass(problem: BaseException) -> bool:
    return isinstance(problem, MetricsUnavailable) and problem.reason in PASSING


def _require_instant(answer: Sequence[Entry], at: float) -> None:
    """A cache in between, or a server that is behind, may answer for another instant: its counts are not those."""
    for entry in answer:
        found = entry.histogram or entry.value
        off = found[0] - at if found else math.nan
        if not abs(off) <= SAME_INSTANT_S:
            when = "older" if off < 0 else "newer"
            raise AnswerProblem(Reason.OTHER_INSTANT, f"the samples are {abs(off):.0f} s {when} than was asked for")


def _point(entry: Entry) -> Point:
    """Raises TypeError and ValueError for what Prometheus would not send."""
    if entry.histogram is not None:
        return native_point(entry.metric, entry.histogram[1])
    if entry.value is None:
        raise ValueError("an entry without a value")
    return Point(entry.metric, float(entry.value[1]))


def native_point(labels: Mapping[str, str], histogram: Mapping[str, Any]) -> Point:
    """A native histogram by powers of two, which are bounds at every resolution but the coarsest: two versions that
    record at different resolutions are compared at the coarser."""
    counts = sorted((float(upper), float(count)) for _, _, upper, count in histogram.get("buckets") or ())
    at_or_below = [(bound, sum(count for upper, count in counts if upper <= bound * (1 + 1e-9))) for bound in POWERS]
    total = float(histogram["count"])
    return Point(labels, total, (*at_or_below, (math.inf, total)))


def _by_instant(answer: Sequence[Entry], start: float, end: float, step: float) -> list[tuple[float, list[Point]]]:
    """The points of each instant; they come series by series."""
    count = math.floor((end - start) / step + 1e-9) + 1
    vectors: list[list[Point]] = [[] for _ in range(count)]
    for entry in answer:
        for at, value in entry.values or ():
            vectors[round((at - start) / step)].append(Point(entry.metric, float(value)))
    return [(start + number * step, points) for number, points in enumerate(vectors)]


def _refusal(url: str, promql: str, problem: PrometheusApiClientException) -> HeadgateError:
    """The library tells the status and the body only in its message: `HTTP Status Code 400 (b'...')`."""
    told = re.fullmatch(r"HTTP Status Code (\d+) \((.*)\)", str(problem), re.DOTALL)
    if told is None:
        return MetricsUnavailable(Reason.NOT_PROMETHEUS, f"Prometheus {url} failed: {problem}")
    status, reason = int(told[1]), _own_message(told[2])
    if status in {400, 422}:
        return QueryRefused(f"Prometheus {url} answered HTTP {status} to the query {promql}: {reason}")
    if status in {401, 403}:
        return AccessRefused(f"Prometheus {url} answered HTTP {status}: grant the controller access ({reason})")
    return MetricsUnavailable(Reason.SERVER_ERROR, f"Prometheus {url} answered HTTP {status}: {reason}")


def _own_message(quoted_body: str) -> str:
    """Prometheus' error sentence where the body is its JSON, else the body; as much of it as a person reads."""
    try:
        body = ast.literal_eval(quoted_body).decode(errors="replace")
    except (ValueError, SyntaxError, AttributeError, RecursionError, MemoryError):
        return quoted_body[:SENTENCE]
    try:
        return str(json.loads(body)["error"])[:SENTENCE]
    except (ValueError, KeyError, TypeError, RecursionError):
        return body.strip()[:SENTENCE] or "no reason given"


def _cause(problem: BaseException) -> str:
    inner = problem.args[0] if problem.args else problem
    return str(getattr(inner, "reason", None) or inner)
