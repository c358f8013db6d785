"""Which labels a selector takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Labels = Mapping[str, str]


def labels_of(obj: Mapping[str, Any]) -> dict[str, str]:
    """The object's labels; none is an empty mapping."""
    return dict((obj.get("metadata") or {}).get("labels") or {})


def holds_all(wanted: Labels, labels: Labels) -> bool:
    """Whether `labels` has every pair of `wanted`."""
    return all(labels.get(key) == value for key, value in wanted.items())


def matches(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """Whether a `LabelSelector` (matchLabels, matchExpressions) takes `labels`.

    None takes nothing, an empty selector everything. Raises ValueError for an operator the API does not have.
    """
    if selector is None:
        return False
    expressions = selector.get("matchExpressions") or []
    return holds_all(selector.get("matchLabels") or {}, labels) and all(_meets(each, labels) for each in expressions)


def _meets(expression: Mapping[str, Any], labels: Labels) -> bool:
    key, operator = expression["key"], expression["operator"]
    values = expression.get("values") or []
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(f"selector: operator {operator!r} of {key!r} is not In, NotIn, Exists or DoesNotExist")
