"""Random strings and numbers of a structural schema: bounds, patterns and the formats of Kubernetes' APIs."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Schema = Mapping[str, Any]

SHORT = 12
"""Characters of a string that nothing says more about."""

_PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
_BITS = {"int32": 32, "int64": 64}
_MINIMAL_DURATION = re.compile(r"duration\(self\) >= duration\('1ms'\)")
_POSIX_CLASSES = {
    "[:alnum:]": "0-9A-Za-z",
    "[:alpha:]": "A-Za-z",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:word:]": "0-9A-Za-z_",
    "[:xdigit:]": "0-9A-Fa-f",
}

_MOMENTS = st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC))


def durations() -> SearchStrategy[str]:
    """What Go's time.ParseDuration reads, one millisecond and more."""
    units = st.sampled_from(("ms", "s", "m", "h"))
    whole = st.builds(lambda number, unit: f"{number}{unit}", st.integers(1, 90), units)
    fraction = st.builds(lambda number, unit: f"{number / 10:g}{unit}", st.integers(11, 99), st.sampled_from("smh"))
    several = st.builds(lambda minutes, seconds: f"{minutes}m{seconds}s", st.integers(0, 59), st.integers(1, 59))
    return st.one_of(whole, whole, fraction, several)


def integers(schema: Schema) -> SearchStrategy[int]:
    """Within the bounds and the format; 64 bits where there is no format."""
    reach = 2 ** (_BITS.get(schema.get("format", ""), 64) - 1)
    least = max(int(schema.get("minimum", -reach)), -reach) + bool(schema.get("exclusiveMinimum"))
    most = min(int(schema.get("maximum", reach - 1)), reach - 1) - bool(schema.get("exclusiveMaximum"))
    return st.integers(least, most)


def numbers(schema: Schema) -> SearchStrategy[float | int]:
    """Within the bounds; whole ones are written without a fraction now and then, as people do."""
    bounds = (schema.get("minimum"), schema.get("maximum"))
    floats = st.floats(
        *bounds,
        allow_nan=False,
        allow_infinity=False,
        exclude_min=bool(schema.get("exclusiveMinimum")),
        exclude_max=bool(schema.get("exclusiveMaximum")),
    )
    return floats | floats.map(_whole).filter(lambda number: _inside(number, *bounds))


def strings(schema: Schema) -> SearchStrategy[str]:
    """As the format, the pattern and the lengths say; of printable ASCII."""
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    formatted = _of_format(schema)
    if formatted is not None:
        return formatted
    if "pattern" in schema:
        return from_pattern(schema["pattern"]).filter(lambda text: least <= len(text) <= (most or len(text)))
    return st.text(_PRINTABLE, min_size=least, max_size=max(least, min(SHORT if most is None else most, SHORT)))


@lru_cache(maxsize=256)
def from_pattern(pattern: str) -> SearchStrategy[str]:
    """Strings that match the RE2 `pattern` as a whole: a pattern without anchors would take more than these."""
    return st.from_regex(re.compile(python_pattern(pattern), re.ASCII), fullmatch=True, alphabet=_PRINTABLE)


def python_pattern(pattern: str) -> str:
    r"""The RE2 `pattern` in Python's syntax: `\z` is `\Z`, and POSIX classes are written out.

    Raises ValueError for what Python cannot say: `\pL`, `\Q...\E`, `\C`.
    """
    foreign = re.search(r"(?<!\\)(?:\\\\)*\\([pPQEC])", pattern)
    if foreign:
        raise ValueError(f"pattern {pattern!r}: \\{foreign[1]} has no counterpart in Python's re")
    for name, characters in _POSIX_CLASSES.items():
        pattern = pattern.replace(name, characters)
    return re.sub(r"(?<!\\)((?:\\\\)*)\\z", r"\1\\Z", pattern)


def _of_format(schema: Schema) -> SearchStrategy[str] | None:
    rules = [" ".join(str(entry["rule"]).split()) for entry in schema.get("x-kubernetes-validations", ())]
    if any(_MINIMAL_DURATION.fullmatch(rule) for rule in rules) or schema.get("format") == "duration":
        return durations()
    match schema.get("format"):
        case "byte":
            return st.binary(max_size=SHORT).map(lambda content: base64.b64encode(content).decode())
        case "date-time":
            return _MOMENTS.map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return None


def _whole(number: float) -> int | float:
    # Beyond 2**53 a whole number would not be the same one after a journey through a double.
    return round(number) if abs(number) < 2**53 else number


def _inside(number: float, least: float | None, most: float | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)
