"""References to container images, as a pod template writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# The parts of the OCI distribution grammar: a host only where it has a dot or a port, or is localhost.
_REPOSITORY = r"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z0-9_+.-]+:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(rf"(?P<repository>{_REPOSITORY})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?")

IMMUTABLE: dict[str, Any] = {
    "pattern": f"^{_REPOSITORY}(:{_TAG}|(:{_TAG})?@{_DIGEST})$",
    "not": {"pattern": ":latest$"},
}
"""JSON Schema of the references that are not mutable."""


@dataclass(frozen=True, slots=True)
class Image:
    """`repository` with its registry; `tag` and `digest` are "" where the reference has none."""

    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def mutable(self) -> bool:
        """Whether what it stands for may change: nothing pins it, or `latest` does."""
        return not self.digest and self.tag in {"", "latest"}


def parse_image(reference: str) -> Image:
    """Raises ValueError for what no registry would understand."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise ValueError(f"{reference!r} is no image; write it like registry.example/shop/web:1.4.0")
    return Image(found["repository"], found["tag"] or "", found["digest"] or "")
