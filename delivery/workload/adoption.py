"""Whose pause is it? The API server itself remembers who set a field; no mark of our own is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delivery.resources.annotations import LEFT_PAUSED, MANAGER

Object = Mapping[str, Any]


def paused_by_us(deployment: Object) -> bool:
    """Whether Headgate set `spec.paused: true`, and nobody has set it since.

    Read from `metadata.managedFields`: an update that changes a field makes its writer the field's manager. One that
    was left paused on purpose is not ours any more.
    """
    noted = deployment["metadata"].get("annotations") or {}
    if not deployment["spec"].get("paused") or LEFT_PAUSED in noted:
        return False
    return any(
        "f:paused" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
        for entry in deployment["metadata"].get("managedFields") or ()
        if entry.get("manager") == MANAGER
    )


def slim(obj: dict[str, Any]) -> dict[str, Any]:
    """The object without other managers' field records, which are most of its size and of no use to a release."""
    own = [entry for entry in obj["metadata"].get("managedFields") or () if entry.get("manager") == MANAGER]
    kept = without_fields(obj)
    return {**kept, "metadata": {**kept["metadata"], "managedFields": own}} if own else kept


def without_fields(obj: dict[str, Any]) -> dict[str, Any]:
    """The object without any field records, of a kind whose fields nobody asks the writer of."""
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "managedFields"}}
