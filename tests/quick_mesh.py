"""For tests against meshes that follow at once: the passes in between need not wait a second each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from delivery.decision import following, preparing, promoting, shifting, unwinding

WAIT_S = 0.05


@contextmanager
def quick_mesh() -> Iterator[None]:
    """Short waits between passes while it lasts."""
    with ExitStack() as stack:
        for module in (following, preparing, promoting, shifting, unwinding):
            stack.enter_context(patch.object(module, "WAIT_S", WAIT_S))
        yield
