"""PromQL with places for what tells a release's two versions apart, in strings of label matchers only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from delivery.errors import InvalidSpec
from mesh_adapters.subjects import literally

PLACES = ("workload", "service", "namespace", "arm")
TELLING_APART = ("workload", "service", "arm")
LONGEST = 2000  # characters
_PLACE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_TOKEN = re.compile(
    r"""(?P<matcher>=~|!~|!=|=)\s*(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<other>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)|(?P<comment>\#[^\n]*)""",
    re.VERBOSE,
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "'": "\\'", "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class QueryTemplate:
    """Raises InvalidSpec that says what to change where a place is unknown or is not within a matcher's string."""

    text: str

    def __post_init__(self) -> None:
        if len(self.text) > LONGEST:
            raise InvalidSpec(f"a query has at most {LONGEST} characters; record a rule for what is longer")
        for found in _PLACE.finditer(self.text):
            if found[1] not in PLACES:
                raise InvalidSpec(f"there is no {{{{ {found[1]} }}}}; use {', '.join(PLACES)}")
        named = {found[1] for string in self._matched() for found in _PLACE.finditer(string)}
        if len(self._everywhere()) != sum(len(_PLACE.findall(string)) for string in self._matched()):
            raise InvalidSpec('put {{ ... }} within the quotes of a label matcher, as in {deployment="{{ workload }}"}')
        if not named & set(TELLING_APART):
            told = " or ".join(f"{{{{ {name} }}}}" for name in TELLING_APART)
            raise InvalidSpec(f"the query asks the same of both versions: match a label by {told}")
        if not self._closed():
            raise InvalidSpec("a bracket or a quote of the query is not closed, or closes what was not opened")

    def resolved(self, values: Mapping[str, str]) -> str:
        """The query for these values, each taken literally, whatever is in it."""

        def matched(token: re.Match[str]) -> str:
            if token["string"] is None:
                return token[0]
            regex = token["matcher"] in {"=~", "!~"}
            filled = _PLACE.sub(lambda place: _literal(values[place[1]], regex=regex), token["string"])
            return token[0][: token.start("string") - token.start()] + filled

        return _TOKEN.sub(matched, self.text)

    def _matched(self) -> list[str]:
        return [token["string"] for token in _TOKEN.finditer(self.text) if token["string"] is not None]

    def _closed(self) -> bool:
        """Many policies' queries are asked as one: none may reach into the next."""
        open_ones: list[str] = []
        for mark in re.sub(r"[^][(){}\"'`]", "", _TOKEN.sub("", self.text)):
            if mark in _CLOSING:
                open_ones.append(_CLOSING[mark])
            elif not open_ones or open_ones.pop() != mark:  # a quote that is left belongs to no string
                return False
        return not open_ones

    def _everywhere(self) -> list[str]:
        return _PLACE.findall(self.text)


def _literal(value: str, *, regex: bool) -> str:
    """The value within a string of PromQL; in a regular expression (RE2) it matches itself only."""
    return (literally(value) if regex else value).translate(_ESCAPED)
