"""The page of every field: it cannot fall behind the models, and what it says is what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec, parse_policy
from delivery.resources.policy_reference import COMMAND, FURTHER, policy_reference, sections

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"
SECTIONS = sections(DeliveryPolicySpec, "spec")


def test_the_page_is_what_the_models_say() -> None:
    assert PAGE.read_text() == policy_reference(), f"docs/policy.md is behind the models; refresh it: {COMMAND}"


def rows() -> Iterator[tuple[str, list[str]]]:
    """Every field's path as its section has it, and its cells."""
    section = ""
    for line in policy_reference().splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ").split("`")[1] if "`" in line else ""
        elif line.startswith("| `"):
            cells = [cell.strip() for cell in line.replace("\\|", "¦").split("|")[1:-1]]
            yield f"{section}.{cells[0].strip('`')}", cells


def schema_paths(schema: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[str]:
    """Every field's path as pydantic's own JSON schema has it."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from schema_paths(option, definitions, path)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from schema_paths(schema["additionalProperties"], definitions, f"{path}.NAME")
    if "items" in schema:
        yield from schema_paths(schema["items"], definitions, f"{path}[]")
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from schema_paths(inner, definitions, f"{path}.{name}")


def test_every_field_is_there_by_the_name_users_write() -> None:
    schema = DeliveryPolicySpec.model_json_schema(by_alias=True)
    named = {f"{path}.{field.alias}" for each in SECTIONS for path in each.paths for field in fields(each.model)}
    assert named == set(schema_paths(schema, schema["$defs"], "spec"))


def fields(model: Any) -> list[Any]:
    return list(model.model_fields.values())


def test_no_model_is_told_twice_and_each_kind_of_metric_has_its_own() -> None:
    titles = [each.title for each in SECTIONS]
    assert len(set(titles)) == len(titles)
    for kind in ("errorRate", "latency", "counterRatio", "gaugeMean"):
        assert f"`spec.analysis.metrics[]`, kind `{kind}`" in titles
    assert "`spec.analysis.metrics[].tolerance`, kind `counterRatio` or `gaugeMean`" in titles


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("spec.strategy.canary.steps", ["list of objects", "`[1, 5, 20, 50]`", "not empty, at most 20 of them"]),
        ("spec.strategy.canary.maxStepDuration", ["duration", "`15m`", "more than 0s"]),
        ("spec.strategy.canary.steps[].weight", ["number", "*needed*", "more than 0, at most 100"]),
        ("spec.strategy.canary.steps[].fault.delay", ["duration", "", "more than 0s"]),
        ("spec.strategy.canary.sticky.cookie", ["text", "`headgate`", "`^[A-Za-z0-9_-]+$`"]),
        ("spec.analysis.risk.wrongRollback", ["number", "`0.01`", "more than 0, at most 0.5"]),
        ("spec.mesh.istio.splitBy", ["`auto`, `services`, `subsets`", "`auto`", ""]),
    ],
)
def test_type_default_and_constraints(path: str, told: list[str]) -> None:
    [cells] = [cells for at, cells in rows() if at == path]
    assert cells[1:4] == told


def test_every_default_that_is_told_is_the_default() -> None:
    sound = parse_policy({}, "").model_dump(mode="json", by_alias=True)
    for path, cells in rows():
        default = cells[2].strip("`")
        if "[]" in path or not default or default == "its own" or path.endswith(("steps", "metrics")):
            continue
        value: Any = sound
        for part in path.split(".")[1:]:
            value = None if value is None else value[part]
        assert value is None or yaml.safe_load(default) == value, path


FAULT = {"percent": 5}
WRONG: dict[str, list[dict[str, Any]]] = {
    "spec.mesh": [
        {"mesh": {"istio": {"virtualServices": [{"name": "a"}]}, "linkerd": {"routes": [{"name": "b"}]}}},
        {"mesh": {"provider": "istio", "linkerd": {"routes": [{"name": "b"}]}}},
    ],
    "spec.strategy.canary.steps": [
        {"strategy": {"canary": {"steps": [5, 3]}}},
        {"strategy": {"canary": {"steps": [0.12345]}}},
    ],
    "spec.strategy.canary.steps[].fault": [
        {"strategy": {"canary": {"steps": [{"weight": 5, "fault": FAULT}], "sticky": {}}}},
        {"strategy": {"canary": {"steps": [{"weight": 5, "fault": {**FAULT, "abort": 503}}]}}},
    ],
    "spec.strategy.canary.match[]": [
        {"strategy": {"canary": {"match": [{}]}}},
        {"strategy": {"canary": {"match": [{"headers": {"x": {"exact": "1", "prefix": "2"}}}]}}},
    ],
    "spec.analysis.metrics": [
        {"analysis": {"metrics": [{"kind": "latency"}]}},
        {"analysis": {"metrics": [{"kind": "errorRate"}, {"kind": "latency", "name": "errors"}]}},
    ],
    "spec.analysis.metrics[].query": [
        {
            "analysis": {
                "metrics": [
                    {"kind": "errorRate"},
                    {"kind": "gaugeMean", "name": "queue", "query": {"value": "queue_length"}},
                ]
            }
        },
        {
            "analysis": {
                "metrics": [
                    {"kind": "errorRate"},
                    {
                        "kind": "latency",
                        "name": "own",
                        "query": {"buckets": 'rate(x_bucket{deployment="{{ workload }}"}[1m])'},
                    },
                ]
            }
        },
    ],
}


@pytest.mark.parametrize("path", [path for path, _ in FURTHER])
def test_what_is_said_to_be_checked_across_fields_is(path: str) -> None:
    for spec in WRONG[path]:
        with pytest.raises(InvalidSpec):
            parse_policy(spec, "")
