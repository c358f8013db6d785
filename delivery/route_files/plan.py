"""What would be written for the objects of a file at one weight, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from delivery.cluster.client import Object
from delivery.cluster.kinds import DESTINATION_RULE, SERVICE
from delivery.errors import InvalidSpec
from delivery.reconcile.route_finding import FoundRoutes, RouteFinder, checked, kind_of, route_kinds
from delivery.reconcile.routes import ports_of
from delivery.reconcile.splits import first_split, selectors_of
from delivery.resources.annotations import PLAN, POD_TEMPLATE_HASH, ownership_labels
from delivery.route_files.documents import DocumentReader, Documents, group_of, is_of, named, placed
from delivery.route_files.note import Note, Saved, note_of, noted, without_note
from delivery.route_files.wish import Wish
from delivery.workload.canary import canary_labels
from mesh_adapters.adapter import RouteAdapter, RouteSelector
from mesh_adapters.istio.subsets import require_untaken, with_subsets, without_subsets
from mesh_adapters.meshes import every_adapter, meshes


def planned(objects: Documents, wish: Wish) -> Documents:
    """The objects as they would be written; those that are not edited stay as they are, and a route that would be
    made comes last. Raises InvalidSpec."""
    _require_plannable(objects)
    reader = DocumentReader(objects, wish.namespace)
    split = first_split(wish.namespace, wish.deployment, wish.service, wish.policy, wish.weight)
    found = RouteFinder(meshes(wish.cluster_domain)).find(reader, split, wish.policy, None)
    edits = {**_route_edits(found, wish), **_subset_edit(found, wish)}
    done = [_replaced(obj, edits.get(_key(placed(obj, wish.namespace)))) for obj in objects]
    if found.maker is not None:
        done.append(_made(found, wish, found.maker, reader.find(SERVICE, wish.service, wish.namespace)))
    return done


def restored(objects: Documents) -> Documents:
    """The user's own objects again, out of planned ones. Raises InvalidSpec."""
    if not any(note_of(obj) for obj in objects):
        raise InvalidSpec(f"no object has the annotation {PLAN}: give the output of `headgate routes plan`")
    given_back = (_given_back(obj) for obj in objects)
    return [obj for obj in given_back if obj is not None]


Edits = dict[tuple[str, str, str, str], tuple[Object, Note]]
"""By the key of the object: what it becomes, and what undoes it."""


def _require_plannable(objects: Documents) -> None:
    kinds = route_kinds(meshes())
    for obj in objects:
        if note_of(obj) is not None:
            raise InvalidSpec(f"{named(obj)} is planned already; run `headgate routes restore` on the file first")
        kind = next((kind for kind in kinds if (kind.group, kind.name) == (group_of(obj), obj["kind"])), None)
        if kind is not None and not is_of(obj, kind):
            raise InvalidSpec(
                f"{named(obj)}: {obj['apiVersion']} is no version that Headgate can edit; write it in "
                f"{' or '.join(kind.versions)}"
            )
    adapters = every_adapter()
    if not any(is_of(obj, kind_of(adapter.ref)) for obj in objects for adapter in adapters):
        nouns = list(dict.fromkeys(adapter.noun for adapter in adapters))
        raise InvalidSpec(f"no {', '.join(nouns[:-1])} or {nouns[-1]} is among the objects; give the routes too")


def _route_edits(found: FoundRoutes, wish: Wish) -> Edits:
    edits: Edits = {}
    selectors = _selectors(wish)
    for adapter, route in found.routes:
        saved = checked(partial(_saved, adapter, route, found, selectors))
        edited = checked(partial(adapter.plan, route, found.split, selectors))
        edits[_key(route)] = (edited, Note(split=found.split, saved=saved, cluster_domain=wish.cluster_domain))
    return edits


def _saved(adapter: RouteAdapter, route: Object, found: FoundRoutes, selectors: Sequence[RouteSelector]) -> Saved:
    """At the weight that is asked for, so that what is refused is refused for that."""
    return Saved.model_validate(adapter.save(route, found.split, selectors))


def _subset_edit(found: FoundRoutes, wish: Wish) -> Edits:
    rule = found.subset_rule
    if rule is None:
        return {}
    checked(lambda: require_untaken(rule, found.split))
    stable, canary = {POD_TEMPLATE_HASH: wish.stable_hash}, canary_labels(wish.deployment)
    edited = checked(lambda: with_subsets(rule, found.split, stable, canary))
    return {_key(rule): (edited, Note(split=found.split, cluster_domain=wish.cluster_domain))}


def _made(found: FoundRoutes, wish: Wish, maker: RouteAdapter, service: Object | None) -> Object:
    if service is None:
        raise InvalidSpec(
            f"no route among the objects carries Service {wish.namespace}/{wish.service}; correct --service or "
            "--namespace, or give the Service too, for which one would be made"
        )
    made = checked(lambda: maker.create(found.split, ownership_labels(found.split.apex), None, ports_of(service)))
    return noted(made, Note(split=found.split, created=True, cluster_domain=wish.cluster_domain))


def _replaced(obj: Object, edit: tuple[Object, Note] | None) -> Object:
    if edit is None:
        return obj
    edited, note = edit
    return noted({**obj, "spec": edited["spec"]}, note)


def _given_back(obj: Object) -> Object | None:
    """The user's object; None for one that was made."""
    note = note_of(obj)
    if note is None:
        return obj
    if note.created:
        return None
    if obj.get("spec") is None:
        raise InvalidSpec(f"{named(obj)} has no spec any more; plan the file anew")
    bare = without_note(obj)
    there = placed(bare, note.split.namespace)
    if is_of(obj, DESTINATION_RULE):
        return {**bare, "spec": without_subsets(there, note.split)["spec"]}
    if note.saved is None:
        raise InvalidSpec(f"{named(obj)}: annotation {PLAN} says nothing of what was there; plan the file anew")
    adapter = _adapter(obj, note)
    return {**bare, "spec": adapter.restore(there, note.saved.model_dump(), note.split)["spec"]}


def _adapter(obj: Object, note: Note) -> RouteAdapter:
    adapters = every_adapter(note.cluster_domain)
    found = next((adapter for adapter in adapters if is_of(obj, kind_of(adapter.ref))), None)
    if found is None:
        raise InvalidSpec(f"{named(obj)}: no kind of route that Headgate knows; remove its annotation {PLAN}")
    return found


def _selectors(wish: Wish) -> list[RouteSelector]:
    return [each for selectors in selectors_of(wish.policy, wish.namespace).values() for each in selectors]


def _key(obj: Object) -> tuple[str, str, str, str]:
    meta = obj["metadata"]
    return group_of(obj), obj["kind"], meta["namespace"], meta["name"]
