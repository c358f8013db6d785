from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_adapters.splitting.weights import Limit, canary_share, integer_weights, shares, smallest_integers


@pytest.mark.parametrize(
    ("percent", "share"),
    [
        (0, Fraction(0)),
        (0.1, Fraction(1, 1000)),
        (0.0001, Fraction(1, 1_000_000)),
        (100 / 3, Fraction(333_333, 1_000_000)),
        (100, Fraction(1)),
    ],
)
def test_a_percentage_is_taken_to_a_part_in_a_million(percent: float, share: Fraction) -> None:
    assert canary_share(percent) == share


def test_only_nothing_is_nothing_and_only_all_is_all() -> None:
    assert canary_share(1e-9) == Fraction(1, 1_000_000)
    assert canary_share(99.9999999) == Fraction(999_999, 1_000_000)


def test_shares_are_parts_of_the_sum() -> None:
    assert list(shares((0,))) == [1]
    assert list(shares((30,))) == [1]
    assert list(shares((1, 0, 3))) == [Fraction(1, 4), 0, Fraction(3, 4)]
    assert list(shares((Fraction(1, 2), 1))) == [Fraction(1, 3), Fraction(2, 3)]
    assert list(shares((0, 0))) == [0, 0]
    assert list(shares(())) == []


def test_weights_add_up_to_a_round_number_where_that_is_exact() -> None:
    assert integer_weights([Fraction(1, 20), Fraction(19, 20)], Limit()) == [5, 95]
    assert integer_weights([Fraction(1, 1000), Fraction(999, 1000)], Limit()) == [1, 999]
    assert integer_weights([Fraction(1, 3), Fraction(2, 3)], Limit()) == [1, 2]
    assert integer_weights([Fraction(0), Fraction(0)], Limit()) == [0, 0]


@given(st.lists(st.integers(0, 2**31 - 1), min_size=2, max_size=6).filter(any))
def test_integer_weights_are_exact_and_always_the_same(weights: list[int]) -> None:
    wanted = shares(tuple(weights))
    found = integer_weights(wanted, Limit())
    assert shares(tuple(found)) == wanted
    assert integer_weights(shares(tuple(weight * 3 for weight in weights)), Limit()) == found


def test_the_smallest_integers_of_a_proportion() -> None:
    assert smallest_integers([Fraction(3, 10), Fraction(6, 10)]) == [1, 2]
    assert smallest_integers([Fraction(0), Fraction(0)]) == [0, 0]
    assert smallest_integers([Fraction(1, 2**31), Fraction(2**31 - 1, 2**31)]) == [1, 2**31 - 1]


def test_a_round_sum_is_given_up_where_a_weight_would_be_too_large() -> None:
    parts = [Fraction(999_999, 2_000_000), Fraction(1, 2_000_000), Fraction(1, 2)]
    assert sum(integer_weights(parts, Limit())) == 10_000_000
    assert integer_weights(parts, Limit(each=1_000_000)) == [999_999, 1, 1_000_000]
    assert not Limit(total=99).allows([50, 50])
