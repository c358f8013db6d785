"""Server-side apply and ownership, on plain documents."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.lab.apiserver.apply import Manager, applied, entries_of, recorded_update, with_entries
from delivery.lab.apiserver.fieldsets import dotted, from_fields_v1, leaves, to_fields_v1
from delivery.lab.apiserver.models import schema_of
from delivery.lab.apiserver.status import ApiError, Json

SCHEMA = schema_of("V1Deployment")
NOW = "2030-01-01T00:00:00Z"


def document(replicas: int | None = None, containers: list[Json] | None = None, **metadata: Any) -> Json:
    spec: Json = {} if replicas is None else {"replicas": replicas}
    if containers is not None:
        spec["template"] = {"spec": {"containers": containers}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", **metadata}, "spec": spec}


def manager(name: str, operation: str = "Apply") -> Manager:
    return Manager(name, operation, "apps/v1")


def apply(live: Json | None, config: Json, who: str, *, force: bool = False) -> Json:
    outcome = applied(live, config, config, SCHEMA, manager(who), NOW, force=force)
    return with_entries(outcome.obj, outcome.entries)


def owned(obj: Json, who: str) -> set[str]:
    return {dotted(path) for entry in entries_of(obj) if entry.manager.name == who for path in entry.fields}


def test_what_is_applied_is_owned() -> None:
    obj = apply(None, document(2, labels={"a": "b"}), "alice")
    assert owned(obj, "alice") == {".spec.replicas", ".metadata.labels.a"}


def test_a_field_no_longer_applied_is_removed() -> None:
    obj = apply(None, document(2, labels={"a": "b"}), "alice")
    obj = apply(obj, document(2), "alice")
    assert "labels" not in obj["metadata"]
    assert obj["spec"] == {"replicas": 2}


def test_a_field_somebody_else_applies_too_stays() -> None:
    obj = apply(apply(None, document(2), "alice"), document(2), "bob")
    obj = apply(obj, document(), "alice")
    assert obj["spec"] == {"replicas": 2}
    assert owned(obj, "alice") == {".spec"}
    assert owned(obj, "bob") == {".spec.replicas"}


def test_changing_what_another_owns_is_a_conflict_that_names_both() -> None:
    obj = apply(None, document(2), "alice")
    with pytest.raises(ApiError) as refused:
        apply(obj, document(3), "bob")
    assert (refused.value.code, refused.value.reason) == (409, "Conflict")
    assert str(refused.value) == 'Apply failed with 1 conflict: conflict with "alice": .spec.replicas'


def test_force_takes_the_field_over() -> None:
    obj = apply(apply(None, document(2), "alice"), document(3), "bob", force=True)
    assert obj["spec"]["replicas"] == 3
    assert owned(obj, "alice") == set()


def test_several_conflicts_are_listed_by_manager() -> None:
    obj = apply(None, document(2, labels={"a": "1"}), "alice")
    with pytest.raises(ApiError, match=r'conflicts with "alice":\n- \.metadata\.labels\.a\n- \.spec\.replicas'):
        apply(obj, document(3, labels={"a": "2"}), "bob")


def test_keyed_lists_merge_by_key_and_live_ones_stay_first() -> None:
    obj = apply(None, document(containers=[{"name": "app", "image": "1"}]), "alice")
    obj = apply(obj, document(containers=[{"name": "side", "image": "2"}]), "bob")
    assert [c["name"] for c in obj["spec"]["template"]["spec"]["containers"]] == ["app", "side"]
    obj = apply(obj, document(containers=[]), "bob")
    assert [c["name"] for c in obj["spec"]["template"]["spec"]["containers"]] == ["app"]


def test_an_element_another_manager_wrote_into_keeps_its_key() -> None:
    obj = apply(None, document(containers=[{"name": "app", "image": "1"}]), "alice")
    obj = apply(obj, document(containers=[{"name": "app", "workingDir": "/x"}]), "bob")
    obj = apply(obj, document(containers=[]), "alice")
    assert obj["spec"]["template"]["spec"]["containers"] == [{"name": "app", "workingDir": "/x"}]


def test_the_same_apply_again_changes_nothing() -> None:
    obj = apply(None, document(2, containers=[{"name": "app", "image": "1"}]), "alice")
    later = applied(
        obj,
        document(2, containers=[{"name": "app", "image": "1"}]),
        document(2),
        SCHEMA,
        manager("alice"),
        "2031-01-01T00:00:00Z",
        force=False,
    )
    assert with_entries(later.obj, later.entries) == obj


def test_an_update_takes_ownership_of_what_it_changes() -> None:
    obj = apply(None, document(2, labels={"a": "b"}), "alice")
    changed = {**obj, "spec": {"replicas": 5}}
    obj = recorded_update(obj, changed, SCHEMA, manager("kubectl", "Update"), NOW)
    assert owned(obj, "kubectl") == {".spec.replicas"}
    assert owned(obj, "alice") == {".metadata.labels.a"}
    with pytest.raises(ApiError, match=r'conflict with "kubectl" using apps/v1: \.spec\.replicas'):
        apply(obj, document(2, labels={"a": "b"}), "alice")


def test_who_takes_over_an_update_applies_without_losing_what_it_still_applies() -> None:
    """What kubectl does to move from client-side to server-side apply: the Update entry becomes an Apply entry."""
    config = document(2, containers=[{"name": "app", "image": "1"}], labels={"a": "b"})
    obj = recorded_update(None, config, SCHEMA, manager("kubectl", "Update"), NOW)
    (entry,) = obj["metadata"]["managedFields"]
    taken = {**obj, "metadata": {**obj["metadata"], "managedFields": [{**entry, "operation": "Apply"}]}}
    again = apply(taken, config, "kubectl")
    assert again["spec"] == config["spec"]
    assert again["metadata"]["labels"] == {"a": "b"}


def test_an_update_that_changes_nothing_records_nothing() -> None:
    obj = apply(None, document(2), "alice")
    assert recorded_update(obj, obj, SCHEMA, manager("kubectl", "Update"), NOW) == obj


elements = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])


@given(st.frozensets(st.lists(elements, min_size=1, max_size=4).map(tuple), max_size=8))
def test_field_sets_survive_their_wire_form(fields: frozenset[tuple[str, ...]]) -> None:
    assert from_fields_v1(to_fields_v1(fields)) == fields


def test_atomic_parts_are_one_field() -> None:
    found = leaves({"selector": {"matchLabels": {"a": "b"}}}, SCHEMA["properties"]["spec"])
    assert list(found) == [("f:selector",)]
