"""Places are filled literally: whatever an object is called, the query asks for that and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.errors import InvalidSpec
from delivery.resources.query_template import LONGEST, QueryTemplate

VALUES = {"workload": "web", "service": "web-stable", "namespace": "shop", "arm": "stable"}
STRINGS = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
TEMPLATE = QueryTemplate(
    'sum by (instance) (jobs_total{deployment="{{ workload }}", ns=\'{{namespace}}\', pod=~"{{ workload }}-.*"}) # {x}'
)


def test_places_are_filled() -> None:
    assert TEMPLATE.resolved(VALUES) == (
        'sum by (instance) (jobs_total{deployment="web", ns=\'shop\', pod=~"web-.*"}) # {x}'
    )


@settings(derandomize=True, max_examples=400, deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_the_shape_of_a_query_is_the_same_for_every_name(workload: str, namespace: str) -> None:
    strange = TEMPLATE.resolved({**VALUES, "workload": workload, "namespace": namespace})
    assert STRINGS.sub("S", strange) == STRINGS.sub("S", TEMPLATE.resolved(VALUES))


@settings(derandomize=True, max_examples=400, deadline=None)
@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_name_in_a_regular_expression_matches_itself_only(name: str) -> None:
    resolved = QueryTemplate('x{a=~"{{ workload }}"}').resolved({**VALUES, "workload": name})
    told = resolved.removeprefix('x{a=~"').removesuffix('"}')
    pattern = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), told)
    assert re.fullmatch(pattern, name)
    assert not re.fullmatch(pattern, name + "x")
    assert not re.fullmatch(pattern, name[:-1] + ("a" if name[-1] != "a" else "b"))


@pytest.mark.parametrize("text", ['x{a="{{ workload }}", b="(["}', """x{a="{{ workload }}"} # it's ( so"""])
def test_brackets_and_quotes_in_strings_and_remarks_are_none(text: str) -> None:
    assert QueryTemplate(text).resolved(VALUES) == text.replace("{{ workload }}", "web")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('x{a="{{ deployment }}"}', "there is no {{ deployment }}; use workload, service, namespace, arm"),
        ('x{a="b"}', "asks the same of both versions"),
        ('x{a="{{ namespace }}"}', "asks the same of both versions"),
        ("x_{{ workload }}", "within the quotes of a label matcher"),
        ("x{a=`{{ workload }}`}", "within the quotes of a label matcher"),
        ('label_replace(x{a="{{ workload }}"}, "b", "{{ workload }}", "", "")', "within the quotes of a label matcher"),
        ('x{a="b"} # {{ workload }}', "within the quotes of a label matcher"),
        ('x{a="{{ workload }}"}) or (y', "a bracket or a quote of the query is not closed"),
        ('x{a="{{ workload }}"', "a bracket or a quote of the query is not closed"),
        ('x[5m){a="{{ workload }}"}', "a bracket or a quote of the query is not closed"),
        ('x{a="{{ workload }}"} + `', "a bracket or a quote of the query is not closed"),
        ('x{a="{{ workload }}"} == \'y', "a bracket or a quote of the query is not closed"),
        (f'x{{a="{{{{ workload }}}}", b="{"y" * LONGEST}"}}', f"at most {LONGEST} characters"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(text: str, told: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(told)):
        QueryTemplate(text)
