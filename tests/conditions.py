"""Waiting for what another process will make true, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def eventually(probe: Callable[[], Value], timeout_s: float = 30.0) -> Value:
    """The first truthy value of `probe`; fails the test when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while not (value := probe()):
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s; last value: {value!r}"
        time.sleep(0.02)
    return value
