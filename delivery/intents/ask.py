"""Appending a wish to a Release. The controller answers it; nothing else is touched here."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import RELEASE
from delivery.errors import Conflict, InvalidSpec, NotFound, NotNow
from delivery.intents.finding import find_release
from delivery.resources.release import Intent, Phase, Release, Verb, release_from_object

TRIES = 8
WAITING_AT_MOST = 20  # of wishes nobody has answered: the controller is away, or somebody's script runs wild
TAKEN_TOGETHER = 7_000  # bytes of all of them: the Release is a record, and must stay a small object
ROOM_TO_END: dict[Verb, int] = {"promote": 500, "abort": 1_000}  # bytes more, so that no other wish is in their way
LONGEST_REASON = 300
_RETRIED = {Phase.ROLLED_BACK, Phase.FAILED}


def ask(cluster: Cluster, namespace: str, name: str, intent: Intent, known: Release | None = None) -> Release:
    """Appends `intent` to the Release of that name, or to the newest of the Deployment of that name.

    `known`: that Release as last heard of; where it is still so, it need not be read. Returns the Release as written.
    Raises NotFound, NotNow where it has no answer to such a wish, Refused where the caller may not, Conflict where
    somebody else was faster every time.
    """
    if known is not None:
        with suppress(Conflict, NotFound, NotNow):  # it is no longer so
            return append(cluster, known, intent)
    for attempt in Retrying(
        retry=retry_if_exception_type(Conflict), stop=stop_after_attempt(TRIES), wait=wait_random(0, 0.2), reraise=True
    ):
        with attempt:
            written = append(cluster, find_release(cluster, namespace, name), intent)
    return written


def append(cluster: Cluster, release: Release, intent: Intent) -> Release:
    """Raises NotNow, InvalidSpec for too long a reason, Conflict where the Release has changed since it was read."""
    check(release, intent.verb)
    if len(intent.reason) > LONGEST_REASON:
        raise InvalidSpec(f"Release {release.key}: the reason has more than {LONGEST_REASON} characters; shorten it")
    intents = [_written(each) for each in (*release.spec.intents, intent)]
    if len(msgspec.json.encode(intents)) > TAKEN_TOGETHER + ROOM_TO_END.get(intent.verb, 0):
        full = f"its {len(intents) - 1} intents fill the record"
        raise NotNow(f"Release {release.key}: {full}; abort it without a reason, or change the template")
    body = {"metadata": {"resourceVersion": release.resource_version}, "spec": {"intents": intents}}
    return release_from_object(cluster.patch(RELEASE, release.name, release.namespace, body))


def check(release: Release, verb: Verb) -> None:
    """Raises NotNow where the wish could not be carried out whatever happens next."""
    phase = release.status.phase
    if verb == "retry":
        if phase not in {*_RETRIED, Phase.STALLED}:
            raise NotNow(f"Release {release.key}: retry is for one that was rolled back; this one is {phase}")
    elif phase.final:
        raise NotNow(f"Release {release.key}: it has ended ({phase}), so there is nothing to {verb}")
    elif phase is Phase.ROLLING_BACK:
        raise NotNow(f"Release {release.key}: it is being rolled back, so there is nothing to {verb}")
    elif verb == "promote" and phase is Phase.PROMOTING:
        raise NotNow(f"Release {release.key}: it is being promoted already")
    elif verb in {"approve", "resume"} and phase not in {Phase.PAUSED, Phase.STALLED, Phase.PROMOTING}:
        raise NotNow(f"Release {release.key}: it is {phase} and waits for nobody; {verb} is for one that is Paused")
    elif verb == "pause" and phase is Phase.PAUSED:
        raise NotNow(f"Release {release.key}: it is Paused already ({release.status.message})")
    waiting = len(release.spec.intents) - release.status.intents_done
    if waiting >= WAITING_AT_MOST:
        raise NotNow(f"Release {release.key}: {waiting} intents wait for the controller; is it running?")


def _written(intent: Intent) -> dict[str, Any]:
    return intent.model_dump(mode="json", by_alias=True, exclude_none=True)
