"""What a mesh calls its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mesh_adapters.subjects import LabelMatch, Subject


@dataclass(frozen=True, slots=True)
class Series:
    """One way to count requests and their durations.

    `scope` applies to every query. A request failed when one of `failures` holds, each a conjunction; they exclude
    one another, so their counts may be added. `classified_by` are the labels `failures` look at.
    """

    name: str
    requests: str
    latency_bucket: str
    latency_unit_seconds: float
    instance: str
    subject: Subject
    scope: tuple[LabelMatch, ...]
    failures: tuple[tuple[LabelMatch, ...], ...]

    @property
    def classified_by(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(match.label for failure in self.failures for match in failure))

    def failed(self, labels: Mapping[str, str]) -> bool:
        """Whether the requests counted under these labels failed."""
        return any(all(match.holds(labels) for match in failure) for failure in self.failures)
