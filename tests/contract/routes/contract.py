"""What every route adapter must do. An adapter's suite subclasses `RouteContract` and provides its objects; all of
them speak of Service `web` in namespace `shop`."""

import json
import random
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest

from mesh_adapters.adapter import (
    Condition,
    NoMatchingRoute,
    RouteAdapter,
    RouteSelector,
    RouteTaken,
    Stickiness,
    TrafficSplit,
    Treatment,
)

WEIGHTS = (0, 0.0001, 0.1, 1, 5, 33.3333, 50, 99.9, 100)
EARLY_USERS = (Condition("header", "x-early", "exact", "yes"), Condition("header", "x-region", "prefix", "eu-"))
BETA_USERS = (Condition("cookie", "beta", "present"),)
MATCHED = Treatment(match=(EARLY_USERS, BETA_USERS))
STICKY = Treatment(sticky=Stickiness("seen", 3600))
MIRRORED = Treatment(mirror_percent=12.5)
NONE = Treatment()
ALL = Treatment((EARLY_USERS,), 100.0, Stickiness("seen", 60))


def text(route: Mapping[str, Any]) -> str:
    """Byte for byte: the order of keys counts."""
    return json.dumps(route)


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """The JSON pointers at which two values differ, as deep down as both still have the same shape."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            if key in one and key in other:
                yield from differences(one[key], other[key], f"{path}/{key}")
            else:
                yield f"{path}/{key}"
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for at, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from differences(first, second, f"{path}/{at}")
    elif one != other:
        yield path


class RouteContract:
    destinations: str
    """A regular expression for the JSON pointers of a rule's list of destinations."""
    treatments: tuple[Treatment, ...] = ()
    """Those this kind of route can give."""

    subsets: tuple[str, ...] | None = None
    """Of the user's own that are the arms' pods, where the split is by subsets."""

    def split(self, weight: float, treatment: Treatment = NONE) -> TrafficSplit:
        return TrafficSplit("shop", "web", "web-stable", "web-canary", weight, treatment, self.subsets)

    @property
    @abstractmethod
    def adapter(self) -> RouteAdapter: ...

    @abstractmethod
    def user_route(self) -> dict[str, Any]:
        """A route of the user's that carries the apex's traffic, in namespace `shop`."""

    @abstractmethod
    def bystander(self) -> dict[str, Any]:
        """A route of the user's that has nothing to do with the apex."""

    @abstractmethod
    def edited_elsewhere(self, route: Mapping[str, Any]) -> dict[str, Any]:
        """The route after an edit by its owner that leaves the destinations alone."""

    def test_finds_the_routes_of_the_apex_and_no_others(self) -> None:
        route, bystander = self.user_route(), self.bystander()
        assert self.adapter.find([bystander, route], "shop", "web") == [route]
        assert self.adapter.find([bystander], "shop", "web") == []

    def test_finds_a_route_that_is_split_already(self) -> None:
        planned = self.adapter.plan(self.user_route(), self.split(20))
        assert self.adapter.find([planned], "shop", "web") == [planned]

    def test_a_selector_that_names_no_route_is_refused(self) -> None:
        with pytest.raises(NoMatchingRoute, match=r"shop/missing.*does not exist"):
            self.adapter.find([self.user_route()], "shop", "web", [RouteSelector("missing", "shop")])

    def test_a_selector_of_a_route_without_the_apex_is_refused(self) -> None:
        route = self.bystander()
        selector = RouteSelector(route["metadata"]["name"], route["metadata"]["namespace"])
        with pytest.raises(NoMatchingRoute, match="shop/web"):
            self.adapter.find([route], "shop", "web", [selector])

    def test_no_method_changes_what_it_is_given(self) -> None:
        route = self.user_route()
        before = text(route)
        saved = self.adapter.save(route, self.split(5))
        planned = self.adapter.plan(route, self.split(5))
        after_plan = text(planned)
        self.adapter.find([route], "shop", "web")
        self.adapter.read(planned, self.split(5))
        self.adapter.restore(planned, saved, self.split(5))
        assert (text(route), text(planned)) == (before, after_plan)

    def test_what_is_found_shares_nothing_with_what_was_given(self) -> None:
        route = self.user_route()
        [found] = self.adapter.find([route], "shop", "web")
        found["spec"].clear()
        assert route == self.user_route()

    @pytest.mark.parametrize("weight", WEIGHTS)
    def test_reads_back_the_weight_it_planned(self, weight: float) -> None:
        route = self.user_route()
        assert self.adapter.read(route, self.split(weight)) is None
        assert self.adapter.read(self.adapter.plan(route, self.split(weight)), self.split(0)) == weight

    def test_the_plan_does_not_depend_on_the_weights_before(self) -> None:
        planned = route = self.user_route()
        for weight in (*WEIGHTS, *reversed(WEIGHTS)):
            planned = self.adapter.plan(planned, self.split(weight))
            assert text(planned) == text(self.adapter.plan(route, self.split(weight)))

    def test_restores_byte_for_byte(self) -> None:
        route = planned = self.user_route()
        stored = json.loads(json.dumps(self.adapter.save(route, self.split(0))))
        for weight in WEIGHTS:
            planned = self.adapter.plan(planned, self.split(weight))
            assert text(self.adapter.restore(planned, stored, self.split(weight))) == text(route)

    def test_restoring_what_the_user_has_put_back_changes_nothing(self) -> None:
        route = self.user_route()
        saved = self.adapter.save(route, self.split(5))
        changed = self.edited_elsewhere(route)
        assert text(self.adapter.restore(changed, saved, self.split(5))) == text(changed)

    def test_an_edit_elsewhere_survives(self) -> None:
        route = self.user_route()
        saved = self.adapter.save(route, self.split(5))
        planned = self.edited_elsewhere(self.adapter.plan(route, self.split(5)))
        assert planned != self.adapter.plan(route, self.split(5))
        restored = self.adapter.restore(self.adapter.plan(planned, self.split(50)), saved, self.split(50))
        assert text(restored) == text(self.edited_elsewhere(route))

    def test_the_record_is_taken_from_the_users_own_route_only(self) -> None:
        planned = self.adapter.plan(self.user_route(), self.split(5))
        with pytest.raises(RouteTaken, match="web-stable"):
            self.adapter.save(planned, self.split(5))

    def test_the_record_can_be_brought_up_to_date_while_split(self) -> None:
        route = self.user_route()
        saved = self.adapter.save(route, self.split(5))
        planned = self.edited_elsewhere(self.adapter.plan(route, self.split(5)))
        again = self.adapter.save(planned, self.split(5), saved=saved)
        assert text(self.adapter.restore(planned, again, self.split(5))) == text(self.edited_elsewhere(route))

    def test_withdrawing_traffic_always_has_a_plan(self) -> None:
        bystander = self.bystander()
        assert self.adapter.plan(bystander, self.split(0)) == bystander
        with pytest.raises(NoMatchingRoute):
            self.adapter.plan(bystander, self.split(1))

    def test_creates_a_route_of_its_own(self) -> None:
        created = self.adapter.create(self.split(5), {"example.org/release": "web-1"}, ports=(80,))
        assert self.adapter.is_ours(created)
        assert not self.adapter.is_ours(self.user_route())
        assert created["metadata"]["labels"]["example.org/release"] == "web-1"
        assert (created["metadata"]["name"], created["metadata"]["namespace"]) == ("web", "shop")
        assert created["apiVersion"] == f"{self.adapter.ref.group}/{self.adapter.ref.versions[0]}"
        assert self.adapter.find([created], "shop", "web") == [created]
        assert self.adapter.read(created, self.split(0)) == 5
        assert self.adapter.plan(deepcopy(created), self.split(5)) == created

    def test_creates_in_the_version_the_cluster_serves(self) -> None:
        served = self.adapter.ref.versions[-1]
        assert (
            self.adapter.create(self.split(5), {}, served, (80,))["apiVersion"] == f"{self.adapter.ref.group}/{served}"
        )

    def test_the_plan_touches_nothing_but_the_split(self) -> None:
        route = self.user_route()
        changed = list(differences(route, self.adapter.plan(route, self.split(5))))
        assert changed
        assert [path for path in changed if not re.fullmatch(self.destinations, path)] == []

    def test_a_thousand_random_steps_leave_no_trace(self) -> None:
        draw, route = random.Random(1), self.user_route()
        saved, planned = self.adapter.save(route, self.split(0)), self.user_route()
        for _ in range(1000):
            weight = draw.choice((draw.randint(0, 1000) / 10, draw.randint(0, 100), draw.randint(0, 10_000) / 100))
            planned = self.adapter.plan(planned, self.split(weight))
            assert self.adapter.read(planned, self.split(0)) == weight
        assert text(planned) == text(self.adapter.plan(route, self.split(weight)))
        assert text(self.adapter.restore(planned, saved, self.split(0))) == text(route)

    def test_a_treatment_comes_and_goes_with_the_weight(self) -> None:
        for treatment in self.treatments:
            planned = route = self.user_route()
            saved = self.adapter.save(route, self.split(0, treatment))
            for weight in (0, 5, 5, 50, 99.9, 100, 5, 0):
                planned = self.adapter.plan(planned, self.split(weight, treatment))
                bare = self.adapter.plan(route, self.split(weight))
                assert text(planned) == text(self.adapter.plan(route, self.split(weight, treatment)))
                assert (planned != bare) == (0 < weight < 100)
                assert self.adapter.read(planned, self.split(0, treatment)) == weight
                assert text(self.adapter.restore(planned, saved, self.split(weight, treatment))) == text(route)

    def test_an_edit_elsewhere_survives_a_treatment(self) -> None:
        for treatment in self.treatments:
            route = self.user_route()
            saved = self.adapter.save(route, self.split(0, treatment))
            edited = self.edited_elsewhere(self.adapter.plan(route, self.split(5, treatment)))
            again = self.adapter.plan(edited, self.split(50, treatment))
            saved = self.adapter.save(again, self.split(0, treatment), saved=saved)
            assert text(self.adapter.restore(again, saved, self.split(0, treatment))) == text(
                self.edited_elsewhere(route)
            )
