"""What would be written for the objects of a file at one weight, and the way back.

Each edited object carries in an annotation what is needed to undo the edit, as a Release's record does in a cluster.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from delivery.cluster.client import Object
from delivery.cluster.kinds import DESTINATION_RULE, SERVICE
from delivery.errors import InvalidSpec
from delivery.reconcile.route_finding import FoundRoutes, RouteFinder, checked, kind_of
from delivery.reconcile.routes import ports_of
from delivery.reconcile.splits import first_split, selectors_of
from delivery.resources.annotations import PLAN, POD_TEMPLATE_HASH, ownership_labels
from delivery.resources.policy import DeliveryPolicySpec
from delivery.route_files.documents import DocumentReader, Documents, is_of, named, placed
from delivery.workload.canary import canary_labels
from mesh_adapters.adapter import (
    Condition,
    Fault,
    RouteAdapter,
    RouteSelector,
    Stickiness,
    TrafficSplit,
    Treatment,
)
from mesh_adapters.istio.subsets import require_untaken, with_subsets, without_subsets
from mesh_adapters.meshes import every_adapter, meshes


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: the share of `service` in percent for the canary of `deployment`.

    `stable_hash` is the pod-template-hash of the stable pods, which a DestinationRule's subset needs.
    """

    service: str
    namespace: str
    weight: float
    deployment: str
    policy: DeliveryPolicySpec
    stable_hash: str


def planned(objects: Documents, wish: Wish) -> Documents:
    """The objects as they would be written; those that are not edited stay as they are, and a route that would be
    made comes last. Raises InvalidSpec."""
    for obj in objects:
        if _record(obj) is not None:
            raise InvalidSpec(f"{named(obj)} is planned already; run `headgate routes restore` on the file first")
    reader = DocumentReader(objects, wish.namespace)
    if not any(reader.serves(kind_of(adapter.ref)) for adapter in every_adapter()):
        kinds = list(dict.fromkeys(adapter.noun for adapter in every_adapter()))
        raise InvalidSpec(f"no {', '.join(kinds[:-1])} or {kinds[-1]} is among the objects; give the routes too")
    split = first_split(wish.namespace, wish.deployment, wish.service, wish.policy, wish.weight)
    found = RouteFinder(meshes()).find(reader, split, wish.policy, None)
    edits = {**_route_edits(found, wish), **_subset_edit(found, wish)}
    done = [_replaced(obj, edits.get(_key(placed(obj, wish.namespace)))) for obj in objects]
    if found.maker is not None:
        service = reader.find(SERVICE, wish.service, wish.namespace)
        done.append(_made(found.maker, found.split, ports_of(service)))
    return done


def restored(objects: Documents) -> Documents:
    """The user's own objects again, out of planned ones. Raises InvalidSpec."""
    if not any(_record(obj) for obj in objects):
        raise InvalidSpec(f"no object has the annotation {PLAN}: give the output of `headgate routes plan`")
    given_back = (_given_back(obj) for obj in objects)
    return [obj for obj in given_back if obj is not None]


def without_note(obj: Object) -> Object:
    """An object without what would undo the edit, for people to read."""
    record = _record(obj)
    return obj if record is None else _bare(obj, record["annotated"])


Edits = dict[tuple[str, str, str, str], tuple[Object, dict[str, Any]]]
"""By the key of the object: what it becomes, and the record that undoes it."""


def _route_edits(found: FoundRoutes, wish: Wish) -> Edits:
    edits: Edits = {}
    selectors = _selectors(wish)
    for adapter, route in found.routes:
        saved = checked(partial(adapter.save, route, replace(found.split, canary_weight=0.0), selectors))
        edited = checked(partial(adapter.plan, route, found.split, selectors))
        edits[_key(route)] = (edited, {"saved": saved, "split": asdict(found.split)})
    return edits


def _subset_edit(found: FoundRoutes, wish: Wish) -> Edits:
    rule = found.subset_rule
    if rule is None:
        return {}
    checked(lambda: require_untaken(rule, found.split))
    stable, canary = {POD_TEMPLATE_HASH: wish.stable_hash}, canary_labels(wish.deployment)
    edited = checked(lambda: with_subsets(rule, found.split, stable, canary))
    return {_key(rule): (edited, {"split": asdict(found.split)})}


def _made(maker: RouteAdapter, split: TrafficSplit, ports: Sequence[int]) -> Object:
    made = checked(lambda: maker.create(split, ownership_labels(split.apex), None, ports))
    return _annotated(made, {"created": True, "split": asdict(split)})


def _replaced(obj: Object, edit: tuple[Object, dict[str, Any]] | None) -> Object:
    if edit is None:
        return obj
    edited, record = edit
    return _annotated({**obj, "spec": edited["spec"]}, record)


def _annotated(obj: Object, record: Mapping[str, Any]) -> Object:
    meta = obj["metadata"]
    record = {**record, "annotated": "annotations" in meta}
    note = json.dumps(record, separators=(",", ":"), sort_keys=True)
    return {**obj, "metadata": {**meta, "annotations": {**(meta.get("annotations") or {}), PLAN: note}}}


def _given_back(obj: Object) -> Object | None:
    """The user's object; None for one that was made."""
    record = _record(obj)
    if record is None:
        return obj
    if record.get("created"):
        return None
    split = _split(record["split"])
    bare = _bare(obj, record["annotated"])
    there = placed(bare, split.namespace)
    if is_of(obj, DESTINATION_RULE):
        return {**bare, "spec": without_subsets(there, split)["spec"]}
    return {**bare, "spec": _adapter(obj).restore(there, record["saved"], split)["spec"]}


def _bare(obj: Object, annotated: bool) -> Object:
    meta = dict(obj["metadata"])
    kept = {key: value for key, value in meta["annotations"].items() if key != PLAN}
    if kept or annotated:
        meta["annotations"] = kept
    else:
        del meta["annotations"]
    return {**obj, "metadata": meta}


def _record(obj: Object) -> dict[str, Any] | None:
    note = (obj["metadata"].get("annotations") or {}).get(PLAN)
    if note is None:
        return None
    try:
        record = json.loads(note)
        _split(record["split"])
    except (TypeError, ValueError, KeyError) as problem:
        raise InvalidSpec(
            f"{named(obj)}: annotation {PLAN} cannot be read ({problem}); plan the file anew"
        ) from problem
    return dict(record)


def _split(record: Mapping[str, Any]) -> TrafficSplit:
    treatment = record["treatment"]
    match = tuple(tuple(Condition(**each) for each in conditions) for conditions in treatment["match"])
    sticky = Stickiness(**treatment["sticky"]) if treatment["sticky"] else None
    fault = Fault(**treatment["fault"]) if treatment["fault"] else None
    subsets = None if record["subsets"] is None else tuple(record["subsets"])
    restored_treatment = Treatment(match, treatment["mirror_percent"], sticky, fault)
    return TrafficSplit(**{**record, "treatment": restored_treatment, "subsets": subsets})


def _adapter(obj: Object) -> RouteAdapter:
    found = next((adapter for adapter in every_adapter() if is_of(obj, kind_of(adapter.ref))), None)
    if found is None:
        raise InvalidSpec(f"{named(obj)}: no kind of route that Headgate knows; remove its annotation {PLAN}")
    return found


def _selectors(wish: Wish) -> list[RouteSelector]:
    return [each for selectors in selectors_of(wish.policy, wish.namespace).values() for each in selectors]


def _key(obj: Object) -> tuple[str, str, str, str]:
    meta = obj["metadata"]
    return str(obj["apiVersion"]).rpartition("/")[0], obj["kind"], meta["namespace"], meta["name"]
