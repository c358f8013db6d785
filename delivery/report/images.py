"""Image references, taken apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageView:
    """`reference` as it was written; `repository` with its registry, where the reference names one."""

    reference: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def version(self) -> str:
        """What tells it from another image of the repository."""
        return self.tag or self.digest or "no tag"


def image_view(reference: str) -> ImageView:
    """`[registry[:port]/]path[:tag][@digest]`; a colon before the last slash belongs to the registry's port."""
    named, _, digest = reference.partition("@")
    folder, slash, last = named.rpartition("/")
    name, _, tag = last.partition(":")
    return ImageView(reference, f"{folder}{slash}{name}", tag or None, digest or None)
