"""A collect, or a history, of all releases as one answer."""

from __future__ import annotations

from collections.abc import Sequence

from delivery.telemetry.collector import Collector
from delivery.telemetry.needs import Need
from delivery.telemetry.samples import Reading, StableHistory


def collected(collector: Collector, needs: Sequence[Need], now: float) -> dict[str, Reading]:
    """Each release's reading, whichever part it came in."""
    return {key: reading for part in collector.collect(needs, now) for key, reading in part.items()}


def history(collector: Collector, need: Need) -> StableHistory:
    """One release's; raises what stood in the way."""
    found = collector.histories([need])[need.release]
    if isinstance(found, StableHistory):
        return found
    raise found
