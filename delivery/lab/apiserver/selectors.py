"""Label and field selectors: parsed from a request, matched against stored objects."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from delivery.lab.apiserver.status import Json, bad_request

_KEY = r"(?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_SET = re.compile(rf"^\s*(?P<key>{_KEY})\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)\s*$")
_EQUAL = re.compile(rf"^\s*(?P<key>{_KEY})\s*(?P<op>==|=|!=)\s*(?P<value>{_VALUE})\s*$")
_EXISTS = re.compile(rf"^\s*(?P<not>!?)\s*(?P<key>{_KEY})\s*$")
_COMPARE = re.compile(rf"^\s*(?P<key>{_KEY})\s*(?P<op>[<>])\s*(?P<value>-?\d+)\s*$")
_FIELD = re.compile(r"^(?P<path>[^=!]+)(?P<op>!=|==|=)(?P<value>.*)$")

Test = Callable[[dict[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects a request means; `everything` when nothing narrows it."""

    labels: tuple[Test, ...] = ()
    fields: tuple[Callable[[Json], bool], ...] = ()

    @property
    def everything(self) -> bool:
        return not self.labels and not self.fields

    def matches(self, obj: Json) -> bool:
        if self.everything:
            return True
        labels = obj["metadata"].get("labels") or {}
        return all(test(labels) for test in self.labels) and all(test(obj) for test in self.fields)


def selection(label_selector: str, field_selector: str, fields: dict[str, tuple[str, ...]]) -> Selection:
    """Parse both selectors; `fields` maps each selectable field's name to its path in the object.

    Raises:
        ApiError: 400 for a selector that does not parse or a field that cannot be selected by.
    """
    labels = tuple(_label_test(term) for term in _terms(label_selector)) if label_selector.strip() else ()
    tests = tuple(_field_test(term, fields) for term in field_selector.split(",") if term.strip())
    return Selection(labels, tests)


def _terms(selector: str) -> list[str]:
    """Split at commas that are not inside the parentheses of a set."""
    return re.split(r",(?![^()]*\))", selector)


def _label_test(term: str) -> Test:
    if matched := _SET.match(term):
        return _membership(matched["key"], matched["op"] == "in", matched["values"])
    if matched := _EQUAL.match(term):
        return _equality(matched["key"], matched["op"] != "!=", matched["value"])
    if matched := _EXISTS.match(term):
        return _existence(matched["key"], not matched["not"])
    if matched := _COMPARE.match(term):
        return _comparison(matched["key"], matched["op"], int(matched["value"]))
    raise bad_request(f"unable to parse requirement: {term.strip()!r} is not a label requirement")


def _membership(key: str, wanted: bool, values: str) -> Test:
    allowed = frozenset(value.strip() for value in values.split(","))
    if wanted:
        return lambda labels: key in labels and labels[key] in allowed
    return lambda labels: labels.get(key) not in allowed


def _equality(key: str, wanted: bool, value: str) -> Test:
    if wanted:
        return lambda labels: labels.get(key) == value
    return lambda labels: labels.get(key) != value


def _existence(key: str, wanted: bool) -> Test:
    return lambda labels: (key in labels) is wanted


def _comparison(key: str, operator: str, bound: int) -> Test:
    def compare(labels: dict[str, str]) -> bool:
        text = labels.get(key, "")
        if not re.fullmatch(r"-?\d+", text):
            return False
        return int(text) < bound if operator == "<" else int(text) > bound

    return compare


def _field_test(term: str, fields: dict[str, tuple[str, ...]]) -> Callable[[Json], bool]:
    matched = _FIELD.match(term.strip())
    if matched is None:
        raise bad_request(f"invalid selector: {term!r}; can't understand {term!r}")
    name, value, negated = matched["path"].strip(), matched["value"].strip(), matched["op"] == "!="
    path = fields.get(name)
    if path is None:
        raise bad_request(f"field label not supported: {name}")
    return lambda obj: (_text_at(obj, path) == value) is not negated


def _text_at(obj: Json, path: tuple[str, ...]) -> str:
    value: Any = obj
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
