"""What is stored is found by name, by namespace and by what it mentions, after whatever was put and dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from delivery.cluster.stored import Stored, mentioned

WORDS = st.sampled_from(["web", "api", "cart", "*"])
HOSTS = st.builds(lambda word, rest: word + rest, WORDS, st.sampled_from(["", ".shop", ".shop.svc.cluster.local"]))
NAMES = st.tuples(st.sampled_from(["shop", "bank", None]), st.sampled_from(["one", "two", "three"]))
CHANGES = st.lists(st.tuples(NAMES, st.none() | st.lists(HOSTS, max_size=3)), max_size=30)


def route(name: tuple[str | None, str], hosts: Sequence[object]) -> dict[str, Any]:
    return {"metadata": {"namespace": name[0], "name": name[1]}, "spec": {"http": [{"route": hosts}]}}


@given(CHANGES, st.sets(WORDS))
def test_every_way_to_find_agrees_with_looking_at_all(
    changes: list[tuple[tuple[str | None, str], list[str] | None]], words: set[str]
) -> None:
    stored, plain = Stored(by_mention=True), dict[tuple[str | None, str], dict[str, Any]]()
    for name, hosts in changes:
        if hosts is None:
            assert stored.drop(name) == plain.pop(name, None)
        else:
            plain[name] = route(name, hosts)
            stored.put(name, plain[name])
    assert all(stored.get(name) is plain.get(name) for name, _ in changes)
    for namespace in ("shop", "bank", None):
        wanted = [obj for name, obj in plain.items() if namespace in (None, name[0])]
        assert same(stored.list(namespace), wanted)
    assert same(stored.mentioning(words), [obj for obj in plain.values() if mentioned(obj) & (words | {"*"})])


def same(one: Any, other: Any) -> bool:
    return sorted(map(id, one)) == sorted(map(id, other))


def test_nothing_stays_behind_of_what_was_dropped() -> None:
    stored = Stored({("shop", "one"): route(("shop", "one"), ["web.shop"])}, by_mention=True)
    stored.drop(("shop", "one"))
    assert vars(stored) == vars(Stored(by_mention=True))


def test_without_the_index_everything_may_mention_everything() -> None:
    stored = Stored({("shop", "one"): route(("shop", "one"), ["web"])})
    assert len(stored.mentioning({"api"})) == 1


def test_an_object_mentions_itself_and_the_first_part_of_every_host() -> None:
    hosts = ["web.shop.svc.cluster.local", "api", "*.example.org", 8080, None, True]
    assert mentioned(route(("shop", "front.end"), hosts)) == {"front.end", "web", "api", "*"}
    assert mentioned({"metadata": {"name": "bare"}}) == {"bare"}
