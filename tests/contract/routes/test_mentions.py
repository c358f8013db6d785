"""What the informers' index hands an adapter is all that the adapter would have found among all routes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from delivery.cluster.stored import Stored
from mesh_adapters.adapter import RouteError, TrafficSplit
from tests.contract.routes.test_valid_routes_plan import ADAPTERS, CASES, NAMES
from tests.contract.routes.valid_routes import routes

Object = dict[str, Any]
ARMS = ("web-stable", "web-canary")
alone = settings(max_examples=40, derandomize=True, deadline=None)


def found(adapter: Any, listed: list[Object], apex: str) -> list[Object] | str:
    """The routes, or the refusal in words."""
    try:
        routes_found: list[Object] = adapter.find(listed, "shop", apex, (), ARMS)
    except RouteError as problem:
        return str(problem)
    return routes_found


@pytest.mark.parametrize(("kind", "version"), CASES, ids=NAMES)
@pytest.mark.parametrize("split", [False, True], ids=["whole", "split"])
def test_nothing_is_missed(kind: Any, version: str, split: bool) -> None:
    adapter = ADAPTERS[kind.group, kind.name]

    @alone
    @given(st.lists(routes(kind, version, apex="web", namespace="shop"), min_size=1, max_size=3))
    def check(drawn: list[Object]) -> None:
        every = [{**route, "metadata": {**route["metadata"], "name": f"r{n}"}} for n, route in enumerate(drawn)]
        if split:
            try:
                every[0] = adapter.plan(every[0], TrafficSplit("shop", "web", *ARMS, 5))
            except RouteError:
                assume(False)
        stored = Stored({("shop", each["metadata"]["name"]): each for each in every}, by_mention=True)
        for apex in ("web", "other"):
            assert found(adapter, list(stored.mentioning((apex, *ARMS))), apex) == found(adapter, every, apex)

    check()
