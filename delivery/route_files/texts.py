"""YAML and JSON text read and written as Kubernetes' tools do: dates are text, and no value is written as an alias."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from delivery.errors import InvalidSpec

_WHOLE = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)")
_REAL = re.compile(
    r"[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_OWN = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}


class _Loader(yaml.SafeLoader):
    """Without YAML 1.1's dates and numbers to the base of 60 (12:30), which Kubernetes takes as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in _OWN]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"(?:{_WHOLE.pattern})$"), list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"(?:{_REAL.pattern})$"), list("-+0123456789."))


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def values(text: str, source: str) -> list[Any]:
    """The documents of the text but the empty ones, as JSON would have them. Raises InvalidSpec with the place."""
    try:
        found = list(yaml.load_all(text, Loader=_Loader))
    except (yaml.YAMLError, ValueError) as problem:
        raise InvalidSpec(f"{source}: neither YAML nor JSON: {' '.join(str(problem).split())}") from problem
    return [_plain(each, f"{source}: document {at}") for at, each in enumerate(found, start=1) if each is not None]


def to_yaml(objects: Iterable[Any]) -> str:
    """One document each, fields in the order they have."""
    return yaml.dump_all(
        list(objects),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        width=120,
        allow_unicode=True,
        explicit_start=False,
    )


def to_json(objects: Sequence[Any]) -> str:
    """A List, as kubectl takes it."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}, indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any, where: str) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as problem:
        raise InvalidSpec(f"{where}: holds what JSON cannot say: {problem}") from problem
