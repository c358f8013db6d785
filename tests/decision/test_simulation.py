"""Whole releases in a fake world, from the first look to the last trace; then again with a crash at every point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from delivery.resources.release import Intent, Phase, Stage
from delivery.workload.revision import template_hash
from tests.decision.given import POLICY, policy
from tests.decision.world import World, live, restarted, template

Scenario = Callable[[], World]
Event = tuple[Callable[[World], bool], Callable[[World], None]]


def when(phase: Phase, stage: Stage = Stage.NONE, step: int = 0) -> Callable[[World], bool]:
    def due(world: World) -> bool:
        active = world.active
        if active is None or active.status.phase is not phase or active.status.step < step:
            return False
        return (stage is Stage.NONE or active.status.stage is stage) and (
            phase is not Phase.SHIFTING or bool(world.weight)
        )

    return due


def push(version: int) -> Callable[[World], None]:
    def happens(world: World) -> None:
        world.template = template(version)

    return happens


def change(**fields: Any) -> Callable[[World], None]:
    def happens(world: World) -> None:
        for name, value in fields.items():
            setattr(world, name, value)

    return happens


def ask(verb: str) -> Callable[[World], None]:
    def happens(world: World) -> None:
        active = world.active
        assert active is not None
        intents = (*active.spec.intents, Intent.model_validate({"verb": verb, "by": "ann"}))
        spec = active.spec.model_copy(update={"intents": intents})
        world.records[world.records.index(active)] = active.model_copy(update={"spec": spec})

    return happens


def lose_pods(world: World) -> None:
    assert world.canary is not None
    world.canary.ready = 0.0


def delete(world: World) -> None:
    world.exists, world.sets = False, {}


def released(*events: Event, spec: dict[str, Any] | None = None, **world: Any) -> World:
    """Version 2 is pushed at once; then `events`."""
    return World(spec or POLICY, events=[(lambda _: True, push(2)), *events], **world)


def condemned_at(weight: float) -> Callable[[World], str]:
    return lambda world: "RollBack" if (world.weight or 0) >= weight else "Advance"


GATED = policy(steps=[{"weight": 5, "gate": "approval"}, 50])
RESTORING = {**POLICY, "onRollback": "restoreTemplate"}
SHIFTING, PROMOTING = Phase.SHIFTING, Phase.PROMOTING

SCENARIOS: dict[str, tuple[Scenario, list[Phase]]] = {
    "good": (released, [Phase.SUCCEEDED]),
    "bad at the first step": (lambda: released(verdict=condemned_at(5)), [Phase.ROLLED_BACK]),
    "bad at the second step": (lambda: released(verdict=condemned_at(50)), [Phase.ROLLED_BACK]),
    "bad before 100 %": (
        lambda: released(
            (when(PROMOTING, Stage.SHIFT_ALL), change(canary_starts=False, verdict=lambda _: "RollBack")),
        ),
        [Phase.ROLLED_BACK],
    ),
    "template restored": (lambda: released(verdict=condemned_at(50), spec=RESTORING), [Phase.ROLLED_BACK]),
    "aborted": (lambda: released((when(SHIFTING), ask("abort"))), [Phase.ROLLED_BACK]),
    "aborted while preparing, after another wish": (
        lambda: released((when(Phase.PREPARING), ask("pause")), (when(Phase.PREPARING), ask("abort"))),
        [Phase.ROLLED_BACK],
    ),
    "approved": (lambda: released((when(Phase.PAUSED), ask("approve")), spec=GATED), [Phase.SUCCEEDED]),
    "promoted at the first step": (
        lambda: released((when(SHIFTING), ask("promote")), verdict=lambda _: "Undecided"),
        [Phase.SUCCEEDED],
    ),
    "promoted while paused": (lambda: released((when(Phase.PAUSED), ask("promote")), spec=GATED), [Phase.SUCCEEDED]),
    "paused and resumed": (
        lambda: released((when(SHIFTING), ask("pause")), (when(Phase.PAUSED), ask("resume"))),
        [Phase.SUCCEEDED],
    ),
    "superseded": (lambda: released((when(SHIFTING, step=1), push(3))), [Phase.SUPERSEDED, Phase.SUCCEEDED]),
    "stable put back": (lambda: released((when(SHIFTING), push(1))), [Phase.SUPERSEDED]),
    "bypassed": (lambda: released((when(SHIFTING), change(paused=False))), [Phase.BYPASSED]),
    "bypassed while preparing": (lambda: released((when(Phase.PREPARING), change(paused=False))), [Phase.BYPASSED]),
    "never ready": (lambda: released(canary_starts=False), [Phase.ROLLED_BACK]),
    "crash after start": (
        lambda: released((when(SHIFTING), lose_pods), (when(SHIFTING), change(canary_starts=False))),
        [Phase.ROLLED_BACK],
    ),
    "a node drain": (lambda: released((when(SHIFTING, step=1), lose_pods)), [Phase.SUCCEEDED]),
    "deleted": (lambda: released((when(SHIFTING), delete)), [Phase.FAILED]),
    "deleted while promoting": (lambda: released((when(PROMOTING, Stage.ROLL_OUT), delete)), [Phase.FAILED]),
    "no data": (lambda: released(verdict=lambda _: None), [Phase.ROLLED_BACK]),
    "inconclusive": (
        lambda: released(verdict=lambda _: "Undecided", spec=policy(onInconclusive="rollback")),
        [Phase.ROLLED_BACK],
    ),
    "stuck for a while": (
        lambda: released((when(Phase.STALLED), change(rollout_moves=True)), rollout_moves=False),
        [Phase.SUCCEEDED],
    ),
    "canary lost while promoting": (lambda: released((when(PROMOTING, Stage.ROLL_OUT), lose_pods)), [Phase.SUCCEEDED]),
    "template edited while promoting": (
        lambda: released((when(PROMOTING, Stage.ROLL_OUT), push(3))),
        [Phase.SUCCEEDED, Phase.SUCCEEDED],
    ),
    "template edited after the rollout": (
        lambda: released((when(PROMOTING, Stage.REMOVE_CANARY), push(3))),
        [Phase.SUCCEEDED, Phase.SUCCEEDED],
    ),
    "former template put back while promoting": (
        lambda: released((when(PROMOTING, Stage.ROLL_OUT), push(1))),
        [Phase.SUCCEEDED, Phase.SUCCEEDED],
    ),
    "opted out while shifting": (lambda: released((when(SHIFTING), change(opted_in=False))), [Phase.ROLLED_BACK]),
    "scaled to zero": (lambda: released((when(SHIFTING), change(replicas=0))), [Phase.SUPERSEDED]),
    "Services deleted while shifting": (
        lambda: released((when(SHIFTING, step=1), change(pinned=None))),
        [Phase.SUCCEEDED],
    ),
    "only an annotation": (lambda: World(policy(), template=restarted(1)), [Phase.SUCCEEDED]),
    "the route reverted to half by somebody": (
        lambda: released((when(PROMOTING, Stage.ROLL_OUT), change(weight=50.0))),
        [Phase.SUCCEEDED],
    ),
    "the weight put back by somebody while rolling back": (
        lambda: released((when(Phase.ROLLING_BACK, Stage.REMOVE_CANARY), change(weight=5.0)), verdict=condemned_at(5)),
        [Phase.ROLLED_BACK],
    ),
}


@pytest.fixture(params=SCENARIOS, ids=lambda name: name.replace(" ", "-"))
def scenario(request: pytest.FixtureRequest) -> tuple[Scenario, list[Phase]]:
    return SCENARIOS[request.param]


def outcomes(world: World) -> list[Phase]:
    return [record.status.phase for record in world.records]


def test_every_release_ends_as_it_should_and_leaves_nothing(scenario: tuple[Scenario, list[Phase]]) -> None:
    make, expected = scenario
    world = live(make())
    assert outcomes(world) == expected
    assert world.clean
    assert world.paused or not world.exists


def test_a_crash_at_any_point_changes_nothing_of_it(scenario: tuple[Scenario, list[Phase]]) -> None:
    make, expected = scenario
    crashing: list[World] = []
    live(make(), crashed=crashing)
    assert [world.crash_at for world in crashing] == list(range(len(crashing)))
    assert len(crashing) > 10
    for world in crashing:
        live(world)
        assert outcomes(world) == expected, f"crash at {world.crash_at} of {len(crashing)}"
        assert world.clean, f"crash at {world.crash_at} of {len(crashing)}"


def test_a_good_release_climbs_the_steps_and_comes_back() -> None:
    world = live(released())
    climbed = [
        weight for place, weight in enumerate(world.weights_seen) if world.weights_seen[place - 1 : place] != [weight]
    ]
    assert climbed == [0, 5, 50, 100, 0]
    assert list(world.template["spec"]["containers"]) == template(2)["spec"]["containers"]
    assert {name for name, pods in world.sets.items() if pods.up} == {template_hash(template(2))}


def test_a_bad_release_never_exceeds_the_step_that_condemned_it() -> None:
    world = live(released(verdict=condemned_at(5)))
    assert max(world.weights_seen) == 5
    assert world.template == template(2), "the rejected template stays pending"
    assert template_hash(template(2)) not in world.sets


def test_restore_template_puts_the_stable_one_back_even_after_a_crash_at_the_end() -> None:
    points = live(released(verdict=condemned_at(50), spec=RESTORING)).points
    for point in (None, *range(points - 6, points)):
        world = released(verdict=condemned_at(50), spec=RESTORING)
        world.crash_at = point
        assert template_hash(live(world).template) == template_hash(template(1))


def test_a_rejected_template_is_not_tried_again_until_somebody_asks() -> None:
    world = live(released(verdict=condemned_at(5)))
    assert outcomes(live(world, until=2000)) == [Phase.ROLLED_BACK]
    rejected = world.records[0]
    intents = (Intent(verb="retry"),)
    world.records[0] = rejected.model_copy(update={"spec": rejected.spec.model_copy(update={"intents": intents})})
    world.verdict = lambda _: "Advance"
    assert outcomes(live(world, until=4000)) == [Phase.ROLLED_BACK, Phase.SUCCEEDED]
    assert world.records[1].spec.attempt == 2


def test_an_undecided_release_waits_for_a_person_with_its_weight_kept() -> None:
    world = live(released(verdict=lambda _: "Undecided"))
    assert world.phase is Phase.PAUSED
    assert world.weight == 5
    assert world.active is not None
    assert world.active.status.reason == "Inconclusive"
