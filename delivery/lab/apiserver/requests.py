"""What an HTTP request asks for: the target its path names, and the options in its query and headers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from delivery.lab.apiserver.kinds import Registry, Resource
from delivery.lab.apiserver.reading import WriteOptions
from delivery.lab.apiserver.selectors import Selection, selection
from delivery.lab.apiserver.status import FieldError, bad_request, forbidden_field, invalid, not_acceptable, required
from delivery.lab.apiserver.store import ObjectKey


@dataclass(frozen=True, slots=True)
class Target:
    """A collection (`name` empty) or an object, and the subresource of it that is meant.

    `namespace` is None for a collection over all namespaces and for cluster-wide kinds.
    """

    resource: Resource
    namespace: str | None
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> ObjectKey:
        return self.namespace or "", self.name


def target(registry: Registry, path: str) -> Target | None:
    """What `path` names; None when nothing is served there."""
    parts = [part for part in path.split("/") if part]
    if parts[:2] == ["api", "v1"]:
        group, version, rest = "", "v1", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace: str | None = None
    inside = rest[:1] == ["namespaces"] and len(rest) > 2 and not (rest[2] in {"status", "finalize"} and not group)
    if inside:
        namespace, rest = rest[1], rest[2:]
    resource = registry.find(group, version, rest[0]) if rest and len(rest) <= 3 else None
    if resource is None or (inside and not resource.namespaced):
        return None
    found = Target(resource, namespace, *rest[1:])
    if found.name and resource.namespaced and namespace is None:
        return None
    return found


def selected(resource: Resource, query: Mapping[str, str]) -> Selection:
    """The selection in a list, watch or deletecollection query.

    Raises:
        ApiError: 400 when a selector does not parse.
    """
    labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
    if not labels and not fields:
        return Selection()
    try:
        return selection(labels, fields, resource.fields)
    except ValueError as wrong:
        raise bad_request(f"unable to parse selector: {wrong}") from wrong


def truthy(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in {"1", "true", "t"} or (name == "watch" and query.get(name) == "")


def number(query: Mapping[str, str], name: str) -> int | None:
    """A whole number in the query; None where there is none.

    Raises:
        ApiError: 400 for something else.
    """
    text = query.get(name)
    if not text:
        return None
    if not re.fullmatch(r"-?\d+", text):
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def write_options(query: Mapping[str, str], user_agent: str) -> WriteOptions:
    """Options of a create, update, patch or apply.

    Raises:
        ApiError: 422 for an option value there is not.
    """
    dry_run = query.get("dryRun", "")
    if dry_run not in {"", "All"}:
        note = f'Unsupported value: []string{{"{dry_run}"}}: supported values: "All"'
        raise invalid("meta.k8s.io", "CreateOptions", "", [FieldError("FieldValueNotSupported", "dryRun", note)])
    validation = query.get("fieldValidation") or "Warn"
    if validation not in {"Strict", "Warn", "Ignore"}:
        note = f'Unsupported value: "{validation}": supported values: "Ignore", "Strict", "Warn"'
        error = FieldError("FieldValueNotSupported", "fieldValidation", note)
        raise invalid("meta.k8s.io", "CreateOptions", "", [error])
    manager = query.get("fieldManager") or user_agent.partition("/")[0] or "unknown"
    return WriteOptions(manager, dry_run == "All", validation, truthy(query, "force"))


def check_patch(query: Mapping[str, str], *, apply: bool) -> None:
    """An apply has to say who applies; nothing else can be forced.

    Raises:
        ApiError: 422.
    """
    if apply and not query.get("fieldManager"):
        error = required("fieldManager", "is required for apply patch")
        raise invalid("meta.k8s.io", "PatchOptions", "", [error])
    if not apply and "force" in query:
        error = forbidden_field("force", "may not be specified for non-apply patch")
        raise invalid("meta.k8s.io", "PatchOptions", "", [error])


def check_version_match(query: Mapping[str, str], *, watch: bool) -> None:
    """`resourceVersionMatch` goes with a resourceVersion and never with a watch or a continue token."""
    match, errors = query.get("resourceVersionMatch"), []
    path = "resourceVersionMatch"
    if match is None:
        return
    if watch:
        errors.append(forbidden_field(path, "resourceVersionMatch is forbidden for watch"))
    if not query.get("resourceVersion"):
        errors.append(forbidden_field(path, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if query.get("continue"):
        errors.append(forbidden_field(path, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in {"Exact", "NotOlderThan"}:
        note = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
        errors.append(FieldError("FieldValueNotSupported", path, note))
    if match == "Exact" and query.get("resourceVersion") == "0":
        note = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        errors.append(forbidden_field(path, note))
    if errors:
        raise invalid("meta.k8s.io", "ListOptions", "", errors)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The form an answer is asked for in: `form` is empty, Table or PartialObjectMetadata."""

    form: str = ""
    media: str = "application/json"
    include: str = "Metadata"


def wanted(accept: str, include: str) -> Wanted:
    """The first form in an Accept header that this server can give.

    Raises:
        ApiError: 406 when there is none.
    """
    for entry in (accept or "*/*").split(","):
        media, *parameters = [part.strip() for part in entry.split(";")]
        options = dict(part.split("=", 1) for part in parameters if "=" in part)
        form = options.get("as", "").removesuffix("List")
        if media not in {"application/json", "application/yaml", "*/*", "application/*", "text/html"}:
            continue
        if form and (form not in {"Table", "PartialObjectMetadata"} or options.get("v") != "v1"):
            continue
        return Wanted(form, "application/yaml" if media == "application/yaml" else "application/json", include)
    raise not_acceptable()
