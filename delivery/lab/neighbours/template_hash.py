"""The name of a pod template: a short hash that is the same for equal templates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

POD_TEMPLATE_HASH = "pod-template-hash"
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, so that no word appears in a name
LENGTH = 10


def template_hash(template: Mapping[str, Any], collisions: int = 0) -> str:
    """Ten letters and digits; `collisions` gives another one when the first is taken by a different template."""
    text = json.dumps([without_hash(template), collisions], sort_keys=True, separators=(",", ":"))
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:12], "big")
    letters = []
    for _ in range(LENGTH):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "".join(letters)


def without_hash(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template as the user wrote it, for comparison: no hash label, no field that holds nothing."""
    plain = deepcopy(dict(template))
    labels = (plain.get("metadata") or {}).get("labels") or {}
    labels.pop(POD_TEMPLATE_HASH, None)
    compact = _compact(plain)
    return compact if isinstance(compact, dict) else {}


def _compact(value: Any) -> Any:
    if isinstance(value, Mapping):
        pruned = {key: _compact(item) for key, item in value.items()}
        # An empty volume source such as emptyDir says something; an empty metadata or label map does not.
        return {key: item for key, item in pruned.items() if item is not None and (item != {} or key not in _IDLE)}
    if isinstance(value, list):
        return [_compact(item) for item in value]
    return value


_IDLE = frozenset({"metadata", "labels", "annotations", "resources", "securityContext", "nodeSelector"})
