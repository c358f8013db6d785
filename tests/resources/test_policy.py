"""Policies: what a user may write, and what each refusal says."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec, Step, parse_policy


def nested(path: str, value: Any) -> dict[str, Any]:
    """A spec with `value` at the dotted `path`."""
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


def metric(**fields: Any) -> dict[str, Any]:
    return nested("analysis.metrics", [{"kind": "errorRate", **fields}])


def refusal(spec: Any) -> str:
    with pytest.raises(InvalidSpec) as caught:
        parse_policy(spec, "DeliveryPolicy shop/standard")
    return str(caught.value)


def test_an_empty_spec_is_a_sound_policy() -> None:
    policy = parse_policy({}, "DeliveryPolicy shop/standard")
    assert policy == parse_policy(None, "the same") == DeliveryPolicySpec()
    assert policy.weights == (1, 5, 20, 50)
    assert policy.strategy.canary.min_step_duration == 30
    assert policy.analysis.risk.wrong_rollback == 0.01
    assert [metric.kind for metric in policy.analysis.metrics] == ["errorRate", "latency"]


def test_a_policy_as_a_user_writes_it() -> None:
    policy = parse_policy(
        {
            "mesh": {"provider": "istio", "istio": {"virtualServices": [{"name": "web", "routes": ["primary"]}]}},
            "strategy": {"canary": {"steps": [1, {"weight": 0.5e1, "minDuration": "2m", "gate": "approval"}]}},
            "analysis": {"noData": {"deadline": "5m", "action": "pause"}},
            "onRollback": "restoreTemplate",
        },
        "DeliveryPolicy shop/standard",
    )
    assert policy.strategy.canary.steps == (
        Step(weight=1),
        Step.model_validate({"weight": 5, "minDuration": "2m", "gate": "approval"}),
    )
    assert policy.mesh.istio.virtual_services[0].routes == ("primary",)
    assert policy.analysis.no_data.deadline == 300


def test_the_policy_kept_in_a_release_reads_as_the_same_policy() -> None:
    for spec in (
        {},
        nested("strategy.canary", {"steps": [0.0001, 99.9999], "minStepDuration": "1m30s", "drain": "0s"}),
    ):
        policy = parse_policy(spec, "policy")
        kept = policy.model_dump(mode="json", by_alias=True, exclude_none=True)
        assert parse_policy(kept, "Release") == policy


@pytest.mark.parametrize(
    "path",
    [
        "steps",
        "mesh.mode",
        "mesh.istio.gateway",
        "strategy.blueGreen",
        "strategy.canary.weights",
        "strategy.canary.min_step_duration",
        "analysis.latency",
        "analysis.errorRate",
        "analysis.risk.wrong",
        "analysis.noData.after",
    ],
)
def test_an_unknown_field_is_refused_by_its_path_at_any_depth(path: str) -> None:
    said = refusal(nested(path, 1))
    assert said == f"DeliveryPolicy shop/standard: spec.{path}: unknown field; remove it or correct its name"


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (nested("strategy.canary.steps", [{"weight": 1, "pause": "1m"}]), "spec.strategy.canary.steps[0].pause"),
        (metric(threshold=1), "spec.analysis.metrics[0].threshold"),
        (metric(tolerance={"ratio": 1}), "spec.analysis.metrics[0].tolerance.ratio"),
        (nested("mesh.istio.virtualServices", [{"name": "w", "host": "w"}]), "spec.mesh.istio.virtualServices[0].host"),
    ],
)
def test_an_unknown_field_inside_a_list_is_refused_by_its_place(spec: dict[str, Any], path: str) -> None:
    assert f" {path}: unknown field" in refusal(spec)


@pytest.mark.parametrize("weight", [0, -1, 100.5, float("nan"), float("inf"), 0.00001, True, "half"])
def test_a_weight_outside_what_can_be_split_is_refused(weight: object) -> None:
    assert "spec.strategy.canary.steps[1]" in refusal(nested("strategy.canary.steps", [0.01, weight]))
    assert "spec.strategy.canary.steps[0].weight" in refusal(nested("strategy.canary.steps", [{"weight": [weight]}]))


@pytest.mark.parametrize("steps", [[5, 5], [20, 5], [1, 50, 49.9]])
def test_steps_that_do_not_rise_are_refused(steps: list[float]) -> None:
    said = refusal(nested("strategy.canary.steps", steps))
    assert f"spec.strategy.canary.steps: steps must rise; got {', '.join(f'{w:g}' for w in steps)}" in said


@pytest.mark.parametrize("steps", [[], list(range(1, 22)), 5, {"weight": 5}])
def test_steps_are_a_list_of_one_to_twenty(steps: object) -> None:
    assert " spec.strategy.canary.steps: " in refusal(nested("strategy.canary.steps", steps))


@pytest.mark.parametrize("value", [-0.001, float("inf"), float("nan"), "none"])
@pytest.mark.parametrize("margin", ["absolute", "relative"])
def test_a_tolerance_that_is_no_tolerance_is_refused(margin: str, value: object) -> None:
    assert f" spec.analysis.metrics[0].tolerance.{margin}: " in refusal(metric(tolerance={margin: value}))


DURATIONS = [
    "strategy.canary.minStepDuration",
    "strategy.canary.maxStepDuration",
    "strategy.canary.readyDeadline",
    "strategy.canary.drain",
    "analysis.interval",
    "analysis.warmUp",
    "analysis.noData.deadline",
]


@pytest.mark.parametrize("written", ["30", 30, 1.5, "", "s", "-5s", "5 s", "1d", "5s\n", "1e3s", None, True, ["5s"]])
@pytest.mark.parametrize("path", DURATIONS)
def test_a_duration_that_does_not_parse_is_refused_with_the_way_to_write_it(path: str, written: object) -> None:
    said = refusal(nested(path, written))
    assert f" spec.{path}: not a duration: {written!r}; write it like 30s, 1m30s, 250ms or 2h" in said


@pytest.mark.parametrize(
    "path",
    [
        "analysis.interval",
        "analysis.noData.deadline",
        "strategy.canary.maxStepDuration",
        "strategy.canary.readyDeadline",
    ],
)
def test_a_deadline_or_an_interval_of_nothing_is_refused(path: str) -> None:
    assert f" spec.{path}: Input should be greater than 0" in refusal(nested(path, "0s"))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            nested("mesh.provider", "nginx"),
            "spec.mesh.provider: Input should be 'auto', 'istio', 'linkerd' or 'gateway-api' (got 'nginx')",
        ),
        (nested("onRollback", "explode"), "spec.onRollback: "),
        (nested("analysis.risk.wrongRollback", 0), "spec.analysis.risk.wrongRollback: "),
        (nested("analysis.risk.wrongAdvance", 0.6), "spec.analysis.risk.wrongAdvance: "),
        (nested("analysis.metrics", [{"name": "x"}]), "spec.analysis.metrics[0]: kind is missing; write errorRate,"),
        (nested("analysis.metrics", [{"kind": "x"}]), "spec.analysis.metrics[0]: no such kind; write errorRate,"),
        (nested("analysis.metrics", [{"kind": "latency"}]), "spec.analysis.metrics: name exactly one metric of kind"),
        (nested("strategy.canary.steps", [{"weight": 5, "gate": "coin"}]), "spec.strategy.canary.steps[0].gate: "),
        (nested("strategy", "canary"), "spec.strategy: not an object (got 'canary')"),
        ([], "spec: not an object (got [])"),
        ("fast", "spec: not an object (got 'fast')"),
    ],
)
def test_any_other_mistake_is_named_too(spec: Any, said: str) -> None:
    assert said in refusal(spec)


def test_several_mistakes_are_told_at_once_each_by_its_field() -> None:
    said = refusal({"stratgy": {}, "analysis": {"interval": "0s", "warmUp": "soon"}, "mesh": {"provider": 1}})
    assert said.startswith("DeliveryPolicy shop/standard: ")
    told = said.removeprefix("DeliveryPolicy shop/standard: ").split("; spec.")
    assert [one.removeprefix("spec.").split(":")[0] for one in told] == [
        "mesh.provider",
        "analysis.interval",
        "analysis.warmUp",
        "stratgy",
    ]


def test_a_refused_step_is_told_once() -> None:
    assert refusal(nested("strategy.canary.steps", [500])).count("spec.") == 1


def test_a_quantile_that_is_never_told_is_refused() -> None:
    spec = {"analysis": {"metrics": [{"kind": "errorRate"}, {"kind": "latency", "quantiles": [0.5, 0.9]}]}}
    with pytest.raises(InvalidSpec, match=r"spec.analysis.metrics\[1\].quantiles: no such quantile: 0.9; choose from"):
        parse_policy(spec, "DeliveryPolicy shop/web")
