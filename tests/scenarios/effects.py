"""Every external effect of a controller, numbered; and a death before or after any of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import urllib3

from delivery.telemetry.prometheus import MetricsSource, Point


class Killed(BaseException):
    """The process ended here. Not an Exception: nothing in a process survives its death."""


class Pool(Protocol):
    """What a client sends its requests through."""

    def request(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], **transport: Any
    ) -> urllib3.BaseHTTPResponse: ...


@dataclass(frozen=True, slots=True)
class Death:
    """When a controller dies: before or after its effect of this number (from 0)."""

    effect: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} effect {self.effect}"


class Effects:
    """API writes and Prometheus queries of one life: `told` are those that were begun, `done` that came through, and
    `diary` these with their times."""

    def __init__(self, death: Death | None = None, now: Callable[[], float] = lambda: 0.0) -> None:
        self.told: list[str] = []
        self.diary: list[tuple[float, str]] = []
        self._now = now
        self._begun = now()
        self._death = death
        self.dead = False

    @property
    def done(self) -> list[str]:
        return [what for _, what in self.diary]

    def before(self, what: str) -> None:
        """Raises Killed where this effect does not happen any more."""
        if self.dead:
            raise Killed
        self.told.append(what)
        self._die(after=False)

    def after(self, what: str) -> None:
        """Raises Killed where this effect was the last."""
        self.diary.append((self._now() - self._begun, what))
        self._die(after=True)

    def _die(self, *, after: bool) -> None:
        if self._death == Death(len(self.told) - 1, after):
            self.dead = True
            raise Killed


class Lifeline(Protocol):
    """Who is told of effects, and may end the process at one."""

    dead: bool

    def before(self, what: str) -> None: ...

    def after(self, what: str) -> None: ...


class MortalPool:
    """A pool whose writes are effects."""

    def __init__(self, pool: Pool, effects: Lifeline) -> None:
        self._pool = pool
        self._effects = effects

    def request(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], **transport: Any
    ) -> urllib3.BaseHTTPResponse:
        if self._effects.dead:
            raise Killed
        if method == "GET":
            return self._pool.request(method, url, body=body, headers=headers, **transport)
        what = f"{method} {urlsplit(url).path} {_gist(body)}".strip()
        self._effects.before(what)
        answer = self._pool.request(method, url, body=body, headers=headers, **transport)
        self._effects.after(what)
        return answer


class MortalSource:
    """A Prometheus whose queries are effects."""

    def __init__(self, source: MetricsSource, effects: Lifeline) -> None:
        self._source = source
        self._effects = effects

    def check(self) -> None:
        self._source.check()

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
        self._effects.before("QUERY")
        answer = self._source.query(promql, at, within_s=within_s)
        self._effects.after("QUERY")
        return answer

    def query_range(self, promql: str, start: float, end: float, step: float) -> list[tuple[float, list[Point]]]:
        self._effects.before("QUERY RANGE")
        answer = self._source.query_range(promql, start, end, step)
        self._effects.after("QUERY RANGE")
        return answer


def narrated(effect: str) -> str:
    """An effect in the words of a log: what was written, by its kind and name."""
    verb, _, rest = effect.partition(" ")
    path, _, gist = rest.partition(" ")
    parts = path.split("/")
    if "namespaces" not in parts:
        return effect
    resource = "/".join(parts[parts.index("namespaces") + 2 :])
    if resource.startswith("events/"):
        resource = resource.rpartition(".")[0]  # its name ends in a digest of the object's uid
    return f"{verb:6} {resource} {gist}".rstrip()


def _gist(body: bytes | None) -> str:
    """What tells one write from another of the same path."""
    if not body:
        return ""
    read = json.loads(body)
    status = read.get("status") or {}
    desired = (status.get("traffic") or {}).get("desiredWeight")
    known = [status.get("phase"), status.get("stage"), status.get("step"), desired, read.get("reason")]
    return " ".join(str(part) for part in known if part not in (None, ""))
