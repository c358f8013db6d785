"""What the lab's tests stand on."""

from __future__ import annotations

import pytest

from delivery.errors import InvalidSpec
from delivery.lab.prometheus import find_prometheus


@pytest.fixture
def prometheus_here() -> None:
    """Skips where there is no Prometheus."""
    try:
        find_prometheus()
    except InvalidSpec as missing:
        pytest.skip(str(missing))
