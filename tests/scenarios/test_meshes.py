"""The same stories on every mesh's own kind of route: nothing of how a release ends depends on it."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from delivery.cluster.kinds import DESTINATION_RULE
from delivery.lab.shop_routes import MeshName, shop_routes
from delivery.resources.release import Phase, Stage
from tests.scenarios.effects import Death
from tests.scenarios.stories import BAD, GOOD, PROMOTING, SHIFTING, STORIES, Doing, Moment, Story
from tests.scenarios.telling import Told, check, tell
from tests.scenarios.test_stories import by_name
from tests.scenarios.universe import POLICY_SPEC, SHOP, WEB, Universe

NAMED = {story.name: story for story in STORIES}
TOLD = [
    GOOD,
    BAD,
    *(NAMED[name] for name in ("a newer version comes", "aborted", "our Services are deleted")),
    NAMED["a newer version comes during the rollout"],
]
MESHES = [mesh for mesh in MeshName if mesh is not MeshName.ISTIO]  # that one has all the stories
EVERY_NTH = 19


def policy(mesh: MeshName) -> dict[str, Any]:
    return {**POLICY_SPEC, "mesh": {"provider": shop_routes(mesh).provider, "metrics": "istio"}}


def on(mesh: MeshName, story: Story, death: Death | None = None, order: random.Random | None = None) -> Told:
    return tell(story, death, order, policy(mesh), shop_routes(mesh))


@pytest.mark.parametrize("story", TOLD, ids=by_name)
@pytest.mark.parametrize("mesh", MESHES)
def test_a_story_ends_as_it_must(mesh: MeshName, story: Story) -> None:
    check(story, on(mesh, story))


@pytest.mark.parametrize("mesh", MESHES)
def test_the_order_in_which_everybody_acts_does_not_matter(mesh: MeshName) -> None:
    for seed, story in enumerate((GOOD, BAD)):
        check(story, on(mesh, story, order=random.Random(seed)))


@pytest.mark.parametrize("story", [GOOD, BAD], ids=by_name)
@pytest.mark.parametrize("mesh", MESHES)
def test_a_release_survives_its_controllers_death(mesh: MeshName, story: Story) -> None:
    [life] = on(mesh, story).lives
    deaths = [Death(effect, after) for effect in range(len(life.done)) for after in (False, True)]
    for death in deaths[:: EVERY_NTH + len(story.name)]:
        check(story, on(mesh, story, death))


def set_by_hand(universe: Universe) -> None:
    """Somebody gives the canary another weight."""
    mesh = universe.mesh
    route = universe.user.get(mesh.kind, WEB, SHOP)
    universe.user.replace(mesh.kind, dict(mesh.adapter.plan(route, replace(mesh.split, canary_weight=30.0))))


def relabelled(universe: Universe) -> None:
    """A user's edit of another field of the same route."""
    kind = universe.mesh.kind
    route = universe.user.get(kind, WEB, SHOP)
    route["metadata"]["labels"] = {"tier": "front"}
    universe.user.replace(kind, route)
    universe.before[kind, WEB] = {**(universe.before[kind, WEB] or {}), "labels": {"tier": "front"}}


@pytest.mark.parametrize("doing", [set_by_hand, relabelled])
@pytest.mark.parametrize("mesh", MESHES)
def test_an_edit_of_the_split_is_put_right_and_any_other_stays(mesh: MeshName, doing: Doing) -> None:
    told = on(mesh, Story("an edit", (Phase.SUCCEEDED,), moments=(Moment(SHIFTING, doing),)))
    check(GOOD, told)
    [release] = told.universe.releases()
    assert len(release.status.traffic.corrections) == (doing is set_by_hand)


@pytest.mark.parametrize("mesh", [MeshName.GATEWAY_API, MeshName.LINKERD])
def test_a_route_whose_parent_is_gone_ends_the_release(mesh: MeshName) -> None:
    """The mesh says that it does not follow it; a VirtualService would go on splitting between the arms."""
    told = on(mesh, replace(NAMED["the Service is deleted"], ends=(Phase.ROLLED_BACK,)))
    told.invariants.check()
    [release] = told.universe.releases()
    assert release.status.reason == "RouteNotFollowed"
    assert told.universe.left_behind() == []


# -- subsets --


def reverted(universe: Universe) -> None:
    """Somebody keeps the DestinationRule in Git and puts it back: our subsets go under a route that names them."""
    rule = universe.user.get(DESTINATION_RULE, WEB, SHOP)
    [own] = [subset for subset in rule["spec"]["subsets"] if not subset["name"].startswith("web-")]
    rule["spec"]["subsets"] = [own]
    universe.user.replace(DESTINATION_RULE, rule)


def other_policy(universe: Universe) -> None:
    """A user's edit of another field of the DestinationRule."""
    rule = universe.user.get(DESTINATION_RULE, WEB, SHOP)
    rule["spec"]["trafficPolicy"] = {"loadBalancer": {"simple": "LEAST_REQUEST"}}
    universe.user.replace(DESTINATION_RULE, rule)
    before = universe.before[DESTINATION_RULE, WEB] or {}
    spec = {**before["spec"], "trafficPolicy": rule["spec"]["trafficPolicy"]}
    universe.before[DESTINATION_RULE, WEB] = {**before, "spec": spec}


def deleted(universe: Universe) -> None:
    universe.user.delete(DESTINATION_RULE, WEB, SHOP)
    universe.before[DESTINATION_RULE, WEB] = None


class Named:
    """Watches that the route never names a subset that the DestinationRule has not got, but where somebody took it."""

    def __init__(self, universe: Universe) -> None:
        self.broken: list[str] = []
        self._universe = universe
        universe.server.store.observe(lambda _storage, change: self._look(str(change.revision)))

    def _look(self, revision: str) -> None:
        reader = self._universe.reader
        rule, route = (reader.find(kind, WEB, SHOP) for kind, _ in reversed(self._universe.mesh.objects))
        if rule is None or route is None:
            return
        known = {subset["name"] for subset in rule["spec"].get("subsets") or ()}
        named = {
            entry["destination"]["subset"]
            for each in route["spec"]["http"]
            for entry in each["route"]
            if entry["destination"].get("subset")
        }
        self.broken += [f"revision {revision}: {', '.join(sorted(named - known))}"] if named - known else []


def test_a_subset_is_there_before_a_route_names_it_and_goes_after_none_does(monkeypatch: pytest.MonkeyPatch) -> None:
    watching: list[Named] = []
    whole = Universe.__init__

    def observed(self: Universe, *arguments: Any, **options: Any) -> None:
        whole(self, *arguments, **options)
        watching.append(Named(self))

    monkeypatch.setattr(Universe, "__init__", observed)
    for story in (GOOD, BAD):
        check(story, on(MeshName.ISTIO_SUBSET, story))
    assert [watcher.broken for watcher in watching] == [[], []]


def test_a_destination_rule_that_is_gone_gives_the_route_back() -> None:
    during_the_steps = Story("gone", (Phase.ROLLED_BACK,), moments=(Moment(SHIFTING, deleted, step=1),))
    told = on(MeshName.ISTIO_SUBSET, during_the_steps)
    check(during_the_steps, told)
    assert told.universe.releases()[0].status.message.startswith("DestinationRule shop/web is gone")
    while_it_rolls_out = Moment(PROMOTING, deleted, Stage.ROLL_OUT)
    check(GOOD, on(MeshName.ISTIO_SUBSET, Story("gone later", (Phase.SUCCEEDED,), moments=(while_it_rolls_out,))))


@pytest.mark.parametrize(
    "story",
    [
        Story("the DestinationRule is put back", (Phase.SUCCEEDED,), moments=(Moment(SHIFTING, reverted, step=1),)),
        Story("put back while it rolls out", (Phase.SUCCEEDED,), moments=(Moment(PROMOTING, reverted),)),
        Story("its other fields are edited", (Phase.SUCCEEDED,), moments=(Moment(SHIFTING, other_policy, step=1),)),
    ],
    ids=by_name,
)
def test_an_edit_of_the_destination_rule_is_kept_or_put_right(story: Story) -> None:
    check(story, on(MeshName.ISTIO_SUBSET, story))
