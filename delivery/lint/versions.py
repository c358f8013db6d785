"""Where a version is written: never in a selector, and in the label as a semantic version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from delivery.lint.finding import Told
from delivery.lint.given import Deployment, Given, inside, mapping, texts
from delivery.resources.annotations import APP_VERSION

VERSION_LABELS = (APP_VERSION, "version", "helm.sh/chart")

# The grammar of Semantic Versioning 2.0.0: no number begins with a zero that does not stand alone.
_NUMBER = r"(?:0|[1-9][0-9]*)"
_WORD = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = r"[0-9A-Za-z-]+"
_SEMANTIC = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{2}}(?:-{_WORD}(?:\.{_WORD})*)?(?:\+{_BUILD}(?:\.{_BUILD})*)?")


def is_semantic(version: str) -> bool:
    return _SEMANTIC.fullmatch(version) is not None


def in_selector(deployment: Deployment, _given: Given) -> Iterator[Told]:
    for path, key in _selector_keys(deployment):
        if key in VERSION_LABELS:
            yield (
                path,
                f"a selector can never be changed, and with {key} in it no other version can be rolled out; take it "
                "out and make the Deployment anew",
            )


def not_semantic(deployment: Deployment, _given: Given) -> Iterator[Told]:
    places = {
        "metadata.labels": texts(inside(deployment.obj, "metadata", "labels")),
        "spec.template.metadata.labels": deployment.pod_labels,
    }
    for path, labels in places.items():
        version = labels.get(APP_VERSION)
        if version is not None and not is_semantic(version):
            yield f"{path}[{APP_VERSION}]", f"{version!r} is no semantic version; write it like 1.4.0 or 1.4.0-rc.1"


def _selector_keys(deployment: Deployment) -> Iterator[tuple[str, str]]:
    selector = deployment.spec.get("selector")
    for key in texts(inside(selector, "matchLabels")):
        yield f"spec.selector.matchLabels[{key}]", key
    expressions = inside(selector, "matchExpressions")
    for at, expression in enumerate(expressions if isinstance(expressions, list | tuple) else ()):
        yield f"spec.selector.matchExpressions[{at}]", str(mapping(expression).get("key"))
