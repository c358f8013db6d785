"""Random values that the structural OpenAPI v3 schema of a CustomResourceDefinition accepts.

What a schema cannot say, or says only in CEL, comes from two tables that are keyed by the path of a field:

- `demands` are further schema keywords: `{"http[].route": {"minItems": 1}}`. `required` adds up, others replace.
- `overrides` are strategies for the field, or functions from the schema's own strategy to another one.

A path is written `http[].match[].headers{}.exact`: `[]` any item, `{}` any value of a map, nothing at all
the root. With `**.` before it, it
stands for every field whose path ends so; of several that fit, the longest is used (of demands: all of them, the
longest last). A path that the schema does not have is no mistake: versions differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.contract.routes.scalars import integers, numbers, strings

Schema = Mapping[str, Any]
Override = SearchStrategy[Any] | Callable[[SearchStrategy[Any]], SearchStrategy[Any]]
Demands = Mapping[str, Mapping[str, Any]]

OMITTED: Final[SearchStrategy[Any]] = st.nothing()
"""As an override: the field is left out, as if the schema did not have it."""

FEW_FIELDS = 3
FEW_ITEMS = 3
FEW_KEYS = 2

_UNKNOWN_KEYWORDS = ("not", "$ref", "multipleOf", "patternProperties", "uniqueItems")
_MAP_KEYS = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8).map(lambda text: f"x{text}y")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(("", "on", "a b")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_MAP_KEYS, inner, max_size=2),
    max_leaves=4,
)


def values(
    schema: Schema,
    *,
    overrides: Mapping[str, Override] | None = None,
    demands: Demands | None = None,
    depth: int = 12,
) -> SearchStrategy[Any]:
    """Small values that `schema` accepts: a few optional fields at a time, short lists.

    Below `depth` levels only what is required is there. Raises ValueError for a schema keyword that this does not
    understand, naming its path.
    """
    return _Builder(_by_path(overrides or {}), _by_path(demands or {})).build(schema, (), depth)


_Path = tuple[str, ...]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Branch:
    """One alternative of a oneOf or anyOf, as routes use them: fields that must be there and fields that must not."""

    forced: frozenset[str]
    barred: frozenset[str]


@dataclass(frozen=True, slots=True, repr=False)  # hypothesis would print all of it with every failure
class _Shape:
    """The fields of an object, those that must be there, and the alternatives: one of each row holds."""

    fields: Mapping[str, SearchStrategy[Any]]
    required: frozenset[str]
    choices: Sequence[Sequence[_Branch]]


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds the strategy of every node of one schema, from the root down."""

    overrides: Mapping[_Path, Override]
    demands: Mapping[_Path, Mapping[str, Any]]

    def build(self, schema: Schema, path: _Path, depth: int) -> SearchStrategy[Any]:
        for demand in _fitting(self.demands, path):
            schema = _stricter(schema, demand)
        chosen = [*_fitting(self.overrides, path)][-1:]
        if not chosen:
            return self._nullable(schema, path, depth)
        (override,) = chosen
        return override if isinstance(override, SearchStrategy) else override(self._nullable(schema, path, depth))

    def _nullable(self, schema: Schema, path: _Path, depth: int) -> SearchStrategy[Any]:
        plain = self._plain(schema, path, depth)
        return st.one_of(plain, plain, plain, st.none()) if schema.get("nullable") else plain

    def _plain(self, schema: Schema, path: _Path, depth: int) -> SearchStrategy[Any]:
        unknown = [keyword for keyword in _UNKNOWN_KEYWORDS if keyword in schema]
        if unknown:
            raise ValueError(f"{_written(path)}: schema keyword {unknown[0]} is not understood: teach from_schema it")
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if schema.get("x-kubernetes-int-or-string"):
            return integers(schema) | strings(schema)
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema, path, depth)
        if kind == "array":
            return self._array(schema, path, depth)
        return _scalar(schema, path)

    def _object(self, schema: Schema, path: _Path, depth: int) -> SearchStrategy[Any]:
        extra = schema.get("additionalProperties")
        if isinstance(extra, Mapping):
            most = min(schema.get("maxProperties", FEW_KEYS), FEW_KEYS) if depth > 0 else 0
            inner = self.build(extra, (*path, "{}"), depth - 1)
            return st.dictionaries(_MAP_KEYS, inner, min_size=schema.get("minProperties", 0), max_size=most)
        fields = self._fields(schema, path, depth)
        if not fields and schema.get("x-kubernetes-preserve-unknown-fields"):
            return st.dictionaries(_MAP_KEYS, _JSON, max_size=FEW_KEYS if depth > 0 else 0)
        required = frozenset(schema.get("required", ())) & frozenset(fields)
        return _objects(_Shape(fields, required, _choices(schema, frozenset(fields))), FEW_FIELDS if depth > 0 else 0)

    def _fields(self, schema: Schema, path: _Path, depth: int) -> dict[str, SearchStrategy[Any]]:
        built = {
            name: self.build(inner, (*path, name), depth - 1) for name, inner in schema.get("properties", {}).items()
        }
        return {name: strategy for name, strategy in built.items() if strategy is not OMITTED}

    def _array(self, schema: Schema, path: _Path, depth: int) -> SearchStrategy[Any]:
        least = schema.get("minItems", 0)
        most = max(least, min(schema.get("maxItems", FEW_ITEMS), FEW_ITEMS) if depth > 0 else 0)
        items = self.build(schema["items"], (*path, "[]"), depth - 1)
        unique = _identity_of_items(schema)
        if unique is None:
            return st.lists(items, min_size=least, max_size=most)
        return st.lists(items, min_size=least, max_size=most, unique_by=unique)


@st.composite
def _objects(draw: DrawFn, shape: _Shape, few: int) -> dict[str, Any]:
    fields = shape.fields
    forced, barred = set(shape.required), set[str]()
    for branches in shape.choices:
        fitting = [each for each in branches if not (each.forced & barred or each.barred & forced)]
        branch = draw(st.sampled_from(fitting or branches))
        forced |= branch.forced
        barred |= branch.barred
    optional = [name for name in fields if name not in forced and name not in barred]
    chosen = draw(st.lists(st.sampled_from(optional), unique=True, max_size=few)) if optional and few else []
    return {name: draw(fields[name]) for name in fields if name in forced or name in chosen}


def _scalar(schema: Schema, path: _Path) -> SearchStrategy[Any]:
    match schema.get("type"):
        case "string":
            return strings(schema)
        case "integer":
            return integers(schema)
        case "number":
            return numbers(schema)
        case "boolean":
            return st.booleans()
        case None if schema.get("x-kubernetes-preserve-unknown-fields"):
            return _JSON
        case kind:
            raise ValueError(f"{_written(path)}: type {kind} is not one of a structural schema")


def _choices(schema: Schema, fields: frozenset[str]) -> list[list[_Branch]]:
    """The alternatives to choose between, one of each; those that need a field the object has not are left out."""
    found = []
    for part in (schema, *schema.get("allOf", ())):
        for keyword in ("oneOf", "anyOf"):
            branches = [_branch(branch, part[keyword], exact=keyword == "oneOf") for branch in part.get(keyword, ())]
            possible = [branch for branch in branches if branch.forced <= fields]
            found.extend([possible] if possible else [])
    return sorted(found, key=len)  # what leaves no choice is settled before the rest is chosen


def _branch(branch: Schema, beside: Iterable[Schema], *, exact: bool) -> _Branch:
    forced = frozenset(branch.get("required", ()))
    denied = branch.get("not", {})
    barred = _names([denied, *denied.get("anyOf", ())])
    # Exactly one alternative may hold, so what makes another one hold must not be there.
    return _Branch(forced, barred | (_names(beside) - forced if exact else frozenset()))


def _names(branches: Iterable[Schema]) -> frozenset[str]:
    return frozenset(name for branch in branches for name in branch.get("required", ()))


def _identity_of_items(schema: Schema) -> Callable[[Any], str] | None:
    """What no two items of the list may share; None where items may be equal."""
    match schema.get("x-kubernetes-list-type"):
        case "set":
            return lambda item: json.dumps(item, sort_keys=True)
        case "map":
            known = schema["items"].get("properties", {})
            # The server fills defaults in before it compares keys.
            keys = {key: known.get(key, {}).get("default") for key in schema["x-kubernetes-list-map-keys"]}
            return lambda item: json.dumps([item.get(key, default) for key, default in keys.items()])
    return None


def _stricter(schema: Schema, demand: Mapping[str, Any]) -> Schema:
    required = [*schema.get("required", ()), *demand.get("required", ())]
    return {**schema, **demand, **({"required": required} if required else {})}


def _by_path(table: Mapping[str, _T]) -> dict[_Path, _T]:
    return {_parsed(written): value for written, value in table.items()}


def _parsed(written: str) -> _Path:
    marked = written.replace("[]", ".[]").replace("{}", ".{}")
    return tuple(part for part in marked.split(".") if part)


def _written(path: _Path) -> str:
    return ".".join(path).replace(".[]", "[]").replace(".{}", "{}") or "the root"


def _fitting(table: Mapping[_Path, _T], path: _Path) -> Iterable[_T]:
    """The entries for `path`, from the least to the most specific."""
    for length in range(1, len(path) + 1):
        suffix = table.get(("**", *path[-length:]))
        if suffix is not None:
            yield suffix
    exact = table.get(path)
    if exact is not None:
        yield exact
