"""A wish appended to a Release that the caller knows already, or knew."""

from __future__ import annotations

from collections import Counter

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import RELEASE
from delivery.errors import NotNow
from delivery.intents.ask import ask
from delivery.resources.release import Intent, Phase, Release, Verb
from tests.decision import given
from tests.served import Served


def wish(verb: Verb) -> Intent:
    return Intent(verb=verb, by="somebody", reason="", at=given.NOW)


def asked(served: Served, known: Release | None, verb: Verb) -> tuple[Release, Counter[tuple[str, int]]]:
    """The Release as written, and the calls that took."""
    cluster = Cluster.connect(served.kubeconfig)
    cluster.find(RELEASE, "none", served.namespace)  # the first call finds out first where the kind is served
    before = Counter(cluster.calls)
    written = ask(cluster, served.namespace, given.RELEASE, wish(verb), known)
    return written, Counter(cluster.calls) - before


def test_one_that_is_still_as_known_is_written_without_reading_it(served: Served) -> None:
    known = served.release()
    written, calls = asked(served, known, "pause")
    assert [each.verb for each in written.spec.intents] == ["pause"]
    assert calls == {("PATCH", 200): 1}


def test_nothing_that_others_asked_meanwhile_is_lost(served: Served) -> None:
    known = served.release()
    ask(served.cluster, served.namespace, given.RELEASE, wish("pause"))
    written, calls = asked(served, known, "abort")
    assert [each.verb for each in written.spec.intents] == ["pause", "abort"]
    assert calls == {("PATCH", 409): 1, ("GET", 200): 1, ("PATCH", 200): 1}


def test_what_did_not_apply_to_it_then_may_apply_now(served: Served) -> None:
    known = served.release(Phase.SHIFTING)
    served.becomes(given.release(Phase.PAUSED).model_copy(update={"namespace": served.namespace}))
    written, _ = asked(served, known, "approve")
    assert [each.verb for each in written.spec.intents] == ["approve"]


def test_what_is_promoted_already_is_not_promoted_again(served: Served) -> None:
    """Else a script that repeats itself fills the record with it."""
    served.release(Phase.PROMOTING)
    with pytest.raises(NotNow, match="being promoted already"):
        asked(served, None, "promote")
