"""Rules every object's metadata obeys, whatever its kind: names, labels, annotations, owners, finalizers."""

import re
from typing import Any

from delivery.lab.apiserver.status import FieldError, Json, forbidden_field, invalid_value, required

_LABEL_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LIMIT_OF_ANNOTATIONS = 256 * 1024

SUBDOMAIN_NOTE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_NOTE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_DNS_1035_NOTE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_QUALIFIED_NOTE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_LABEL_VALUE_NOTE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "
    "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_NAME_RULES = {
    "subdomain": (_SUBDOMAIN, 253, SUBDOMAIN_NOTE),
    "label": (_LABEL_NAME, 63, LABEL_NOTE),
    "dns1035": (_DNS_1035, 63, _DNS_1035_NOTE),
}


def name_errors(name: str, rule: str, path: str = "metadata.name") -> list[FieldError]:
    """Complaints about an object's name under `rule`: subdomain, label, dns1035 or path."""
    if rule == "path":
        if name in {".", ".."} or "/" in name or "%" in name:
            return [invalid_value(path, name, "may not be '.' or '..', nor contain '/' or '%'")]
        return []
    pattern, limit, note = _NAME_RULES[rule]
    errors = []
    if len(name) > limit:
        errors.append(invalid_value(path, name, f"must be no more than {limit} characters"))
    if not pattern.fullmatch(name):
        errors.append(invalid_value(path, name, note))
    return errors


def is_label_name(text: str) -> bool:
    return len(text) <= 63 and bool(_LABEL_NAME.fullmatch(text))


def label_errors(labels: dict[str, str], path: str) -> list[FieldError]:
    errors = []
    for key, value in labels.items():
        errors += qualified_errors(key, path)
        if len(value) > 63:
            errors.append(invalid_value(path, value, "must be no more than 63 characters"))
        if not _LABEL_VALUE.fullmatch(value):
            errors.append(invalid_value(path, value, _LABEL_VALUE_NOTE))
    return errors


def qualified_errors(key: str, path: str) -> list[FieldError]:
    prefix, slash, name = key.rpartition("/")
    errors = []
    if slash and (not _SUBDOMAIN.fullmatch(prefix) or len(prefix) > 253):
        errors.append(invalid_value(path, key, f"prefix part {SUBDOMAIN_NOTE}"))
    if not name:
        errors.append(invalid_value(path, key, "name part must be non-empty"))
    elif len(name) > 63:
        errors.append(invalid_value(path, key, "name part must be no more than 63 characters"))
    if not _QUALIFIED.fullmatch(name):
        errors.append(invalid_value(path, key, _QUALIFIED_NOTE))
    return errors


def metadata_errors(metadata: Json, rule: str) -> list[FieldError]:
    """Complaints about the metadata of an object to be created or updated."""
    name = metadata.get("name") or ""
    errors = name_errors(name, rule) if name else [required("metadata.name", "name or generateName is required")]
    errors += label_errors(metadata.get("labels") or {}, "metadata.labels")
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        errors += qualified_errors(key.lower(), "metadata.annotations")
    if sum(len(key) + len(value) for key, value in annotations.items()) > _LIMIT_OF_ANNOTATIONS:
        too_long = f"Too long: must have at most {_LIMIT_OF_ANNOTATIONS} bytes"
        errors.append(FieldError("FieldValueTooLong", "metadata.annotations", too_long))
    errors += _owners_errors(metadata.get("ownerReferences") or [])
    for finalizer in metadata.get("finalizers") or ():
        errors += qualified_errors(finalizer, "metadata.finalizers")
    return errors


_KNOWN_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})


def bare_finalizer_errors(metadata: Json) -> list[FieldError]:
    """Built-in kinds want a finalizer to say whose it is: `example.com/name`."""
    note = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        invalid_value(f"metadata.finalizers[{index}]", name, note)
        for index, name in enumerate(metadata.get("finalizers") or [])
        if "/" not in name and name not in _KNOWN_FINALIZERS
    ]


def _owners_errors(owners: list[Json]) -> list[FieldError]:
    errors = [error for owner in owners for error in _owner_errors(owner)]
    controllers = [f"{owner.get('kind')}/{owner.get('name')}" for owner in owners if owner.get("controller")]
    if len(controllers) > 1:
        found = f'Found "true" in references for {controllers[0]} and {controllers[1]}'
        note = f"Only one reference can have Controller set to true. {found}"
        errors.append(invalid_value("metadata.ownerReferences", owners, note))
    return errors


def _owner_errors(owner: Json) -> list[FieldError]:
    errors = []
    if not owner.get("apiVersion"):
        errors.append(invalid_value("metadata.ownerReferences.apiVersion", "", "version must not be empty"))
    for name in ("kind", "name", "uid"):
        if not owner.get(name):
            errors.append(invalid_value(f"metadata.ownerReferences.{name}", "", f"{name} must not be empty"))
    return errors


_FIXED = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def metadata_update_errors(new: Json, old: Json) -> list[FieldError]:
    """Complaints about what an update may not change in metadata."""
    errors: list[FieldError] = []
    for name in _FIXED:
        if new.get(name) != old.get(name):
            errors.append(_immutable(f"metadata.{name}", new.get(name)))
    added = [item for item in new.get("finalizers") or () if item not in (old.get("finalizers") or ())]
    if old.get("deletionTimestamp") and added:
        shown = ", ".join(f'"{item}"' for item in added)
        note = (
            f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{shown}}}"
        )
        errors.append(forbidden_field("metadata.finalizers", note))
    return errors


def _immutable(path: str, value: Any) -> FieldError:
    return invalid_value(path, value, "field is immutable")
