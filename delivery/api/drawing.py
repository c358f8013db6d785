"""Reports as texts. Charts take long to draw, so they are drawn in a process beside the controller's."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

import anyio
import anyio.to_process
import anyio.to_thread
import msgspec
from cachetools import TTLCache

from delivery.errors import Retry
from delivery.report.as_json import to_json
from delivery.report.charts import to_svg
from delivery.report.html import to_html
from delivery.report.markdown import to_markdown
from delivery.resources.release import Release, release_from_object, release_object

KEPT_S = 10.0
KEPT_BYTES = 16 * 1024 * 1024
AT_ONCE = 1


class Form(StrEnum):
    """`markdown` is short enough for a comment on a pull request."""

    JSON = "json"
    HTML = "html"
    MARKDOWN = "markdown"
    SVG = "svg"


MEDIA_TYPES = {
    Form.JSON: "application/json",
    Form.HTML: "text/html",
    Form.MARKDOWN: "text/markdown",
    Form.SVG: "image/svg+xml",
}
_DRAWN: dict[Form, Callable[[Release, float], str]] = {
    Form.JSON: lambda release, now: msgspec.json.encode(to_json(release, now)).decode(),
    Form.HTML: to_html,
    Form.MARKDOWN: to_markdown,
    Form.SVG: to_svg,
}
_LONG = (Form.HTML, Form.SVG)


class Drawing:
    """Keeps each report for a moment, since many people look at the same. Lives on the event loop."""

    def __init__(self) -> None:
        self._room = anyio.CapacityLimiter(AT_ONCE)
        self._kept: TTLCache[tuple[str, str, str, Form], str] = TTLCache(KEPT_BYTES, KEPT_S, getsizeof=len)

    async def text(self, release: Release, form: Form) -> str:
        """Raises Retry where it could not be drawn."""
        what = (release.key, release.uid, release.resource_version, form)
        text = self._kept.get(what)
        if text is None:
            text = await self._drawn(release, form, time.time())
            if len(text) <= KEPT_BYTES:
                self._kept[what] = text
        return text

    async def _drawn(self, release: Release, form: Form, now: float) -> str:
        if form is Form.JSON:
            return _DRAWN[form](release, now)  # a millisecond or two; to wait for a thread takes longer
        if form not in _LONG:
            return await anyio.to_thread.run_sync(_DRAWN[form], release, now)
        try:
            encoded = msgspec.json.encode(release_object(release))
            return await anyio.to_process.run_sync(drawn, encoded, form, now, limiter=self._room)
        except anyio.BrokenWorkerProcess as gone:
            raise Retry(f"Release {release.key}: its report could not be drawn; ask again") from gone


def drawn(encoded: bytes, form: Form, now: float) -> str:
    """Runs in the other process."""
    return _DRAWN[form](release_from_object(msgspec.json.decode(encoded)), now)
