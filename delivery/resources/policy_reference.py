"""Every field of a policy as a page, from the models themselves: `python -m delivery.resources.policy_reference`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo

from delivery.resources.duration import PATTERN, format_duration
from delivery.resources.policy import DeliveryPolicySpec

COMMAND = "python -m delivery.resources.policy_reference > docs/policy.md"
_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_PLURALS = {"text": "texts", "number": "numbers", "object": "objects"}
_DURATION = {"type": "string", "pattern": PATTERN}
_LIMITS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
_INTRODUCTION = f"""\
# Every field of a policy

This page is generated from the models (`{COMMAND}`); edit those, not this.

A DeliveryPolicy belongs to its namespace, a ClusterDeliveryPolicy to all of them; a Deployment's annotation
`headgate.dev/policy` names one, and that of the namespace comes first. `spec: {{}}` is a sound policy: every field has
a default unless it is marked *needed*. A field that is not known is refused, never ignored. Durations are written like
`30s`, `1m30s`, `250ms` or `2h`, in whole milliseconds, a year at most. A Release keeps the policy it began with; an
edit holds for the next one.

`headgate lint` ([lint.md](lint.md)) checks a policy before it is applied; `kubectl get dp` says whether the controller
can use it.
"""
FURTHER: tuple[tuple[str, str], ...] = (
    ("spec.mesh", "routes are named for one provider only, and for no other than `provider`"),
    ("spec.strategy.canary.steps", "weights rise; each has at most four decimals; a bare number is a weight"),
    ("spec.strategy.canary.steps[].fault", "needs `delay` or `abort`, and `match` or `sticky` beside the steps"),
    (
        "spec.strategy.canary.match[]",
        "names a header, a cookie or a query parameter; each value has exactly one condition",
    ),
    (
        "spec.analysis.metrics",
        "exactly one `errorRate` and at most one `latency` without a query; names differ; eight in all, and 4,000 "
        "characters of queries",
    ),
    ("spec.analysis.metrics[].query", "counters as they are, without `rate()`; a template that tells versions apart"),
)
"""What validators check across fields, which no single field can show."""


@dataclass(frozen=True, slots=True)
class Section:
    """One model, everywhere it stands, and of which kinds of metric, where it is part of one."""

    model: type[BaseModel]
    paths: tuple[str, ...]
    kinds: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        of_kinds = f", kind {' or '.join(map(_code, self.kinds))}" if self.kinds else ""
        return ", ".join(map(_code, self.paths)) + of_kinds


def policy_reference() -> str:
    """The page, in Markdown."""
    parts = [_INTRODUCTION]
    for section in sections(DeliveryPolicySpec, "spec"):
        parts.append(f"## {section.title}\n")
        if told := _described(section.model):
            parts.append(f"{told}\n")
        parts.append("\n".join(_table(section.model)) + "\n")
    further = [f"- `{path}`: {what}." for path, what in FURTHER]
    parts.append("## What is checked across fields\n\n" + "\n".join(further))
    return "\n".join(parts) + "\n"


def sections(model: type[BaseModel], path: str) -> list[Section]:
    """The model and those inside it, outer ones first; one that stands in several places once."""
    found: dict[type[BaseModel], list[tuple[str, str]]] = {}
    for inner, at, kind in _walk(model, path, ""):
        found.setdefault(inner, []).append((at, kind))
    return [
        Section(
            inner,
            tuple(dict.fromkeys(at for at, _ in places)),
            tuple(dict.fromkeys(kind for _, kind in places if kind)),
        )
        for inner, places in found.items()
    ]


def _walk(model: type[BaseModel], path: str, kind: str) -> Iterator[tuple[type[BaseModel], str, str]]:
    yield model, path, kind
    for name, field in model.model_fields.items():
        choice = list(_models(field.annotation))
        for inner, suffix in choice:
            own_kind = str(inner.model_fields["kind"].default) if len(choice) > 1 else kind
            yield from _walk(inner, f"{path}.{field.alias or name}{suffix}", own_kind)


def _models(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """The models of a field, each with what stands for its place in a list or a map."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
        return
    suffix = {tuple: "[]", dict: ".NAME"}.get(get_origin(annotation), "")
    for inner in get_args(annotation):
        for model, further in _models(inner):
            yield model, suffix + further


def _table(model: type[BaseModel]) -> Iterator[str]:
    yield "| field | type | default | must be | meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for name, field in model.model_fields.items():
        cells = (
            f"`{field.alias or name}`",
            _type(field.annotation, field.metadata),
            _default(field),
            ", ".join(_constraints(field)),
            " ".join((field.description or "").split()),
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _described(model: type[BaseModel]) -> str:
    """The model's own words; not those it inherits."""
    return " ".join((model.__dict__.get("__doc__") or "").split())


def _type(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    if any(isinstance(each, WithJsonSchema) and each.json_schema == _DURATION for each in metadata):
        return "duration"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "object"
    if get_origin(annotation) is None:
        return _NAMES[annotation]
    return _composed(annotation, [each for each in get_args(annotation) if each is not type(None)])


def _composed(annotation: Any, inner: list[Any]) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _type(inner[0], inner[1:])
    if origin is Literal:
        return ", ".join(map(_code, inner))
    if origin is tuple:
        return f"list of {_PLURALS[_type(inner[0])]}"
    if origin is dict:
        return f"map of {_PLURALS[_type(inner[1])]}"
    return " or ".join(dict.fromkeys(map(_type, inner)))  # a union


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*needed*"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return ""
    if isinstance(value, BaseModel):
        return "its own"
    return _code(format_duration(value) if _is_duration(field) else _short(value))


def _short(value: Any) -> Any:
    """What a user would write to get it: of an object in a list only what tells it from another one."""
    if isinstance(value, BaseModel):
        given = value.model_dump(mode="json", by_alias=True, include=value.model_fields_set) or {
            "kind": getattr(value, "kind", "")
        }
        return _short(next(iter(given.values())) if list(given) == ["weight"] else given)
    if isinstance(value, tuple | list):
        return [_short(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _code(value: Any) -> str:
    return f"`{_flow(value)}`"


def _flow(value: Any) -> str:
    """As YAML writes it on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)


def _constraints(field: FieldInfo) -> Iterator[str]:
    for each in field.metadata:
        for attribute, words in _LIMITS.items():
            limit = getattr(each, attribute, None)
            if limit is not None:
                yield f"{words} {format_duration(limit) if _is_duration(field) else f'{limit:g}'}"
        least, most, pattern = (getattr(each, name, None) for name in ("min_length", "max_length", "pattern"))
        if least is not None:
            yield "not empty" if least == 1 else f"at least {least}"
        if most is not None:
            yield f"at most {most} of them"
        if isinstance(pattern, str):
            yield _code(pattern)


def _is_duration(field: FieldInfo) -> bool:
    return _type(field.annotation, field.metadata) == "duration"


if __name__ == "__main__":
    print(policy_reference(), end="")
