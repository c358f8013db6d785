"""Whose pause it is, by what the API server itself recorded; on both control planes."""

from __future__ import annotations

from typing import Any

from delivery.resources.annotations import LEFT_PAUSED
from delivery.workload.adoption import paused_by_us, slim

OURS = {"manager": "headgate", "fieldsV1": {"f:spec": {"f:paused": {}}}}
THEIRS = {"manager": "kubectl-patch", "fieldsV1": {"f:spec": {"f:paused": {}, "f:replicas": {}}}}


def deployment(*managers: dict[str, Any], paused: bool = True, annotation: str = "other") -> dict[str, Any]:
    meta = {"managedFields": list(managers), "annotations": {annotation: "true"}}
    return {"metadata": meta, "spec": {"paused": paused}}


def test_a_pause_is_ours_where_we_manage_the_field() -> None:
    assert paused_by_us(deployment(THEIRS, OURS))
    assert not paused_by_us(deployment(THEIRS))
    assert not paused_by_us(deployment(OURS, paused=False))
    assert not paused_by_us({"metadata": {}, "spec": {"paused": True}})


def test_one_that_was_left_paused_on_purpose_is_ours_no_more() -> None:
    assert not paused_by_us(deployment(OURS, annotation=LEFT_PAUSED))


def test_slimming_keeps_our_own_field_records_and_nothing_of_others() -> None:
    assert slim(deployment(THEIRS, OURS))["metadata"]["managedFields"] == [OURS]
    assert "managedFields" not in slim(deployment(THEIRS))["metadata"]
    assert paused_by_us(slim(deployment(THEIRS, OURS)))
