"""Prometheus, or anything that speaks its query API."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol, TypeVar

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException

from delivery.errors import HeadgateError, InvalidSpec, Refused, Unavailable
from delivery.telemetry.access import Access
from delivery.telemetry.bounded import AnswerProblem

SENTENCE = 500
TOLD = 200  # characters of what went wrong: an answer may be of any size
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Point:
    """One series' value at the instant asked for."""

    labels: Mapping[str, str]
    value: float


class MetricsSource(Protocol):
    """Instant queries at `at` (seconds since the epoch), or at every `step` from `start` to `end`. Raises Unavailable
    when there is no answer, with the address and the cause; InvalidSpec when the query itself is at fault; Refused when
    the caller may not ask."""

    def query(self, promql: str, at: float) -> list[Point]: ...

    def query_range(self, promql: str, start: float, end: float, step: float) -> list[tuple[float, list[Point]]]: ...

    def check(self) -> None: ...


class Prometheus:
    """A MetricsSource over HTTP. The next instant is the retry, so there are no others.

    Raises InvalidSpec where the access cannot be meant.
    """

    def __init__(self, access: Access | str) -> None:
        access = Access(access) if isinstance(access, str) else access
        self._url = access.url.rstrip("/")
        session = access.session()
        self._connection = PrometheusConnect(url=self._url, session=session, timeout=access.timeout_s, method="POST")
        session.bound(self._url)  # after the library, which has its own idea of retries

    def query(self, promql: str, at: float) -> list[Point]:
        """The vector of an instant query at `at` (seconds since the epoch); NaN is no data and left out."""
        ask = partial(self._connection.custom_query, promql, params={"time": f"{at:.6f}"})
        points = self._asked(promql, lambda: [_point(entry["metric"], entry["value"][1]) for entry in ask()])
        return [point for point in points if math.isfinite(point.value)]

    def query_range(self, promql: str, start: float, end: float, step: float) -> list[tuple[float, list[Point]]]:
        """The vectors at `start`, `start + step`, ... up to `end`, as `query` would give them. A server answers at most
        11,000 instants at once.
        """
        instants = {"start": f"{start:.6f}", "end": f"{end:.6f}", "step": f"{step:.6f}"}
        began, ended = (datetime.fromtimestamp(t, UTC) for t in (start, end))
        ask = partial(self._connection.custom_query_range, promql, began, ended, f"{step}", params=instants)
        vectors = self._asked(promql, lambda: _by_instant(ask(), start, end, step))
        return [(at, [point for point in points if math.isfinite(point.value)]) for at, points in vectors]

    def _asked(self, promql: str, ask: Callable[[], Answer]) -> Answer:
        """The decoded answer, or what went wrong as an error of ours."""
        try:
            return ask()
        except AnswerProblem as problem:
            raise Unavailable(f"Prometheus {self._url}: {problem}") from problem
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as problem:
            # A body that is no JSON is a RequestException too.
            told = type(problem).__name__ if isinstance(problem, RecursionError) else repr(problem)[:TOLD]
            raise Unavailable(f"{self._url} does not answer like Prometheus ({told})") from problem
        except requests.RequestException as problem:
            raise Unavailable(f"Prometheus {self._url} cannot be reached: {_cause(problem)}") from problem
        except PrometheusApiClientException as problem:
            raise _refusal(self._url, promql, problem) from problem

    def check(self) -> None:
        """Raises Unavailable when there is no Prometheus at the address."""
        self.query("vector(1)", 0.0)


def _point(labels: Mapping[str, str], value: str) -> Point:
    """Raises TypeError and ValueError for what Prometheus would not send."""
    if not isinstance(value, str) or not all(isinstance(text, str) for text in (*labels, *labels.values())):
        raise TypeError(f"labels and values are strings, not as in {labels!r}"[:TOLD])
    return Point(labels=dict(labels), value=float(value))


def _by_instant(
    answer: Sequence[Mapping[str, Any]], start: float, end: float, step: float
) -> list[tuple[float, list[Point]]]:
    """The points of each instant; they come series by series."""
    count = math.floor((end - start) / step + 1e-9) + 1
    vectors: list[list[Point]] = [[] for _ in range(count)]
    for entry in answer:
        for at, value in entry["values"]:
            vectors[round((float(at) - start) / step)].append(_point(entry["metric"], value))
    return [(start + number * step, points) for number, points in enumerate(vectors)]


def _refusal(url: str, promql: str, problem: PrometheusApiClientException) -> HeadgateError:
    """The library tells the status and the body only in its message: `HTTP Status Code 400 (b'...')`."""
    told = re.fullmatch(r"HTTP Status Code (\d+) \((.*)\)", str(problem), re.DOTALL)
    if told is None:
        return Unavailable(f"Prometheus {url} failed: {problem}")
    status, reason = int(told[1]), _own_message(told[2])
    if status in {400, 422}:
        return InvalidSpec(f"Prometheus {url} answered HTTP {status} to the query {promql}: {reason}")
    if status in {401, 403}:
        return Refused(f"Prometheus {url} answered HTTP {status}: grant the controller access ({reason})")
    return Unavailable(f"Prometheus {url} answered HTTP {status}: {reason}")


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
