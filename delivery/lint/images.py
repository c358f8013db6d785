"""An image must stand for the same bytes tomorrow: only then are two versions two versions."""

from __future__ import annotations

from collections.abc import Iterator

from delivery.lint.finding import Told
from delivery.lint.given import Container, Deployment, Given
from delivery.resources.image import Image, parse_image


def without_containers(deployment: Deployment, _given: Given) -> Iterator[Told]:
    if not deployment.containers:
        yield "spec.template.spec.containers", "there is no container; list at least one with a name and an image"


def unreadable(deployment: Deployment, _given: Given) -> Iterator[Told]:
    for container in deployment.every_container:
        reference = container.spec.get("image")
        if not isinstance(reference, str) or not reference:
            yield f"{container.path}.image", "there is no image; write one like registry.example/shop/web:1.4.0"
        elif _image(container) is None:
            yield (
                f"{container.path}.image",
                f"{reference!r} is no image reference; write it like registry.example/shop/web:1.4.0",
            )


def untagged(deployment: Deployment, _given: Given) -> Iterator[Told]:
    for container, image in _images(deployment):
        if not image.tag and not image.digest:
            yield (
                f"{container.path}.image",
                f"{image.repository} has neither a tag nor a digest, which means latest; give it a tag of its own for "
                "every build",
            )


def latest(deployment: Deployment, _given: Given) -> Iterator[Told]:
    for container, image in _images(deployment):
        if image.tag == "latest" and image.mutable:
            yield (
                f"{container.path}.image",
                "the tag latest is another image tomorrow, and then there is nothing to go back to; give every build a "
                "tag of its own, or add the digest",
            )


def _images(deployment: Deployment) -> Iterator[tuple[Container, Image]]:
    for container in deployment.every_container:
        image = _image(container)
        if image is not None:
            yield container, image


def _image(container: Container) -> Image | None:
    reference = container.spec.get("image")
    try:
        return parse_image(reference) if isinstance(reference, str) else None
    except ValueError:
        return None
