"""A run told while it goes on, and in a few lines at its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from delivery.lab.outcome import Outcome
from delivery.lab.scenario import Scenario
from delivery.report.release_report import summary
from delivery.resources.release import Release

if TYPE_CHECKING:
    from delivery.lab.run import Run

QUIET_S = 5.0


class Narrator:
    """Prints a line for each change of phase, step or weight, and one now and then in between."""

    def __init__(self, console: Console, scenario: Scenario) -> None:
        self._console = console
        self._scenario = scenario
        self._told: dict[str, tuple[object, ...]] = {}
        self._last_line = 0.0
        self.releases: list[Release] = []

    def __call__(self, run: Run) -> None:
        self.releases = run.releases()
        for release in self.releases:
            status = release.status
            news = (status.phase, status.step, status.traffic.verified_weight, status.reason)
            if self._told.get(release.name) != news:
                self._told[release.name] = news
                self._line(run, release, status.message)
            elif status.phase.value == "Shifting" and time.monotonic() - self._last_line > QUIET_S:
                self._line(run, release, summary(status.evidence))

    def tell(self, outcome: Outcome) -> None:
        """The outcome as a small table."""
        table = Table(show_header=False, box=None)
        for name, value in outcome.to_json().items():
            table.add_row(name, str(value))
        self._console.print(table)

    def _line(self, run: Run, release: Release, text: str) -> None:
        self._last_line = time.monotonic()
        status = release.status
        weight = status.traffic.verified_weight or 0.0
        version = ", ".join(image.rpartition(":")[2] for image in release.spec.canary.images)
        self._console.print(
            f"[dim]{time.time() - run.changed_at:6.1f} s[/dim]  [bold]{version}[/bold]  {status.phase.value:12}"
            f" {weight:5g} %  {text}",
            highlight=False,
            soft_wrap=True,
        )
