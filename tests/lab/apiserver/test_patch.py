"""Patches: what each kind does to a document, without a server."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.lab.apiserver.models import schema_of
from delivery.lab.apiserver.patch import json_patched, merge_patched, strategic_patched
from delivery.lab.apiserver.status import ApiError

POD = schema_of("V1PodSpec")
META = schema_of("V1ObjectMeta")


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


def test_json_patch_leaves_the_original_alone() -> None:
    before = {"a": {"b": [1]}}
    assert json_patched(before, [{"op": "add", "path": "/a/b/-", "value": 2}]) == {"a": {"b": [1, 2]}}
    assert before == {"a": {"b": [1]}}


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ({"op": "add"}, 400),
        ([{"op": "test", "path": "/a", "value": 2}], 422),
        ([{"op": "remove", "path": "/b"}], 422),
        ([{"op": "shout", "path": "/a"}], 422),
    ],
)
def test_json_patches_that_cannot_be_carried_out(operations: Any, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        json_patched({"a": 1}, operations)
    assert refused.value.code == code


def test_merge_patch_removes_by_null_and_replaces_lists() -> None:
    assert merge_patched({"a": {"b": 1, "c": 2}, "l": [1]}, {"a": {"b": None}, "l": [2]}) == {"a": {"c": 2}, "l": [2]}


documents = st.recursive(
    st.integers() | st.text(max_size=3) | st.booleans(),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)


@given(documents, documents)
def test_a_merge_patch_twice_is_a_merge_patch_once(value: Any, change: Any) -> None:
    once = merge_patched(value, change)
    assert merge_patched(once, change) == once


def test_strategic_merge_goes_by_the_merge_key() -> None:
    before = {"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]}
    change = {"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}]}
    after = strategic_patched(before, change, POD)
    assert names(after["containers"]) == ["a", "b"]
    assert after["containers"][0]["image"] == "1"
    assert sorted(names(after["containers"][0]["env"])) == ["X", "Y"]


def test_new_elements_come_first_and_known_ones_keep_their_place() -> None:
    before = {"containers": [{"name": "a"}, {"name": "b"}]}
    assert names(strategic_patched(before, {"containers": [{"name": "c"}]}, POD)["containers"]) == ["c", "a", "b"]
    changed = strategic_patched(before, {"containers": [{"name": "b", "image": "2"}]}, POD)
    assert names(changed["containers"]) == ["a", "b"]


def test_set_element_order_orders_what_it_names() -> None:
    before = {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}
    change = {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}
    assert names(strategic_patched(before, change, POD)["containers"]) == ["b", "c", "a"]


def test_delete_and_replace_directives() -> None:
    before = {"containers": [{"name": "a"}, {"name": "b"}]}
    gone = strategic_patched(before, {"containers": [{"name": "a", "$patch": "delete"}]}, POD)
    assert names(gone["containers"]) == ["b"]
    replaced = strategic_patched(before, {"containers": [{"name": "z"}, {"$patch": "replace"}]}, POD)
    assert names(replaced["containers"]) == ["z"]
    emptied = strategic_patched({"securityContext": {"runAsUser": 1}}, {"securityContext": {"$patch": "delete"}}, POD)
    assert emptied == {"securityContext": {}}


def test_primitive_lists_merge_and_can_lose_members() -> None:
    before = {"finalizers": ["a/x", "a/y"]}
    assert strategic_patched(before, {"finalizers": ["a/z"]}, META)["finalizers"] == ["a/z", "a/x", "a/y"]
    lost = strategic_patched(before, {"$deleteFromPrimitiveList/finalizers": ["a/x"]}, META)
    assert lost["finalizers"] == ["a/y"]


def test_retained_keys_drop_the_others() -> None:
    before = {"emptyDir": {}, "name": "v"}
    change = {"$retainKeys": ["name", "configMap"], "name": "v", "configMap": {"name": "c"}}
    assert strategic_patched(before, change, {}) == {"name": "v", "configMap": {"name": "c"}}


def test_an_element_without_its_merge_key_is_refused_by_name() -> None:
    with pytest.raises(ApiError, match="does not contain declared merge key: name"):
        strategic_patched({"containers": [{"name": "a"}]}, {"containers": [{"image": "x"}]}, POD)


def test_an_unknown_directive_is_refused() -> None:
    with pytest.raises(ApiError, match="unknown \\$patch directive"):
        strategic_patched({}, {"$patch": "melt"}, POD)


def test_atomic_lists_are_replaced() -> None:
    before = {"tolerations": [{"key": "a"}]}
    assert strategic_patched(before, {"tolerations": [{"key": "b"}]}, POD) == {"tolerations": [{"key": "b"}]}
