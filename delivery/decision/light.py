"""The light path: a template change that leaves every process as it is has nothing to compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Where pods run and how long they may take to end; not what runs in them.
PLACEMENT = frozenset(
    {
        "affinity",
        "nodeSelector",
        "priorityClassName",
        "schedulerName",
        "terminationGracePeriodSeconds",
        "tolerations",
        "topologySpreadConstraints",
    }
)


def is_light(stable: Mapping[str, Any], pending: Mapping[str, Any]) -> bool:
    """Whether two pod templates differ in nothing but labels, annotations and placement.

    So does `kubectl rollout restart`, which sets an annotation. Containers, volumes, accounts and security settings
    are what a process is made of: a change there is a new version.
    """
    return bool(stable) and _process(stable) == _process(pending)


def _process(template: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (template.get("spec") or {}).items() if key not in PLACEMENT}
