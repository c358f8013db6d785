"""Prometheus, or anything that speaks its query API."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol, TypeVar

import msgspec
import requests
from prometheus_api_client import PrometheusConnect
from requests.exceptions import InvalidProxyURL, InvalidSchema, InvalidURL, MissingSchema
from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

from delivery.errors import HeadgateError
from delivery.telemetry.access import Access
from delivery.telemetry.answers import Entry, Histogram, HistogramSample, Result, Sample
from delivery.telemetry.reasons import AccessRefused, AnswerProblem, MetricsUnavailable, QueryRefused, Reason, clipped
from delivery.telemetry.statuses import BadStatus

QUERY_TOLD = 200  # characters of a query that was refused
FIRST_WAIT_S, LONGEST_WAIT_S, LEAST_TIMEOUT_S = 0.2, 2.0, 0.1
SAME_INSTANT_S = 0.5
POWERS = tuple(2.0**power for power in range(-12, 13))  # a quarter of a millisecond to an hour, in seconds
PASSING = {Reason.UNREACHABLE, Reason.SLOW, Reason.SERVER_ERROR}
WRONG_ADDRESS = (InvalidProxyURL, InvalidSchema, InvalidURL, MissingSchema)
Answer = TypeVar("Answer")


class Point(msgspec.Struct, frozen=True, gc=False):
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
        url = access.url.rstrip("/")
        self._access = access
        session = access.session()
        self._connection = PrometheusConnect(url=url, session=session, timeout=access.timeout_s, method="POST")
        session.bound(url)  # after the library, which has its own idea of retries

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
        """The vector of an instant query at `at` (seconds since the epoch), NaN included."""

        def ask(timeout: float) -> list[Point]:
            params = {"time": f"{at:.6f}", **self._guard(timeout)}
            entries = _series(self._connection.custom_query(promql, params=params, timeout=timeout), "vector")
            _require_instant(entries, at)
            return [_point(entry) for entry in entries]

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
            return _by_instant(_series(found, "matrix"), start, end, step)

        return self._asked(promql, ask, None)

    def check(self) -> None:
        """Raises Unavailable when there is no Prometheus at the address."""

        def ask(timeout: float) -> list[Point]:
            found = _series(self._connection.custom_query("vector(1)", timeout=timeout), "vector")
            return [_point(entry) for entry in found]

        self._asked("vector(1)", ask, None)

    def _guard(self, timeout: float) -> dict[str, str]:
        """What bounds a query on the server as well. The last two make VictoriaMetrics answer for the instant that was
        asked for; who does not know a parameter ignores it."""
        bounds = {"timeout": f"{timeout * 1000:.0f}ms", "limit": f"{self._access.max_series}"}
        return {**bounds, "nocache": "1", "latency_offset": "1ms"}

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
        """Nothing of a cause but what is known to be fit is told, and none is chained: they may hold credentials."""
        try:
            return ask(min(self._access.timeout_s, at_most))
        except AnswerProblem as problem:
            raise _named(self._access.name, promql, problem) from None
        except WRONG_ADDRESS as problem:
            told = f"{self._access.name} is no address to ask at ({type(problem).__name__}); see --prometheus and proxy"
            raise MetricsUnavailable(Reason.WRONG_ADDRESS, told) from None
        except (requests.RequestException, OSError) as problem:
            message = f"Prometheus {self._access.name} cannot be reached: {_cause(problem)}"
            raise MetricsUnavailable(_kind_of(problem), message) from None
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as problem:
            message = f"{self._access.name} does not answer like Prometheus ({type(problem).__name__})"
            raise MetricsUnavailable(Reason.NOT_PROMETHEUS, message) from None


def _may_pass(problem: BaseException) -> bool:
    return isinstance(problem, MetricsUnavailable) and problem.reason in PASSING


def _named(name: str, promql: str, problem: AnswerProblem) -> HeadgateError:
    """The problem as whoever is to react to it knows it, and whose answer it was. The server's words come first: a
    query may be very long."""
    told = f"Prometheus {name} {problem}" if isinstance(problem, BadStatus) else f"Prometheus {name}: {problem}"
    if problem.reason is Reason.BAD_QUERY:
        return QueryRefused(f"{told}; the query: {clipped(promql, QUERY_TOLD)}")
    if problem.reason is Reason.ACCESS_REFUSED:
        return AccessRefused(told)
    if problem.reason is Reason.NOT_PROMETHEUS and not isinstance(problem, BadStatus):
        told = f"{name} does not answer like Prometheus ({problem})"
    return MetricsUnavailable(problem.reason, told)


def _series(found: Result, kind: Literal["vector", "matrix"]) -> list[Entry]:
    """The entries of an answer of the kind that was asked for."""
    if found.resultType == kind:
        return found.result
    if kind == "vector":
        raise AnswerProblem(Reason.BAD_QUERY, "the query answers a range of samples, not an instant vector")
    raise AnswerProblem(Reason.NOT_PROMETHEUS, f"a {found.resultType} where a {kind} was asked for")


def _require_instant(answer: Sequence[Entry], at: float) -> None:
    """A cache in between, or a server that is behind, may answer for another instant: its counts are not those."""
    for entry in answer:
        found = entry.histogram or entry.value
        if found and not abs(found.at - at) <= SAME_INSTANT_S:
            raise _another_instant(found.at - at)


def _another_instant(off: float) -> AnswerProblem:
    when = "older" if off < 0 else "newer"
    return AnswerProblem(Reason.OTHER_INSTANT, f"the samples are {abs(off):.6g} s {when} than was asked for")


def _point(entry: Entry) -> Point:
    """Raises ValueError for what Prometheus would not send."""
    found = entry.histogram or entry.value
    if found is None:
        raise ValueError("an entry without a value")
    return _value_of(entry.metric, found)


def _value_of(labels: Mapping[str, str], sample: Sample | HistogramSample) -> Point:
    if isinstance(sample, HistogramSample):
        return native_point(labels, sample.value)
    return Point(labels, float(sample.value))


def native_point(labels: Mapping[str, str], histogram: Histogram) -> Point:
    """A native histogram by powers of two, which are bounds at every resolution but the coarsest: two versions that
    record at different resolutions are compared at the coarser."""
    counts = sorted((float(upper), float(count)) for _, _, upper, count in histogram.buckets)
    at_or_below = [(bound, sum(count for upper, count in counts if upper <= bound * (1 + 1e-9))) for bound in POWERS]
    total = float(histogram.count)
    return Point(labels, total, (*at_or_below, (math.inf, total)))


def _by_instant(answer: Sequence[Entry], start: float, end: float, step: float) -> list[tuple[float, list[Point]]]:
    """The points of each instant; they come series by series."""
    count = math.floor((end - start) / step + 1e-9) + 1
    vectors: list[list[Point]] = [[] for _ in range(count)]
    for entry in answer:
        latest = -1
        for sample in sorted((*(entry.values or ()), *(entry.histograms or ())), key=lambda sample: sample.at):
            number = _number_of(sample.at - start, step, count)
            if number <= latest:
                raise ValueError("an instant that is told twice")
            vectors[number].append(_value_of(entry.metric, sample))
            latest = number
        entry.values = entry.histograms = None  # let go of as it is read: there may be a million
    return [(start + number * step, points) for number, points in enumerate(vectors)]


def _number_of(after: float, step: float, count: int) -> int:
    """Which of the instants that were asked for one is that is so many seconds after the first."""
    near = min(SAME_INSTANT_S, step / 4)
    last = (count - 1) * step
    number = round(after / step) if -near <= after <= last + near else count
    if number >= count or abs(after - number * step) > near:
        raise _another_instant(after if after < 0 else after - last)
    return number


def _kind_of(problem: Exception) -> Reason:
    """`requests` tells of a file for TLS that is gone by an error of the system's."""
    if not isinstance(problem, requests.RequestException):
        return Reason.NO_CREDENTIALS
    slow = isinstance(problem, requests.Timeout) and not isinstance(problem, requests.ConnectTimeout)
    return Reason.SLOW if slow else Reason.UNREACHABLE


def _cause(problem: BaseException) -> str:
    if isinstance(problem, ValueError):  # a header's, which may be a secret
        return type(problem).__name__
    inner = problem.args[0] if problem.args else problem
    return str(getattr(inner, "reason", None) or inner)
