"""Numbers, times and names as people read them, and untrusted text made fit to be shown at all."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

NOT_KNOWN = "not known"
_LEFT_IN = {"\n", "\t"}
_TURNS_TEXT = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def printable(text: str) -> str:
    """The text without what no document may hold or what makes it read as something else: control characters, lone
    surrogates, and marks that reverse the direction of writing.
    """
    if text.isascii() and text.isprintable():
        return text
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join("\ufffd" if _hides(char) else char for char in lines)


def _hides(char: str) -> bool:
    if char in _LEFT_IN:
        return False
    if char in {"\ufffe", "\uffff"} or unicodedata.category(char) in {"Cc", "Cs"}:
        return True
    return unicodedata.bidirectional(char) in _TURNS_TEXT


def clipped(text: str, most: int) -> str:
    """At most so many characters, with an ellipsis where something was left out."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def percent(share: float | None) -> str:
    """A share of 1 as percent with three significant digits."""
    if share is None:
        return NOT_KNOWN
    return f"{100 * share:.3g} %" if abs(share) < 1 else f"{100 * share:.4g} %"


def percent_between(ends: tuple[float, float] | None) -> str:
    """An interval of shares, as `0.1 % to 2 %`."""
    return NOT_KNOWN if ends is None else f"{percent(ends[0])} to {percent(ends[1])}"


def number(value: float | None) -> str:
    """A value of any unit with four significant digits, or in whole numbers where it has more."""
    if value is None:
        return NOT_KNOWN
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def count(value: float | None) -> str:
    """A count, in whole numbers."""
    return NOT_KNOWN if value is None else f"{value:,.0f}"


def evidence(log_evidence: float | None) -> str:
    """Evidence in natural logarithms, signed."""
    return NOT_KNOWN if log_evidence is None else f"{log_evidence:+.2f}"


def milliseconds_between(low: float | None, high: float | None) -> str:
    """Where a quantile lies; an end that is not known is left open."""
    if low is None and high is None:
        return NOT_KNOWN
    if low is None:
        return f"at most {high:g} ms"
    return f"more than {low:g} ms" if high is None else f"{low:g} to {high:g} ms"


def span(seconds: float | None) -> str:
    """A length of time in the two units that matter."""
    if seconds is None:
        return NOT_KNOWN
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def instant(at: float | None) -> str:
    """A time to the second, in UTC."""
    return NOT_KNOWN if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def words(name: str) -> str:
    """A name in camel case as words: `RolledBack` as `rolled back`."""
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()
