"""A death before or after any effect changes nothing of how a release ends. A sample: `make crash` takes them all."""

from __future__ import annotations

import pytest

from tests.scenarios.crash import points, survive
from tests.scenarios.stories import BAD, GOOD, STORIES, Story
from tests.scenarios.telling import tell
from tests.scenarios.test_stories import by_name

EVERY = {GOOD.name: 17, BAD.name: 13}


@pytest.mark.parametrize("story", STORIES, ids=by_name)
def test_a_release_survives_its_controllers_death(story: Story) -> None:
    clean = len(tell(story).writes)
    for death in points(story)[:: EVERY.get(story.name, 79)]:
        result = survive(story, death, clean)
        assert not result.problem, result
        assert story not in STORIES[:3] or result.figure <= 1, result


def test_a_dead_controller_does_nothing_more() -> None:
    [death] = [point for point in points(BAD) if point.effect == 3 and point.after]
    first, second = (life.done for life in tell(BAD, death).lives)
    assert len(first) == 4
    assert second
