"""What follows a write without anyone asking: garbage collection by owner, emptying of namespaces and kinds."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from delivery.lab.apiserver import definitions
from delivery.lab.apiserver.deletion import FOREGROUND, ORPHAN, DeleteOptions, Deletion
from delivery.lab.apiserver.objects import NAMESPACES, Objects
from delivery.lab.apiserver.status import Json
from delivery.lab.apiserver.store import DELETED, Change, ObjectKey, StorageKey

Item = tuple[StorageKey, ObjectKey]


class Collector:
    """Watches every write, notes which objects need a look, and looks at them on the loop's next turn."""

    def __init__(self, objects: Objects, deletion: Deletion, soon: Callable[[Callable[[], None]], None]) -> None:
        self._objects = objects
        self._deletion = deletion
        self._soon = soon
        self._known: dict[str, Item] = {}
        self._dependents: defaultdict[str, set[Item]] = defaultdict(set)
        self._waiting: dict[Item, None] = {}
        self._scheduled = False
        objects.store.observe(self._noticed)

    def _noticed(self, storage: StorageKey, change: Change) -> None:
        item: Item = (storage, change.key)
        if change.previous is not None:
            self._forget_owners(change.previous, item)
        if change.kind == DELETED:
            self._removed(item, change.current)
        else:
            self._written(item, change.current)

    def _forget_owners(self, obj: Json, item: Item) -> None:
        for owner in _owners(obj):
            self._dependents[owner["uid"]].discard(item)
            if not self._dependents[owner["uid"]]:
                del self._dependents[owner["uid"]]

    def _removed(self, item: Item, obj: Json) -> None:
        self._known.pop(obj["metadata"]["uid"], None)
        self._enqueue(self._dependents.get(obj["metadata"]["uid"], ()))
        self._enqueue(self._known[owner["uid"]] for owner in _owners(obj) if owner["uid"] in self._known)
        storage, (namespace, _) = item
        if storage == definitions.STORAGE:
            self._undefine(obj)
        if namespace:
            self._enqueue([(NAMESPACES, ("", namespace))])
        definition = (definitions.STORAGE, ("", f"{storage[1]}.{storage[0]}"))
        if self._objects.store.get(*definition) is not None:
            self._enqueue([definition])

    def _written(self, item: Item, obj: Json) -> None:
        self._known[obj["metadata"]["uid"]] = item
        for owner in _owners(obj):
            self._dependents[owner["uid"]].add(item)
        leaving = obj["metadata"].get("deletionTimestamp")
        if leaving or any(owner["uid"] not in self._known for owner in _owners(obj)):
            self._enqueue([item])

    def _undefine(self, definition: Json) -> None:
        storage = (definition["spec"]["group"], definition["spec"]["names"]["plural"])
        self._objects.registry.remove_storage(storage)
        self._objects.store.drop(storage)

    def _enqueue(self, items: Iterable[Item]) -> None:
        self._waiting.update(dict.fromkeys(items))
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._soon(self.settle)

    def settle(self) -> None:
        """Look at everything noted until nothing is left to do."""
        while self._waiting:
            item = next(iter(self._waiting))
            del self._waiting[item]
            obj = self._objects.store.get(*item)
            if obj is not None:
                self._look_at(item, obj)
        self._scheduled = False

    def _look_at(self, item: Item, obj: Json) -> None:
        finalizers = obj["metadata"].get("finalizers") or []
        if not obj["metadata"].get("deletionTimestamp"):
            self._check_owners(item, obj)
        elif ORPHAN in finalizers:
            self._orphan_dependents(item, obj)
        elif FOREGROUND in finalizers:
            self._delete_dependents(item, obj)
        elif item[0] == NAMESPACES:
            self._empty_namespace(item, obj)
        elif item[0] == definitions.STORAGE and definitions.CLEANUP in finalizers:
            self._empty_definition(item, obj)

    def _check_owners(self, item: Item, obj: Json) -> None:
        """Delete an object none of whose owners is left; forget the owners that are gone otherwise."""
        owners = _owners(obj)
        present = [owner for owner in owners if owner["uid"] in self._known]
        if owners and not present:
            self._delete(item, "Background")
        elif len(present) < len(owners):
            self._rewrite(item, obj, ownerReferences=present)

    def _orphan_dependents(self, item: Item, obj: Json) -> None:
        uid = obj["metadata"]["uid"]
        for dependent in sorted(self._dependents.get(uid, ())):
            found = self._objects.store.get(*dependent)
            if found is not None:
                self._rewrite(dependent, found, ownerReferences=[o for o in _owners(found) if o["uid"] != uid])
        self._finalized(item, obj, ORPHAN)

    def _delete_dependents(self, item: Item, obj: Json) -> None:
        uid = obj["metadata"]["uid"]
        for dependent in sorted(self._dependents.get(uid, ())):
            found = self._objects.store.get(*dependent)
            if found is not None and not found["metadata"].get("deletionTimestamp"):
                self._delete(
                    dependent, "Foreground" if self._dependents.get(found["metadata"]["uid"]) else "Background"
                )
        if not any(self._blocks(dependent, uid) for dependent in self._dependents.get(uid, ())):
            self._finalized(item, obj, FOREGROUND)

    def _blocks(self, dependent: Item, uid: str) -> bool:
        found = self._objects.store.get(*dependent)
        return found is not None and any(o["uid"] == uid and o.get("blockOwnerDeletion") for o in _owners(found))

    def _empty_namespace(self, item: Item, obj: Json) -> None:
        name = item[1][1]
        contents = self._contents(name)
        for inner in contents:
            self._delete(inner, "Background")
        if not self._contents(name) and self._objects.store.get(*item) is not None:
            bare = {**obj, "spec": {k: v for k, v in obj.get("spec", {}).items() if k != "finalizers"}}
            if not obj["metadata"].get("finalizers"):
                self._objects.store.remove(*item, bare)

    def _contents(self, namespace: str) -> list[Item]:
        return [
            (storage, key)
            for storage, collection in self._objects.store.collections()
            for key in sorted(collection.objects)
            if key[0] == namespace
        ]

    def _empty_definition(self, item: Item, obj: Json) -> None:
        storage = (obj["spec"]["group"], obj["spec"]["names"]["plural"])
        for key in sorted(self._objects.store.open(storage).objects):
            self._delete((storage, key), "Background")
        if not self._objects.store.open(storage).objects:
            self._finalized(item, obj, definitions.CLEANUP)

    def _delete(self, item: Item, policy: str) -> None:
        resource = self._objects.registry.of_storage(item[0])
        found = self._objects.store.get(*item)
        if resource is not None and found is not None:
            self._deletion.delete(resource, item[1], DeleteOptions(policy=policy))

    def _finalized(self, item: Item, obj: Json, finalizer: str) -> None:
        remaining = [name for name in obj["metadata"].get("finalizers") or [] if name != finalizer]
        if remaining or item[0] == NAMESPACES:
            self._rewrite(item, obj, finalizers=remaining)
        else:
            metadata = {name: value for name, value in obj["metadata"].items() if name != "finalizers"}
            self._objects.store.remove(*item, {**obj, "metadata": metadata})

    def _rewrite(self, item: Item, obj: Json, **changes: list[Json] | list[str]) -> None:
        metadata = {name: value for name, value in obj["metadata"].items() if name not in changes}
        metadata |= {name: value for name, value in changes.items() if value}
        self._objects.store.put(*item, {**obj, "metadata": metadata})


def _owners(obj: Json) -> list[Json]:
    return obj["metadata"].get("ownerReferences") or []
