"""Long stories with the neighbouring controllers: in a fixed order against what was written down, and in drawn ones."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.scenarios.effects import narrated
from tests.scenarios.stories import CONTESTED, STORIES, Story
from tests.scenarios.telling import check, tell

GOLDENS = Path(__file__).parent / "goldens"
WRITE = "HEADGATE_WRITE_GOLDENS"  # set it to write down what is told now, and look at the difference
SEEDS = range(2)


def by_name(story: Story) -> str:
    return story.name.replace(" ", "-").replace("'", "")


@pytest.mark.parametrize("story", [*STORIES, CONTESTED], ids=by_name)
def test_a_story_is_told_as_it_was_written_down(story: Story) -> None:
    told = tell(story)
    check(story, told)
    [life] = told.lives
    narration = "\n".join(f"{at:7.2f}  {narrated(effect)}" for at, effect in life.diary if "QUERY" not in effect) + "\n"
    golden = GOLDENS / f"{by_name(story)}.txt"
    if os.environ.get(WRITE):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(narration)
    assert narration == golden.read_text()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("story", STORIES, ids=by_name)
def test_the_order_in_which_everybody_acts_does_not_matter(story: Story, seed: int) -> None:
    check(story, tell(story, order=random.Random(seed)))


def test_an_order_nobody_chose() -> None:
    seed = random.SystemRandom().randrange(2**32)
    story = STORIES[seed % len(STORIES)]
    told = tell(story, order=random.Random(seed))
    try:
        check(story, told)
    except AssertionError as broken:
        raise AssertionError(f"seed {seed}, {story.name}") from broken
