import math

from analysis.increments import increments, merged, silenced

Key = tuple[str, str]


def _counter(key: Key) -> str:
    return key[0]


def test_a_counter_adds_what_it_grew_by_and_one_never_seen_counts_from_zero() -> None:
    known = {("a", "ok"): 10.0}
    current = {("a", "ok"): 13.0, ("a", "error"): 2.0, ("b", "ok"): 5.0}
    assert increments(known, current, _counter) == {("a", "ok"): 3.0, ("a", "error"): 2.0, ("b", "ok"): 5.0}


def test_a_drop_in_one_series_restarts_every_series_of_its_counter_and_no_other() -> None:
    known = {("a", "ok"): 10.0, ("a", "error"): 1.0, ("b", "ok"): 5.0}
    current = {("a", "ok"): 4.0, ("a", "error"): 3.0, ("b", "ok"): 6.0}
    assert increments(known, current, _counter) == {("a", "ok"): 4.0, ("a", "error"): 3.0, ("b", "ok"): 1.0}


def test_a_silent_counter_is_remembered_and_adds_nothing() -> None:
    known = {("a", "ok"): 10.0, ("b", "ok"): 5.0}
    assert increments(known, {("b", "ok"): 7.0}, _counter) == {("b", "ok"): 2.0}
    after = merged(known, {("b", "ok"): 7.0}, _counter)
    assert increments(after, {("a", "ok"): 12.0}, _counter) == {("a", "ok"): 2.0}


def test_a_restart_forgets_the_series_that_did_not_come_back() -> None:
    known = {("a", "ok"): 10.0, ("a", "error"): 4.0}
    after = merged(known, {("a", "ok"): 1.0}, _counter)
    assert after == {("a", "ok"): 1.0}
    assert increments(after, {("a", "ok"): 2.0, ("a", "error"): 5.0}, _counter) == {
        ("a", "ok"): 1.0,
        ("a", "error"): 5.0,
    }


def test_a_series_that_vanished_from_a_counter_that_shows_itself_is_known_by_what_it_was() -> None:
    known, current = {("a", "ok"): 3.0, ("a", "error"): 2.0}, {("a", "ok"): 4.0}
    after, silent = merged(known, current, _counter), silenced(known, current, _counter, {})
    assert (after, silent) == (current, {("a", "error"): 2.0})
    for value, added in ((2.0, 0.0), (7.0, 5.0), (1.0, 1.0)):  # lower than it was, it began anew, and by itself
        later = {("a", "ok"): 5.0, ("a", "error"): value}
        assert increments(after, later, _counter, silent) == {("a", "ok"): 1.0, ("a", "error"): added}


def test_what_is_silent_stays_known_until_it_is_shown_or_its_counter_restarts() -> None:
    silent = {("a", "error"): 2.0, ("b", "error"): 9.0}
    known, current = {("a", "ok"): 4.0, ("b", "ok"): 4.0}, {("a", "ok"): 4.0, ("b", "ok"): 1.0}
    assert silenced(known, current, _counter, silent) == {("a", "error"): 2.0}
    assert silenced(current, {("a", "ok"): 5.0, ("a", "error"): 3.0}, _counter, {("a", "error"): 2.0}) == {}


def test_of_what_was_there_without_a_value_nothing_is_added_the_first_time() -> None:
    silent = {("a", "error"): math.nan}
    assert increments({("a", "ok"): 4.0}, {("a", "ok"): 5.0, ("a", "error"): 70.0}, _counter, silent) == {
        ("a", "ok"): 1.0,
        ("a", "error"): 0.0,
    }
