"""Objects of one kind in memory, found by name, by namespace, and by what they mention, at the same cost however many
there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

Object = dict[str, Any]
Name = tuple[str | None, str]
Named = dict[Name, Object]
WILDCARD = "*"


class Stored:
    """Not safe for several threads. `by_mention`: whether `mentioning` narrows anything down."""

    def __init__(self, objects: Mapping[Name, Object] | None = None, *, by_mention: bool = False) -> None:
        self._objects: Named = {}
        self._of_namespace: dict[str | None, Named] = {}
        self._with_word: dict[str, Named] = {}
        self._by_mention = by_mention
        for name, obj in (objects or {}).items():
            self.put(name, obj)

    def get(self, name: Name) -> Object | None:
        return self._objects.get(name)

    def put(self, name: Name, obj: Object) -> None:
        self.drop(name)
        for index in self._indexes(name, obj):
            index[name] = obj

    def drop(self, name: Name) -> Object | None:
        """What it was, None where it was not there."""
        obj = self._objects.get(name)
        if obj is None:
            return None
        for index in self._indexes(name, obj):
            index.pop(name, None)
        if not self._of_namespace[name[0]]:
            del self._of_namespace[name[0]]
        for word in self._words(obj):
            if not self._with_word.get(word, True):
                del self._with_word[word]
        return obj

    def list(self, namespace: str | None = None) -> list[Object]:
        """All, or those of one namespace."""
        return list((self._objects if namespace is None else self._of_namespace.get(namespace, {})).values())

    def mentioning(self, words: Collection[str]) -> Sequence[Object]:
        """Those that may mention one of the words, by name: no one that does is left out."""
        if not self._by_mention:
            return self.list()
        found: Named = {}
        for word in (*words, WILDCARD):
            found.update(self._with_word.get(word, {}))
        return [found[name] for name in sorted(found, key=str)]

    def _indexes(self, name: Name, obj: Object) -> Iterator[Named]:
        yield self._objects
        yield self._of_namespace.setdefault(name[0], {})
        for word in self._words(obj):
            yield self._with_word.setdefault(word, {})

    def _words(self, obj: Object) -> Iterable[str]:
        return mentioned(obj) if self._by_mention else ()


def mentioned(obj: Object) -> set[str]:
    """An object's own name, and whatever in its spec may be the name of another: of a host the part before the first
    dot, of a host for many the wildcard."""
    return {str(obj["metadata"]["name"]), *(_word(text) for text in _texts(obj.get("spec")))}


def _word(text: str) -> str:
    return WILDCARD if text.startswith(WILDCARD) else text.partition(".")[0]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
