from typing import Any

import pytest
from pydantic import ValidationError

from delivery.reconcile.parsed import ENDED_KEPT, Releases, packed
from delivery.resources.release import Phase, Release, spec_object, status_object
from tests.decision.given import release


def _object(of: Release, uid: str = "1", version: str = "1") -> dict[str, Any]:
    meta = {"name": of.name, "namespace": of.namespace, "uid": uid, "resourceVersion": version}
    return {"metadata": meta, "spec": spec_object(of.spec), "status": status_object(of.status)}


def test_one_version_is_parsed_once() -> None:
    releases, obj = Releases(), _object(release(Phase.SHIFTING))
    assert releases.of(obj) is releases.of(obj)


def test_another_version_is_parsed_again_and_keeps_what_was_worked_out_from_the_spec() -> None:
    releases = Releases()
    first = releases.of(_object(release(Phase.SHIFTING)))
    second = releases.of(_object(release(Phase.PAUSED), version="2"))
    assert second.status.phase is Phase.PAUSED
    assert second.spec is first.spec


def test_what_was_written_is_not_parsed_when_it_comes_back() -> None:
    releases = Releases()
    first = releases.of(_object(release(Phase.SHIFTING)))
    written = first.model_copy(update={"resource_version": "2"})
    releases.keep(written)
    assert releases.of(_object(release(Phase.SHIFTING), version="2")) is written


def test_what_was_heard_of_before_its_write_was_answered_stays() -> None:
    releases = Releases()
    heard = releases.of(_object(release(Phase.SHIFTING), version="2"))
    releases.keep(heard.model_copy())
    assert releases.of(_object(release(Phase.SHIFTING), version="2")) is heard


def test_one_without_a_uid_is_no_objects_identity() -> None:
    releases, obj = Releases(), _object(release(Phase.SHIFTING), uid="")
    assert releases.of(obj) is not releases.of(obj)


def test_a_forgotten_one_is_parsed_again() -> None:
    releases, obj = Releases(), _object(release(Phase.SHIFTING))
    first = releases.of(obj)
    releases.forget("1")
    assert releases.of(obj) is not first


def test_of_those_that_have_ended_the_newest_are_kept() -> None:
    releases, ended = Releases(), release(Phase.SUCCEEDED)
    first = releases.of(_object(ended, uid="first"))
    active = releases.of(_object(release(Phase.SHIFTING), uid="active"))
    for number in range(ENDED_KEPT):
        releases.of(_object(ended, uid=f"later-{number}"))
    assert releases.of(_object(ended, uid="first")) is not first
    assert releases.of(_object(release(Phase.SHIFTING), uid="active")) is active


def test_one_that_was_packed_is_the_same() -> None:
    obj = _object(release(Phase.SHIFTING))
    kept = packed({**obj, "metadata": {**obj["metadata"], "managedFields": [{"manager": "kubectl"}]}})
    assert Releases().of(kept) == Releases().of(obj)
    assert (kept["spec"], kept["metadata"]) == ({"deployment": "web"}, obj["metadata"])
    assert packed(obj) == packed(obj), "an informer compares what it lists with what it had"


def test_a_damaged_one_is_refused() -> None:
    broken = _object(release(Phase.SHIFTING))
    broken["spec"].pop("deployment")
    with pytest.raises(ValidationError, match="deployment"):
        Releases().of(broken)
