"""Two leaders: one is stopped in the middle of a write, the other takes over, then the first one's write arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3

from delivery.reconcile.term import Deposed
from tests.scenarios.effects import Pool


class Stopped(BaseException):
    """SIGSTOP: the process does not go on from here, and does not know it."""


@dataclass(slots=True)
class DrivenTerm:
    """A term that a test ends."""

    fence: str
    over: bool = False

    def require(self) -> None:
        if self.over:
            raise Deposed(f"{self.fence}: the term is over")


@dataclass(slots=True)
class StoppingPool:
    """A pool whose write of number `at` (from 0) is held back: the process is stopped with its request on the way."""

    pool: Pool
    at: int
    held: list[tuple[str, str, bytes | None, Mapping[str, str], dict[str, Any]]] = field(default_factory=list)
    writes: int = 0

    def request(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], **transport: Any
    ) -> urllib3.BaseHTTPResponse:
        if method != "GET":
            self.writes += 1
            if self.writes - 1 == self.at:
                self.held.append((method, url, body, headers, transport))
                raise Stopped
        return self.pool.request(method, url, body=body, headers=headers, **transport)

    def arrive(self) -> int:
        """The held request reaches the server after all; the server's answer code."""
        [(method, url, body, headers, transport)] = self.held
        self.held.clear()
        return self.pool.request(method, url, body=body, headers=headers, **transport).status
