"""Lists: which revision they show, in pages when asked, in the form that was asked for."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from delivery.lab.apiserver.kinds import Resource
from delivery.lab.apiserver.requests import Target, Wanted, check_version_match, number, selected
from delivery.lab.apiserver.status import ApiError, Json, bad_request, expired
from delivery.lab.apiserver.store import ObjectKey, Store, TooOldError
from delivery.lab.apiserver.table import partial, table

_TOO_OLD_PAGE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class _Page:
    """Where a page starts: after `last`, at `revision` (None: at the latest, whatever came between)."""

    revision: int | None
    last: ObjectKey | None


def _token(revision: int | None, last: ObjectKey) -> str:
    content = {"v": "meta.k8s.io/v1", "rv": -1 if revision is None else revision, "start": list(last)}
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _opened(token: str) -> _Page:
    try:
        content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = content["start"]
        revision = int(content["rv"])
    except (ValueError, KeyError, TypeError) as wrong:
        raise bad_request(f"invalid continue token: continue key is not valid: {wrong}") from wrong
    return _Page(None if revision < 0 else revision, (namespace, name))


def _start(store: Store, query: Mapping[str, str]) -> _Page:
    version = query.get("resourceVersion", "")
    if query.get("continue"):
        if version not in {"", "0"}:
            raise bad_request("specifying resource version is not allowed when using continue")
        return _opened(query["continue"])
    if version and not version.isdigit():
        raise unparsable_query(version)
    asked = int(version or "0")
    if asked > store.revision:
        raise too_large(asked, store.revision)
    exact = query.get("resourceVersionMatch") == "Exact"
    legacy = bool(query.get("limit")) and asked > 0 and "resourceVersionMatch" not in query
    return _Page(asked if exact or legacy else None, None)


def unparsable_query(version: str) -> ApiError:
    """A resourceVersion in a query that is not a number."""
    parse = f'strconv.ParseUint: parsing "{version}": invalid syntax'
    return ApiError(500, "", f'resourceVersion: Invalid value: "{version}": {parse}')


def check_reached(store: Store, query: Mapping[str, str]) -> None:
    """A get may ask for a state at least as new as a revision.

    Raises:
        ApiError: 504 when that revision is yet to come, 500 when it is not a number.
    """
    version = query.get("resourceVersion", "")
    if version and not version.isdigit():
        raise unparsable_query(version)
    if int(version or "0") > store.revision:
        raise too_large(int(version), store.revision)


def too_large(asked: int, current: int) -> ApiError:
    """A version from the future: the client is told to come back."""
    message = f"Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(504, "Timeout", f"Timeout: {message}", {"causes": [cause], "retryAfterSeconds": 1})


@dataclass(frozen=True, slots=True)
class Listed:
    """One answer to a list: the objects in stored form and the metadata of the list."""

    objects: Sequence[Json]
    metadata: Json


def listed(store: Store, target: Target, query: Mapping[str, str]) -> Listed:
    """The objects a list asks for.

    Raises:
        ApiError: 400 or 422 for a bad option, 410 when its revision has been compacted, 504 when it is yet to come.
    """
    check_version_match(query, watch=False)
    chosen = selected(target.resource, query)
    limit = number(query, "limit") or 0
    page = _start(store, query)
    snapshot = _snapshot(store, target, page)
    remaining = [obj for obj in snapshot if page.last is None or _key(obj) > page.last]
    matching = remaining if chosen.everything else [obj for obj in remaining if chosen.matches(obj)]
    revision = store.revision if page.revision is None else page.revision
    metadata: Json = {"resourceVersion": str(revision)}
    if target.resource.custom:
        metadata["continue"] = ""
    if limit <= 0 or len(matching) <= limit:
        return Listed(matching, metadata)
    shown = matching[:limit]
    metadata["continue"] = _token(revision, _key(shown[-1]))
    if chosen.everything:
        metadata["remainingItemCount"] = len(matching) - limit
    return Listed(shown, metadata)


def _key(obj: Json) -> ObjectKey:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _snapshot(store: Store, target: Target, page: _Page) -> list[Json]:
    try:
        return store.listing(target.resource.storage, target.namespace, page.revision)
    except TooOldError as old:
        if page.last is None:
            raise expired("The resourceVersion for the provided list is too old.") from old
        refusal = expired(_TOO_OLD_PAGE)
        refusal.continuation = _token(None, page.last)
        raise refusal from old


def list_document(resource: Resource, found: Listed, wanted: Wanted, now: datetime) -> Json:
    """A list as the client asked to see it."""
    objects = [resource.served(obj) for obj in found.objects]
    if wanted.form == "Table":
        return table(resource, objects, found.metadata, wanted.include, now)
    if wanted.form:
        items = [partial(obj) for obj in objects]
        header = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
        return {**header, "metadata": found.metadata, "items": items}
    if not resource.custom:
        # Items of built-in lists do not repeat what the list's own kind says.
        objects = [{k: v for k, v in obj.items() if k not in {"apiVersion", "kind"}} for obj in objects]
    header = {"kind": resource.names.list_kind, "apiVersion": resource.api_version}
    return {**header, "metadata": found.metadata, "items": objects}
