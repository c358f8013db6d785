"""Selectors and the version label."""

import random

import pytest

from delivery.lint.versions import is_semantic
from tests.lint.objects import deployment, found

LABEL = "app.kubernetes.io/version"


@pytest.mark.parametrize("key", [LABEL, "version", "helm.sh/chart"])
def test_a_version_must_not_be_in_the_selector(key: str) -> None:
    labels = {"app": "web", key: "1.4.0"}
    assert found(deployment(selector={"matchLabels": labels})) == [
        ("version-in-selector", f"spec.selector.matchLabels[{key}]")
    ]
    expressions = [{"key": "app", "operator": "Exists"}, {"key": key, "operator": "In", "values": ["1"]}]
    assert found(deployment(selector={"matchExpressions": expressions})) == [
        ("version-in-selector", "spec.selector.matchExpressions[1]")
    ]


def test_the_label_is_read_where_people_write_it() -> None:
    assert found(deployment(labels={LABEL: "1.4.0-rc.1"})) == []
    assert found(deployment(labels={LABEL: "v1.4"})) == [
        ("version-not-semantic", f"spec.template.metadata.labels[{LABEL}]")
    ]
    given = deployment()
    given["metadata"]["labels"] = {LABEL: 1.4}  # YAML's number
    assert found(given) == [("version-not-semantic", f"metadata.labels[{LABEL}]")]


SOUND = ["0.0.4", "1.2.3", "10.20.30", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-0A.is.legal", "1.0.0--", "1.0.0+b.01"]
UNSOUND = ["1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.02.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+", "1.2.3\n"]


@pytest.mark.parametrize("version", SOUND)
def test_semantic_versions(version: str) -> None:
    assert is_semantic(version)


@pytest.mark.parametrize("version", UNSOUND)
def test_what_only_looks_like_one(version: str) -> None:
    assert not is_semantic(version)


def test_numbers_with_and_without_a_leading_zero() -> None:
    chance = random.Random(7)
    for _ in range(500):
        numbers = [str(chance.randrange(10 ** chance.randrange(1, 6))) for _ in range(3)]
        assert is_semantic(".".join(numbers))
        numbers[chance.randrange(3)] = f"0{chance.randrange(100)}"
        assert not is_semantic(".".join(numbers))
