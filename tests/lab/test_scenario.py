"""Scenario files: the shipped ones load, and a mistake is one sentence that names file and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.errors import InvalidSpec
from delivery.lab.scenario import load, resolve, shipped


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_shipped_scenario_says_what_it_shows_and_bears_its_files_name(name: str) -> None:
    path = resolve(name)
    assert path.read_text().startswith("# ")
    scenario = load(path)
    assert scenario.name == name
    assert scenario.delivery.weights == (5.0, 20.0, 50.0)


def test_an_empty_mapping_is_a_sound_scenario_named_after_its_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("{}")
    scenario = load(file)
    assert (scenario.name, scenario.rps, scenario.canary.crash) == ("mine", 200, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rpss: 3", "rpss: unknown field"),
        ("canary: {errorRate: 2}", "canary.errorRate: "),
        ("events: [{at: 3, kill: everything}]", "events[0].kill: "),
        ("policy: {strategy: {canary: {steps: [5, 2]}}}", "policy: spec.strategy.canary.steps: steps must rise"),
        ("- 3", "must be a mapping"),
        ("a: [", "is no YAML"),
    ],
)
def test_a_mistake_names_the_file_and_the_field(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(InvalidSpec) as refused:
        load(file)
    assert str(refused.value).startswith(f"scenario {file}: ")
    assert said in str(refused.value)


def test_a_name_that_is_neither_file_nor_shipped_lists_what_there_is() -> None:
    with pytest.raises(InvalidSpec, match=r"nosuch: no such file.*noisy-baseline"):
        resolve("nosuch")


def test_a_folder_is_no_scenario(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="cannot be read"):
        load(tmp_path)
