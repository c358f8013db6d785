from delivery.reconcile.checkpoints import SAVED_UP_S, WRITES_S, Checkpoints, Waiting

MANY = 1000


def _waiting(count: int = MANY) -> list[Waiting]:
    return [Waiting(f"shop/web-{number}", news=False, recorded_through=float(number)) for number in range(count)]


def test_a_few_are_all_written_at_every_look() -> None:
    checkpoints, few = Checkpoints(), _waiting(int(WRITES_S * SAVED_UP_S))
    for look in range(20):
        assert len(checkpoints.chosen(few, now=look * 10.0)) == len(few)


def test_many_are_written_at_the_promised_rate_whatever_the_looks() -> None:
    checkpoints = Checkpoints()
    written = sum(len(checkpoints.chosen(_waiting(), now=second / 4)) for second in range(400))
    assert written <= WRITES_S * (100 + SAVED_UP_S)
    assert written >= WRITES_S * 99


def test_news_goes_first_then_the_oldest_record() -> None:
    checkpoints = Checkpoints()
    checkpoints.chosen(_waiting(), now=0.0)
    waiting = [*_waiting(), Waiting("shop/news", news=True, recorded_through=1e9)]
    chosen = checkpoints.chosen(waiting, now=1.0)
    assert chosen[:3] == ["shop/news", "shop/web-0", "shop/web-1"]
    assert len(chosen) == WRITES_S


def test_those_of_whose_turn_nothing_came_go_last() -> None:
    checkpoints = Checkpoints()
    stuck = [Waiting(f"shop/stuck-{number}", news=True, recorded_through=0.0, again=True) for number in range(100)]
    chosen = checkpoints.chosen([*stuck, *_waiting(5)], now=0.0)
    assert chosen[:5] == [one.key for one in _waiting(5)]
    assert len(chosen) == WRITES_S * SAVED_UP_S


def test_nothing_is_saved_up_for_longer_than_it_may() -> None:
    checkpoints = Checkpoints()
    checkpoints.chosen([], now=0.0)
    assert len(checkpoints.chosen(_waiting(), now=3600.0)) == WRITES_S * SAVED_UP_S


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    checkpoints = Checkpoints()
    checkpoints.chosen(_waiting(), now=100.0)
    assert checkpoints.chosen(_waiting(), now=50.0) == []
