"""The part of JSONPath that printer columns use: fields, indices, wildcards and `[?(@.field==value)]` filters."""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

Step = Callable[[list[Any]], list[Any]]

_TOKEN = re.compile(
    r"""\.(?P<field>(?:\\.|[^.\[\\])+)        # .field, with \. for a dot inside a name
      | \[\s*['"](?P<quoted>[^'"]+)['"]\s*\]  # ['field']
      | \[\s*(?P<index>-?\d+)\s*\]            # [0]
      | (?P<all>\.?\[\*\]|\.\*)               # [*]
      | \[\?\(\s*@\.(?P<left>[^=!<>\s]+)\s*(?P<op>==|!=)\s*(?P<right>[^)]+?)\s*\)\]
    """,
    re.VERBOSE,
)


@cache
def compiled(path: str) -> Callable[[Any], list[Any]]:
    """A function from a document to every value at `path` (none: an empty list).

    Raises:
        ValueError: `path` uses something outside the part supported here.
    """
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    steps: list[Step] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError(f"JSONPath {path!r}: cannot read {text[position:]!r}")
        steps.append(_step(token))
        position = token.end()

    def find(document: Any) -> list[Any]:
        values = [document]
        for step in steps:
            values = step(values)
        return values

    return find


def _step(token: re.Match[str]) -> Step:
    if token["all"]:
        return lambda values: [item for value in values for item in _children(value)]
    if token["index"] is not None:
        return _indexed(int(token["index"]))
    if token["left"] is not None:
        return _filtered(token["left"], token["op"] == "==", token["right"])
    name = token["quoted"] or re.sub(r"\\(.)", r"\1", token["field"])
    return lambda values: [value[name] for value in values if isinstance(value, dict) and name in value]


def _indexed(index: int) -> Step:
    return lambda values: [
        value[index] for value in values if isinstance(value, list) and -len(value) <= index < len(value)
    ]


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _filtered(left: str, equal: bool, right: str) -> Step:
    find = compiled(f".{left}")
    wanted = right[1:-1] if right[:1] in {"'", '"'} else json.loads(right)
    return lambda values: [item for value in values for item in _children(value) if (find(item) == [wanted]) is equal]
