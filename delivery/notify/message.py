"""News in words, for people; and as facts, for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from delivery.clock import to_rfc3339
from delivery.notify.news import News, NewsKind
from delivery.resources.annotations import API_VERSION
from delivery.resources.release import Release

REASON_LIMIT = 2000  # characters; chats take some thousands
NAME_LIMIT = 100
_HEADLINES = {
    NewsKind.STARTED: "release started",
    NewsKind.PAUSED: "paused, a person is asked",
    NewsKind.STALLED: "promotion stalled, a person is asked",
    NewsKind.ROLLED_BACK: "rolled back",
    NewsKind.PROMOTED: "promoted",
    NewsKind.FAILED: "release failed",
    NewsKind.SUPERSEDED: "superseded by another version",
    NewsKind.BYPASSED: "rolled out without Headgate",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One piece of news as channels send it. `id` stays the same however often it is sent."""

    id: str
    kind: NewsKind
    at: float
    title: str
    body: str
    release: Release
    facts: dict[str, Any]

    @property
    def source(self) -> str:
        """The Release, as a path of the Kubernetes API."""
        return f"/apis/{API_VERSION}/namespaces/{self.release.namespace}/releases/{self.release.name}"

    @property
    def subject(self) -> str:
        """The Deployment, as people name it."""
        return f"{self.release.namespace}/{self.release.spec.deployment}"


def message_of(news: News, release: Release, link: str) -> Message:
    """`link` is the base URL of the pages; "" where they are nowhere to be seen."""
    page = f"{link.rstrip('/')}/namespaces/{release.namespace}/releases/{release.name}" if link else ""
    title = f"{release.namespace}/{release.spec.deployment} {version_of(release)}: {_HEADLINES[news.kind]}"
    body = "\n".join(_lines(news, release, page))
    at = news.line.at
    return Message(news.id, news.kind, at, _one_line(title), body, release, _facts(news, release, page))


def version_of(release: Release) -> str:
    """The application's version, or else the images that changed, without their registries."""
    spec = release.spec
    if spec.canary.app_version:
        return spec.canary.app_version
    changed = [image for image in spec.canary.images if image not in spec.stable.images] or list(spec.canary.images)
    return _clipped(", ".join(_short(image) for image in changed), NAME_LIMIT) or spec.canary.template_hash


def _lines(news: News, release: Release, page: str) -> Iterator[str]:
    spec, line = release.spec, news.line
    yield _one_line(f"Deployment {release.namespace}/{spec.deployment}, release id {spec.release_id}")
    images, former = ", ".join(spec.canary.images), ", ".join(spec.stable.images)
    yield f"Images: {images}" + (f" (stable: {former})" if former != images else ", as before")
    yield f"Why: {_clipped(line.message, REASON_LIMIT)} ({line.reason})"
    if news.kind in {NewsKind.PAUSED, NewsKind.STALLED}:
        yield f"Traffic on the new version: {line.weight:g} %"
    yield from _question(news, release)
    yield f"At: {to_rfc3339(line.at)[:19]}Z"
    if page:
        yield page


def _question(news: News, release: Release) -> Iterator[str]:
    if news.question is not None:
        yield f"To be decided: {news.question.text}"
        yield from (f"  headgate {verb} {release.namespace}/{release.name}" for verb in news.question.verbs)
    elif news.kind in {NewsKind.PAUSED, NewsKind.STALLED}:
        yield f"Meanwhile it went on: {release.status.phase}"


def _facts(news: News, release: Release, page: str) -> dict[str, Any]:
    spec, line = release.spec, news.line
    return {
        "namespace": release.namespace,
        "deployment": spec.deployment,
        "release": release.name,
        "uid": release.uid,
        "releaseId": spec.release_id,
        "appVersion": spec.canary.app_version,
        "canaryImages": list(spec.canary.images),
        "stableImages": list(spec.stable.images),
        "policy": spec.policy_name,
        "phase": line.phase.value,
        "reason": line.reason,
        "message": _clipped(line.message, REASON_LIMIT),
        "weight": line.weight,
        "at": to_rfc3339(line.at),
        "question": news.question.text if news.question else None,
        "answers": list(news.question.verbs) if news.question else [],
        "link": page or None,
    }


def _short(image: str) -> str:
    name, _, digest = image.rsplit("/", 1)[-1].partition("@")
    return f"{name}@{digest[:19]}" if digest else name


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
