"""A deposed leader's write that arrives late never does harm. A sample; `make crash` takes every write."""

from __future__ import annotations

import pytest

from tests.scenarios.crash import overtake
from tests.scenarios.stories import BAD, GOOD, STORIES, Story
from tests.scenarios.test_stories import by_name

ABORTED = next(story for story in STORIES if story.name == "aborted")


@pytest.mark.parametrize("rounds", [1, 1000])
@pytest.mark.parametrize("story", [GOOD, BAD, ABORTED], ids=by_name)
def test_a_write_that_comes_late_changes_nothing(story: Story, rounds: int) -> None:
    answers = []
    for at in range(2, 26, 4):
        result = overtake(story, at, rounds)
        assert result is not None
        assert not result.problem, result
        answers.append(result.figure)
    # One that comes before the second leader wrote anything is as if it had come in time.
    assert rounds == 1 or {409, 404} & set(answers), answers
