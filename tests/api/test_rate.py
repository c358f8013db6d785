"""How often one caller may call: so many at once, then evenly."""

from __future__ import annotations

from delivery.api.rate import Rate

NOW = 1000.0


def test_so_many_at_once_and_one_more_each_time_one_is_due_again() -> None:
    rate = Rate(60)
    assert [rate.allows("me", NOW) for _ in range(61)] == [True] * 60 + [False]
    assert not rate.allows("me", NOW + 0.5)
    assert [rate.allows("me", NOW + 1.0) for _ in range(2)] == [True, False]


def test_a_minute_later_all_is_forgotten() -> None:
    rate = Rate(60)
    for at in (NOW, NOW + 60.0):
        assert sum(rate.allows("me", at) for _ in range(100)) == 60


def test_refused_calls_cost_nothing_and_others_are_not_concerned() -> None:
    rate = Rate(2)
    for _ in range(50):
        rate.allows("me", NOW)
    assert rate.allows("other", NOW)
    assert rate.allows("me", NOW + 30.0)


def test_a_steady_caller_within_the_rate_is_never_refused() -> None:
    rate = Rate(600)
    assert all(rate.allows("me", NOW + 0.1 * number) for number in range(10_000))
