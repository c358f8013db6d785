"""Label and field selectors, term by term."""

import pytest

from delivery.lab.apiserver.kinds import BASE_FIELDS
from delivery.lab.apiserver.selectors import selection
from delivery.lab.apiserver.status import ApiError

FIELDS = BASE_FIELDS | {"status.phase": ("status", "phase"), "spec.off": ("spec", "off")}


def matches(selector: str, labels: dict[str, str]) -> bool:
    return selection(selector, "", FIELDS).matches({"metadata": {"name": "x", "labels": labels}})


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ("app=web", {"app": "web"}, True),
        ("app==web", {"app": "api"}, False),
        ("app!=web", {}, True),
        ("app", {"app": ""}, True),
        ("!app", {"app": ""}, False),
        ("app in (web, api)", {"app": "api"}, True),
        ("app notin (web,api)", {}, True),
        ("app notin (web)", {"app": "web"}, False),
        ("app=web,tier in (a,b),!old", {"app": "web", "tier": "b"}, True),
        ("app=web,tier in (a,b),!old", {"app": "web", "tier": "b", "old": "1"}, False),
        ("example.dev/track=canary", {"example.dev/track": "canary"}, True),
        ("app=", {"app": ""}, True),
        ("n>3", {"n": "4"}, True),
        ("n<3", {"n": "x"}, False),
    ],
)
def test_label_terms(selector: str, labels: dict[str, str], expected: bool) -> None:
    assert matches(selector, labels) is expected


@pytest.mark.parametrize("selector", ["a b", "=x", "app in web", "app=a b", "!!", "a=b,,"])
def test_a_selector_that_does_not_parse_is_a_bad_request(selector: str) -> None:
    with pytest.raises(ApiError) as refused:
        selection(selector, "", FIELDS)
    assert refused.value.code == 400


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("metadata.name=x", True),
        ("metadata.name!=x", False),
        ("status.phase=Running,metadata.namespace=", True),
        ("status.phase==Failed", False),
        ("spec.off=true", True),
    ],
)
def test_field_terms(selector: str, expected: bool) -> None:
    obj = {"metadata": {"name": "x"}, "status": {"phase": "Running"}, "spec": {"off": True}}
    assert selection("", selector, FIELDS).matches(obj) is expected


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(ApiError, match=r"field label not supported: spec\.colour"):
        selection("", "spec.colour=red", FIELDS)


def test_no_selector_selects_everything() -> None:
    assert selection("", "", FIELDS).everything
