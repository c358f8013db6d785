from analysis.increments import increments, merged

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


def test_a_series_that_vanished_from_a_counter_that_shows_itself_counts_from_zero_again() -> None:
    after = merged({("a", "ok"): 0.0, ("a", "error"): 1.0}, {("a", "ok"): 0.0}, _counter)
    assert increments(after, {("a", "ok"): 0.0, ("a", "error"): 1.0}, _counter) == {
        ("a", "ok"): 0.0,
        ("a", "error"): 1.0,
    }
