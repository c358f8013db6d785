"""The random routes that other suites build on are routes to every server: taken, kept whole, read in any version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import DESTINATION_RULE, TRAFFIC_SPLIT, VIRTUAL_SERVICE, Kind
from delivery.lab.control_plane import install_crds
from tests.contract.routes.from_schema import OMITTED, values
from tests.contract.routes.scalars import python_pattern
from tests.contract.routes.valid_routes import KINDS, crd_file, routes, served_versions, spec_schema

Object = dict[str, Any]

VERSIONS = [(kind, version) for kind in KINDS for version in served_versions(kind)]
NAMES = [f"{kind}-{version}" for kind, version in VERSIONS]
CANARY_NAMES = ("web-stable", "web-canary")

# One server serves all examples of a test, and each example removes what it made: nothing carries over.
on_a_server = settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),  # what is left out would ask the server a thousand times
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
alone = settings(max_examples=30, derandomize=True, deadline=None)
each_version = pytest.mark.parametrize(("kind", "version"), VERSIONS, ids=NAMES)


@pytest.fixture(scope="module")
def installed(cluster: Cluster) -> list[str]:
    return install_crds(cluster, sorted({crd_file(kind) for kind in KINDS}))


@each_version
def test_taken_kept_whole_and_read_in_every_version(
    cluster: Cluster, installed: list[str], namespace: str, kind: Kind, version: str
) -> None:
    in_version = {each: replace(kind, versions=(each,)) for each in served_versions(kind)}

    @on_a_server
    @given(routes(kind, version, namespace=namespace))
    def check(route: Object) -> None:
        created = cluster.create(in_version[version], route)
        try:
            assert _written_part(created, route) == route
            for other, reading in in_version.items():
                found = cluster.get(reading, "web", namespace)
                assert (found["apiVersion"], found["kind"]) == (f"{kind.group}/{other}", kind.name)
                kept = _known_part(created["spec"], spec_schema(kind, other))
                assert _written_part(found["spec"], kept) == kept
        finally:
            cluster.delete(in_version[version], "web", namespace)

    check()


@each_version
def test_sends_traffic_to_the_apex_and_names_no_canary(kind: Kind, version: str) -> None:
    @alone
    @given(routes(kind, version, apex="web", namespace="shop"))
    def check(route: Object) -> None:
        assert any(_is_apex(kind, entry) for entry in _destinations(kind, route["spec"]))
        assert not any(name in text for text in _texts(route) for name in CANARY_NAMES)

    check()


def test_all_that_a_schema_has_is_generated() -> None:
    seen: set[str] = set()

    @settings(alone, max_examples=300)
    @given(routes(VIRTUAL_SERVICE, served_versions(VIRTUAL_SERVICE)[0]))
    def collect(route: Object) -> None:
        seen.update(_paths(route["spec"]))

    collect()
    known = _schema_paths(spec_schema(VIRTUAL_SERVICE, served_versions(VIRTUAL_SERVICE)[0]))
    rules = {path for path in known if path.count(".") <= 1}
    assert rules - seen <= {"http[].mirror_percent", "http[].mirrors[]"}  # which few examples reach
    assert seen & {"http[].route[].weight", "http[].route[].destination.subset"}


def test_alternatives_exclude_each_other() -> None:
    either = {"oneOf": [{"not": {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}}, {"required": ["a"]}]}
    schema = {"type": "object", "properties": {name: {"type": "boolean"} for name in "abc"}}
    either["oneOf"].append({"required": ["b"]})
    found: set[str] = set()

    @settings(alone, max_examples=100)
    @given(values({**schema, **either}))
    def collect(value: Object) -> None:
        found.add("".join(sorted(value)))

    collect()
    assert found == {"", "a", "b", "c", "ac", "bc"}


@pytest.mark.parametrize(
    ("schema", "holds"),
    [
        ({"type": "integer", "format": "int32"}, lambda value: -(2**31) <= value < 2**31),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True, "maximum": 3}, lambda value: value in (1, 2, 3)),
        ({"type": "number", "minimum": 0, "maximum": 1}, lambda value: 0 <= value <= 1),
        ({"type": "string", "pattern": "^a+$", "maxLength": 3}, lambda value: value in ("a", "aa", "aaa")),
        ({"type": "string", "format": "date-time"}, lambda value: value.endswith("Z") and len(value) == 20),
        ({"type": "string", "nullable": True, "minLength": 1}, lambda value: value is None or value),
        ({"x-kubernetes-int-or-string": True}, lambda value: isinstance(value, int | str)),
        (
            {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "x-kubernetes-list-type": "set"},
            lambda value: len(value) == len(set(value)) > 0,
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_scalars_and_lists_keep_their_bounds(schema: Object, holds: Any) -> None:
    @alone
    @given(values(schema))
    def check(value: Any) -> None:
        assert holds(value)

    check()


def test_items_of_a_map_list_differ_in_their_keys_defaults_included() -> None:
    fields = {"name": {"enum": ["a", "b"]}, "protocol": {"enum": ["TCP", "UDP"], "default": "TCP"}}
    items = {"type": "object", "required": ["name"], "properties": fields}
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "protocol"]}

    @alone
    @given(values({"type": "array", "items": items, **keyed}))
    def check(value: list[Object]) -> None:
        keys = [(item["name"], item.get("protocol", "TCP")) for item in value]
        assert len(keys) == len(set(keys))

    check()


def test_overrides_and_demands_reach_every_field_that_their_path_names() -> None:
    text = {"type": "string"}
    inner = {"type": "object", "required": ["host"], "properties": {"host": text, "port": text}}
    schema = {"type": "object", "properties": {"host": text, "to": inner, "all": {"type": "array", "items": inner}}}
    overrides = {"**.host": st.just("any"), "all[].host": st.just("mine"), "**.port": OMITTED}

    @alone
    @given(
        values(schema, overrides=overrides, demands={"": {"required": ["host", "to", "all"]}, "all": {"minItems": 1}})
    )
    def check(value: Object) -> None:
        assert (value["host"], value["to"]) == ("any", {"host": "any"})
        assert {item["host"] for item in value["all"]} == {"mine"}

    check()


def test_a_keyword_that_is_not_understood_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^\[\]: schema keyword multipleOf"):
        values({"type": "array", "items": {"type": "integer", "multipleOf": 5}}, overrides={}).validate()


def test_patterns_of_go_are_read_as_go_reads_them() -> None:
    assert python_pattern(r"^[[:alpha:]]\z") == r"^[A-Za-z]\Z"
    with pytest.raises(ValueError, match=r"\\p has no counterpart"):
        python_pattern(r"^\pL$")


def _written_part(found: Any, written: Any) -> Any:
    """What of `found` is `written` too: a server may add defaults beside it."""
    if isinstance(written, dict):
        return {key: _written_part(found[key], value) for key, value in written.items() if key in found}
    if isinstance(written, list) and len(found) == len(written):
        return [_written_part(*pair) for pair in zip(found, written, strict=True)]
    return found


def _known_part(value: Any, schema: Mapping[str, Any]) -> Any:
    """What of `value` a version with this schema can show."""
    if isinstance(value, list):
        return [_known_part(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return value
    if isinstance(schema.get("additionalProperties"), Mapping):
        return value
    fields = schema.get("properties", {})
    return {key: _known_part(inner, fields[key]) for key, inner in value.items() if key in fields}


def _destinations(kind: Kind, spec: Object) -> Iterator[Object]:
    if kind == DESTINATION_RULE:
        yield {"destination": {"host": spec["host"]}}
    elif kind == VIRTUAL_SERVICE:
        rules = [rule for key in ("http", "tls", "tcp") for rule in spec.get(key, ())]
        yield from (entry for rule in rules for entry in rule.get("route", ()))
    elif kind == TRAFFIC_SPLIT:
        yield {"name": spec["service"]}
    else:
        yield from (entry for rule in spec["rules"] for entry in rule.get("backendRefs", ()))


def _is_apex(kind: Kind, entry: Object) -> bool:
    if kind in (DESTINATION_RULE, VIRTUAL_SERVICE):
        hosts = ("web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local")
        return entry["destination"]["host"] in hosts
    service = (entry["name"], entry.get("group", ""), entry.get("kind", "Service"))
    return service == ("web", "", "Service") and entry.get("namespace", "shop") == "shop"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *_texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def _paths(value: Any, path: str = "") -> Iterator[str]:
    yield path.removeprefix(".")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, f"{path}[]")


def _schema_paths(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    yield path.removeprefix(".")
    for key, inner in schema.get("properties", {}).items():
        yield from _schema_paths(inner, f"{path}.{key}")
    if "items" in schema:
        yield from _schema_paths(schema["items"], f"{path}[]")
