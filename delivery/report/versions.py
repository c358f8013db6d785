"""What a Release replaces by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delivery.report.images import ImageView, image_view
from delivery.resources.annotations import APP_VERSION, POD_VERSION
from delivery.resources.release import Release, Revision


@dataclass(frozen=True, slots=True)
class VersionView:
    """One arm. `app_version` is None where nobody gave one; `pod_version` is the template's hash where nobody did."""

    arm: str
    app_version: str | None
    pod_version: str
    images: tuple[ImageView, ...]
    template_hash: str
    pod_template_hash: str | None


def stable_version(release: Release) -> VersionView:
    """The version that served before."""
    return _version("stable", release.spec.stable, {})


def canary_version(release: Release) -> VersionView:
    """The version that is judged."""
    return _version("canary", release.spec.canary, release.spec.template)


def what_changed(release: Release) -> str:
    """The change in one sentence, without a full stop."""
    stable, canary = stable_version(release).images, canary_version(release).images
    if release.spec.light:
        return "only labels, annotations or placement of the pods change: every process stays as it is"
    if stable == canary:
        return "the pod template changes, its images stay"
    former = {image.repository: image for image in stable}
    told = [_replaced(former.get(image.repository), image) for image in canary if image not in stable]
    gone = {image.repository for image in stable} - {image.repository for image in canary}
    told += [f"{repository} is taken out" for repository in sorted(gone)]
    return "; ".join(told) or "the same images in another order"


def _replaced(former: ImageView | None, image: ImageView) -> str:
    if former is None:
        return f"{image.repository} comes in at {image.version}"
    if former.version == image.version:
        digests = f"{former.digest or 'no digest'} to {image.digest or 'no digest'}"
        return f"{image.repository} at {image.version} goes from {digests}"
    return f"{image.repository} goes from {former.version} to {image.version}"


def _version(arm: str, revision: Revision, template: Mapping[str, Any]) -> VersionView:
    return VersionView(
        arm=arm,
        app_version=revision.app_version or _written(template, "labels", APP_VERSION),
        pod_version=revision.pod_version or _written(template, "annotations", POD_VERSION) or revision.template_hash,
        images=tuple(image_view(image) for image in revision.images),
        template_hash=revision.template_hash,
        pod_template_hash=revision.pod_template_hash,
    )


def _written(template: Mapping[str, Any], where: str, name: str) -> str | None:
    """A label or annotation of the template, for Releases whose record was begun without it."""
    value = ((template.get("metadata") or {}).get(where) or {}).get(name)
    return None if value is None else str(value)
