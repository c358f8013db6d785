"""Creating and changing objects: everything between a parsed request and the store."""

import json
import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from delivery.lab.apiserver import addresses, definitions
from delivery.lab.apiserver.apply import Manager, applied, recorded_update, with_entries
from delivery.lab.apiserver.carrying import SERVER_WRITTEN, raise_generation, restricted
from delivery.lab.apiserver.kinds import Registry, Resource
from delivery.lab.apiserver.metadata import bare_finalizer_errors, metadata_errors, metadata_update_errors
from delivery.lab.apiserver.models import object_meta
from delivery.lab.apiserver.reading import WriteOptions, completed, identified, trimmed
from delivery.lab.apiserver.schema import violations
from delivery.lab.apiserver.status import (
    ApiError,
    FieldError,
    Json,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    modified_since,
    not_found,
    unparsable_version,
)
from delivery.lab.apiserver.store import ObjectKey, Store
from delivery.lab.apiserver.typed import check_typed

Change = Callable[[Json], Json]
NAMESPACES = ("", "namespaces")
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Objects:
    """Reads and writes of objects, with every rule a kind has; answers are in the version that was asked for."""

    def __init__(self, store: Store, registry: Registry, clock: Callable[[], datetime]) -> None:
        self.store = store
        self.registry = registry
        self._clock = clock

    def now(self) -> str:
        return timestamp(self._clock())

    def stored(self, resource: Resource, key: ObjectKey) -> Json:
        """The object in stored form.

        Raises:
            ApiError: 404.
        """
        found = self.store.get(resource.storage, key)
        if found is None:
            raise not_found(resource.group, resource.plural, key[1])
        return found

    def create(self, resource: Resource, namespace: str, document: object, options: WriteOptions) -> Json:
        """Create an object and return it as stored.

        Raises:
            ApiError: as the real server refuses a creation.
        """
        obj = identified(document, resource)
        self._check_namespace(resource, namespace, obj)
        obj = trimmed(obj, resource, options)
        if obj["metadata"].get("resourceVersion") not in {None, "", "0"}:
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        obj = completed(self._born(resource, namespace, obj), resource)
        self._on_create(resource, obj)
        manager = Manager(options.manager, "Update", resource.api_version)
        obj = recorded_update(None, obj, self._schema(resource), manager, self.now())
        return self._insert(resource, obj, options)

    def _insert(self, resource: Resource, obj: Json, options: WriteOptions) -> Json:
        key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        if self.store.get(resource.storage, key) is not None:
            raise already_exists(resource.group, resource.plural, key[1])
        if options.dry_run:
            return obj
        return self.store.put(resource.storage, key, obj)

    def _check_namespace(self, resource: Resource, namespace: str, obj: Json) -> None:
        metadata = obj.get("metadata") or {}
        if resource.namespaced and metadata.get("namespace") not in {None, "", namespace}:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if not resource.namespaced:
            return
        found = self.store.get(NAMESPACES, ("", namespace))
        if found is None:
            raise not_found("", "namespaces", namespace)
        if found["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise forbidden(resource.group, resource.plural, str(metadata.get("name", "")), why, [cause])

    def _born(self, resource: Resource, namespace: str, obj: Json) -> Json:
        """The object with the metadata only the server writes, and the status it starts with."""
        metadata = {k: v for k, v in obj["metadata"].items() if k not in {*SERVER_WRITTEN, "resourceVersion"}}
        metadata.pop("managedFields", None)
        metadata.pop("selfLink", None)
        if not metadata.get("name") and metadata.get("generateName"):
            suffix = "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))
            metadata["name"] = metadata["generateName"][:58] + suffix
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = self.now()
        metadata.pop("namespace", None)
        if resource.namespaced:
            metadata["namespace"] = namespace
        if resource.rules.generation_of is not None:
            metadata["generation"] = 1
        born = {**obj, "metadata": metadata}
        if resource.has_status:
            born.pop("status", None)
        return born

    def _on_create(self, resource: Resource, obj: Json) -> None:
        resource.rules.on_create(obj)
        if resource.has_status and not resource.custom:
            obj["status"] = resource.rules.status_on_create(obj) or {}
        errors = self._metadata_errors(resource, obj)
        self._refuse(resource, obj, errors + self._content_errors(resource, obj))
        if resource.storage == ("", "services"):
            others = self.store.listing(resource.storage, None)
            self._refuse(resource, obj, addresses.allocate(obj, others))

    def _metadata_errors(self, resource: Resource, obj: Json) -> list[FieldError]:
        errors = metadata_errors(obj["metadata"], resource.rules.name_rule)
        generic = resource.custom or resource.storage == definitions.STORAGE
        return errors if generic else errors + bare_finalizer_errors(obj["metadata"])

    def _content_errors(self, resource: Resource, obj: Json) -> list[FieldError]:
        if not resource.custom:
            return resource.rules.validate(obj)
        content = {name: value for name, value in obj.items() if name != "metadata"}
        schema = {**resource.schema, "required": [r for r in resource.schema.get("required", []) if r != "metadata"]}
        return violations(content, schema)

    def _refuse(self, resource: Resource, obj: Json, errors: list[FieldError]) -> None:
        if errors:
            name = str(obj["metadata"].get("name") or "")
            raise invalid(resource.group, resource.names.kind, name, errors)

    def _schema(self, resource: Resource) -> Json:
        """The schema of the stored form, by which ownership of fields is tracked."""
        stored = self.registry.of_storage(resource.storage) or resource
        if not stored.custom:
            return stored.schema
        return {**stored.schema, "properties": {**stored.schema["properties"], "metadata": object_meta()}}

    def replace(
        self, resource: Resource, key: ObjectKey, document: object, options: WriteOptions, subresource: str = ""
    ) -> tuple[Json, bool]:
        """PUT: the whole object, or its status. Returns it and whether it was created by this.

        Raises:
            ApiError: 404, 409 on a stale resourceVersion or another uid, 422 when no resourceVersion is given and
                the kind demands one, and whatever creation refuses.
        """
        obj = identified(document, resource)
        self._check_identity(resource, key, obj)
        current = self.store.get(resource.storage, key)
        if current is None and resource.rules.create_on_update and not subresource:
            obj = {**obj, "metadata": {**(obj.get("metadata") or {}), "resourceVersion": ""}}
            return self.create(resource, key[0], obj, options), True
        current = self.stored(resource, key)
        metadata = obj.get("metadata") or {}
        given = metadata.get("resourceVersion") or "0"
        if not str(given).isdigit():
            raise unparsable_version(str(given))
        if given == "0" and not resource.rules.unconditional_update:
            note = "Invalid value: 0x0: must be specified for an update"
            error = FieldError("FieldValueInvalid", "metadata.resourceVersion", note)
            raise invalid(resource.group, resource.plural, key[1], [error])
        self._check_uid(resource, current, metadata.get("uid"))
        manager = Manager(options.manager, "Update", resource.api_version, subresource)
        return self._update(resource, key, trimmed(obj, resource, options), options, manager), False

    def _check_identity(self, resource: Resource, key: ObjectKey, obj: Json) -> None:
        metadata = obj.get("metadata") or {}
        if metadata.get("name") not in {None, "", key[1]}:
            found = metadata["name"]
            raise bad_request(f"the name of the object ({found}) does not match the name on the URL ({key[1]})")
        if not metadata.get("name"):
            raise bad_request("the name of the object (" + ") does not match the name on the URL (" + key[1] + ")")
        if resource.namespaced and metadata.get("namespace") not in {None, "", key[0]}:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")

    def _check_uid(self, resource: Resource, current: Json, uid: str | None) -> None:
        held = current["metadata"]["uid"]
        if uid and uid != held:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {held}"
            raise conflict(resource.group, resource.plural, current["metadata"]["name"], why)

    def patch(
        self, resource: Resource, key: ObjectKey, change: Change, options: WriteOptions, subresource: str = ""
    ) -> Json:
        """PATCH: `change` turns the served document into the wanted one.

        Raises:
            ApiError: 404, 409 on a stale resourceVersion in the patch, 422.
        """
        current = resource.served(self.stored(resource, key))
        obj = identified(change(current), resource)
        self._check_identity(resource, key, obj)
        manager = Manager(options.manager, "Update", resource.api_version, subresource)
        try:
            obj = trimmed(obj, resource, options)
        except ApiError as wrong:
            error = FieldError("FieldValueInvalid", "patch", f"Invalid value: {json.dumps(obj)}: {wrong.message}")
            raise invalid("", "", "", [error]) from wrong
        return self._update(resource, key, obj, options, manager)

    def apply(
        self, resource: Resource, key: ObjectKey, document: object, options: WriteOptions, subresource: str = ""
    ) -> tuple[Json, bool]:
        """Server-side apply. Returns the object and whether it was created by this.

        Raises:
            ApiError: 409 when another manager owns a field that would change, unless forced.
        """
        config = identified(document, resource)
        said = document.get("apiVersion") if isinstance(document, dict) else None
        if not said:
            expected = f"Specified patch version: , expected: {resource.api_version}"
            raise bad_request(f"Incorrect version specified in apply patch. {expected}")
        self._check_identity(resource, key, config)
        if (config.get("metadata") or {}).get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        check_typed(config, resource)
        config = trimmed(config, resource, options)
        current = self.store.get(resource.storage, key)
        manager = Manager(options.manager, "Apply", resource.api_version, subresource)
        schema = self._schema(resource)
        filled = completed(config, resource)
        outcome = applied(current, config, filled, schema, manager, self.now(), force=options.force)
        if current is None:
            obj = completed(self._born_applied(resource, key, outcome.obj), resource)
            self._on_create(resource, obj)
            return self._insert(resource, with_entries(obj, outcome.entries), options), True
        updated = with_entries(outcome.obj, outcome.entries)
        return self._update(resource, key, updated, options, None, subresource), False

    def _born_applied(self, resource: Resource, key: ObjectKey, obj: Json) -> Json:
        self._check_namespace(resource, key[0], obj)
        return self._born(resource, key[0], obj)

    def _update(
        self,
        resource: Resource,
        key: ObjectKey,
        new: Json,
        options: WriteOptions,
        manager: Manager | None,
        subresource: str = "",
    ) -> Json:
        """Carry out an update to `new`, in stored form; `manager` is None when it already says who owns what."""
        old = self.stored(resource, key)
        subresource = subresource or (manager.subresource if manager else "")
        given = new["metadata"].get("resourceVersion")
        if given and given not in {"0", old["metadata"]["resourceVersion"]}:
            raise modified_since(resource.group, resource.plural, key[1])
        new = completed(restricted(resource, new, old, subresource), resource)
        if resource.storage == ("", "services"):
            addresses.carried_over(new, old)
        errors = self._metadata_errors(resource, new)
        errors += metadata_update_errors(new["metadata"], old["metadata"])
        self._refuse(resource, new, errors + self._update_errors(resource, new, old, subresource))
        raise_generation(resource, new, old)
        if manager is not None:
            new = self._owned(resource, new, old, manager)
        return self._write(resource, key, new, old, options)

    def _update_errors(self, resource: Resource, new: Json, old: Json, subresource: str) -> list[FieldError]:
        errors = self._content_errors(resource, new)
        return errors if subresource else errors + resource.rules.validate_update(new, old)

    def _owned(self, resource: Resource, new: Json, old: Json, manager: Manager) -> Json:
        given = new["metadata"].get("managedFields")
        base = old
        if given is not None and given != old["metadata"].get("managedFields"):
            # Whoever writes managedFields outright (kubectl does, to take over its own older entries) is believed.
            base = {**old, "metadata": {**old["metadata"], "managedFields": [entry for entry in given if entry]}}
        return recorded_update(base, new, self._schema(resource), manager, self.now())

    def _write(self, resource: Resource, key: ObjectKey, new: Json, old: Json, options: WriteOptions) -> Json:
        if new == old:
            return old
        if options.dry_run:
            return new
        metadata = new["metadata"]
        finished = metadata.get("deletionTimestamp") and not metadata.get("finalizers")
        if finished and not metadata.get("deletionGracePeriodSeconds") and not new.get("spec", {}).get("finalizers"):
            self.store.remove(resource.storage, key, new)
            return new
        return self.store.put(resource.storage, key, new)

    def define(self, definition: Json) -> None:
        """Serve what a CustomResourceDefinition defines, and say so in its status."""
        self.registry.remove_storage((definition["spec"]["group"], definition["spec"]["names"]["plural"]))
        for resource in definitions.resources_of(definition):
            self.registry.add(resource)
            self.store.open(resource.storage)
        status = definitions.established(definition, self.now())
        if status != definition.get("status"):
            key = ("", definition["metadata"]["name"])
            self.store.put(definitions.STORAGE, key, {**definition, "status": status})
