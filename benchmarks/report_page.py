"""What pages cost a browser: a release's report, and the overview of 1,000 releases.

python -m benchmarks.report_page
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Browser, Page

from delivery.lab.control_plane import start_control_plane
from delivery.report.html import to_html
from delivery.resources.release import Release
from tests.decision.given import NOW
from tests.pages.browsing import launched
from tests.pages.fleet import fleet
from tests.pages.rights import everywhere
from tests.report.fifteen_minutes import LOOKS, fifteen_minutes
from tests.served import Served, serve

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "report-page.md"
LOADS, RELEASES, CHANGES, APART_S = 10, 1000, 10, 1.5
WORDS = ("c", "ca", "car", "cart", "cart-0", "cart-01", "cart-0", "cart", "ca", "")
NAVIGATED = """() => {
  const painted = performance.getEntriesByName("first-contentful-paint")[0];
  return [performance.getEntriesByType("navigation")[0].loadEventEnd, painted ? painted.startTime : NaN];
}"""
TYPED = """async (word) => {
  const search = document.getElementById("search"), began = performance.now();
  search.value = word;
  search.dispatchEvent(new Event("input"));
  const handled = performance.now();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return [handled - began, performance.now() - began];
}"""
HEARD = """
window.heard = [];
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, handle) {
  if (name !== "releases") return listen.call(this, name, handle);
  listen.call(this, name, (event) => {
    const began = performance.now();
    handle(event);
    requestAnimationFrame(() => setTimeout(() => heard.push([performance.now() - began, Date.now()])));
  });
};
"""


@dataclass(frozen=True, slots=True)
class Folders:
    """Of one that is removed at the end, as pytest would make them."""

    root: Path

    def mktemp(self, basename: str, /) -> Path:
        return Path(tempfile.mkdtemp(prefix=basename, dir=self.root))


def loaded(browser: Browser, file: Path) -> list[tuple[float, float]]:
    """Milliseconds from navigation to the end of the load, and to the first paint, each time in a new context."""
    found = []
    for _ in range(LOADS):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(file.as_uri())
        page.wait_for_function("() => performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
        page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
        load, painted = page.evaluate(NAVIGATED)
        found.append((load, painted))
        context.close()
    return found


def rendered(release: Release) -> float:
    """Milliseconds that a controller needs for the report, of one processor."""
    took = []
    for _ in range(LOADS):
        began = time.process_time()
        to_html(release, NOW + 1000)
        took.append(1e3 * (time.process_time() - began))
    return statistics.median(took)


@contextmanager
def overview(browser: Browser, root: Path) -> Iterator[tuple[Served, Page, list[Release]]]:
    """The page of all, over a real listener and the embedded control plane."""
    folders = Folders(root)
    with start_control_plane(folders.mktemp("plane")) as plane:
        serving = serve(lambda _: plane, "embedded", folders)
        served = next(serving)
        try:
            releases = list(fleet(RELEASES))
            for release in releases:
                served.board.told(release.namespace, release.name, release)
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            context.add_init_script(HEARD)
            context.add_cookies([{"name": "headgate-token", "value": everywhere(served), "url": served.url}])
            page = context.new_page()
            page.goto(served.url)
            page.wait_for_selector("#releases tbody tr")
            yield served, page, releases
            context.close()
        finally:
            serving.close()


def changed(served: Served, page: Page, releases: list[Release]) -> list[tuple[float, float]]:
    """Milliseconds from an event's arrival to the painted row, and from the change that the API heard of to it."""
    first = next(one for one in releases if one.active)
    found = []
    for number in range(CHANGES):
        told = first.model_copy(
            update={
                "resource_version": str(10_000 + number),
                "status": first.status.model_copy(update={"message": f"change {number}"}),
            }
        )
        began = time.time()
        served.board.told(told.namespace, told.name, told)
        page.wait_for_function(f"() => heard.length > {number}")
        painted, at = page.evaluate(f"heard[{number}]")
        found.append((painted, at - 1e3 * began))
        page.wait_for_timeout(1e3 * APART_S)
    return found


def _median(values: list[tuple[float, float]], at: int) -> str:
    return f"{statistics.median(value[at] for value in values):.0f} (at most {max(value[at] for value in values):.0f})"


def measured(browser: Browser, say: Callable[[str], None]) -> list[str]:
    """The page's lines."""
    release = fifteen_minutes()
    html = to_html(release, NOW + 1000)
    rows = ["| what | value |", "| --- | ---: |"]
    with tempfile.TemporaryDirectory() as root:
        file = Path(root) / "report.html"
        file.write_text(html)
        loads = loaded(browser, file)
        rows += [
            f"| report: size, bytes | {len(html.encode()):,} |",
            f"| report: made by the controller, ms of processor time | {rendered(release):.0f} |",
            f"| report: navigation to first paint, ms | {_median(loads, 1)} |",
            f"| report: navigation to the end of the load, ms | {_median(loads, 0)} |",
        ]
        with overview(browser, Path(root)) as (served, page, releases):
            typed = [tuple(page.evaluate(TYPED, word)) for word in WORDS]
            heard = changed(served, page, releases)
        rows += [
            f"| overview: a keystroke in the search to the rows in the document, ms | {_median(typed, 0)} |",
            f"| overview: a keystroke in the search to the painted rows, ms | {_median(typed, 1)} |",
            f"| overview: an event's arrival to the painted row, ms | {_median(heard, 0)} |",
            f"| overview: a change that the API hears of to the painted row, ms | {_median(heard, 1)} |",
        ]
    for row in rows[2:]:
        say(row)
    return rows


def main(output: Annotated[Path, typer.Option()] = OUTPUT) -> None:
    """Write the report."""
    with launched() as browser:
        told = (
            f"Chromium {browser.version} without a window, {os.cpu_count()} cores. The report: a release of 15 minutes,"
            f" {LOOKS} looks, 4 steps, a latency of 20 buckets and a metric of its own, opened {LOADS} times as a file."
            f" The overview: {RELEASES:,} releases, {len(WORDS)} keystrokes, {CHANGES} changes; changes are told"
            " together once a second. Medians, and the largest."
        )
        rows = measured(browser, typer.echo)
    text = ["# What pages cost a browser", "", "`python -m benchmarks.report_page`", "", told, "", *rows]
    output.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    typer.run(main)
