"""Which Release is meant: by its own name, by its Deployment's, by its release id."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import RELEASE
from delivery.errors import InvalidSpec, NotFound
from delivery.resources.release import Release, release_from_object


def find_release(cluster: Cluster, namespace: str, name: str, release_id: str | None = None) -> Release:
    """The Release of that name, else the newest of the Deployment of that name (with that release id, if given).

    Raises NotFound, and InvalidSpec where the object is no Release that this version can read.
    """
    own = cluster.find(RELEASE, name, namespace)
    if own is not None:
        return _read(own)
    found = newest(releases_in(cluster, namespace), name, release_id)
    if found is None:
        which = f" with the release id {release_id}" if release_id else ""
        raise NotFound(
            f"{namespace}/{name}: neither a Release nor a Deployment with a Release{which}; "
            f"`headgate list --namespace {namespace}` shows what there is"
        )
    return found


def releases_in(cluster: Cluster, namespace: str | None) -> list[Release]:
    """Every Release that can be read, of one namespace or of all."""
    read = []
    for item in cluster.list(RELEASE, namespace).items:
        try:
            read.append(release_from_object(item))
        except ValidationError:
            continue  # the controller says so on the object itself
    return read


def newest(releases: Iterable[Release], deployment: str, release_id: str | None = None) -> Release | None:
    """The Deployment's Release that is active, else the one that began last."""
    own = [
        each for each in releases if each.spec.deployment == deployment and release_id in {None, each.spec.release_id}
    ]
    return max(own, key=lambda each: (each.active, each.status.started_at or 0.0, each.spec.attempt), default=None)


def _read(obj: dict[str, object]) -> Release:
    try:
        return release_from_object(obj)
    except ValidationError as problem:
        name = str(obj.get("metadata"))
        raise InvalidSpec(f"Release {name}: no Release of this version ({problem.error_count()} errors)") from problem
