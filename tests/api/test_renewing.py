"""What the cluster said of a caller: good for a moment, and asked for anew before that is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from delivery.api.access import Unauthenticated
from delivery.api.renewing import RENEWED_AFTER, Renewing
from delivery.errors import HeadgateError, Unavailable

KEPT_S = 10.0
RENEWED_S = RENEWED_AFTER * KEPT_S


@dataclass
class Asking:
    """Answers that count up or fail, a clock, and what was set aside."""

    now: float = 0.0
    asked: int = 0
    failure: HeadgateError | None = None
    aside: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._kept: Renewing[str, int] = Renewing(KEPT_S, lambda: self.now, self.aside.append)

    def ask(self) -> int:
        if self.failure is not None:
            raise self.failure
        self.asked += 1
        return self.asked

    def known(self, ask: Callable[[], int] | None = None) -> int | None:
        return self._kept.known("key", ask or self.ask)

    def of(self) -> int:
        return self._kept.of("key", self.ask)

    def carry_out(self) -> None:
        """What was set aside."""
        while self.aside:
            self.aside.pop()()


def not_renewed(failure: HeadgateError) -> Asking:
    """An older answer, whose renewal came to that."""
    asking = Asking()
    asking.of()
    asking.now, asking.failure = RENEWED_S, failure
    asking.of()
    asking.carry_out()
    return asking


def test_a_young_answer_is_asked_for_once() -> None:
    asking = Asking()
    assert asking.known() is None
    assert asking.of() == 1
    asking.now = RENEWED_S - 0.1
    assert (asking.of(), asking.known(), asking.aside) == (1, 1, [])


def test_an_older_one_is_renewed_aside_by_one_at_a_time() -> None:
    asking = Asking()
    asking.of()
    asking.now = RENEWED_S
    assert [asking.of() for _ in range(3)] == [1, 1, 1]
    assert len(asking.aside) == 1
    asking.carry_out()
    assert (asking.of(), asking.asked) == (2, 2)
    asking.now += KEPT_S - 0.1  # from then on it is good as long as any
    assert asking.known() == 2


def test_one_that_cannot_be_renewed_is_tried_once_and_good_for_no_longer() -> None:
    asking = not_renewed(Unavailable("refused"))
    assert (asking.of(), asking.aside) == (1, [])
    asking.now = KEPT_S
    assert asking.known() is None
    with pytest.raises(Unavailable):
        asking.of()


def test_one_that_is_withdrawn_is_gone_at_once() -> None:
    asking = not_renewed(Unauthenticated("unknown"))
    assert asking.known() is None


def test_a_renewal_that_comes_late_undoes_nothing_that_was_asked_since() -> None:
    asking = Asking()
    asking.of()
    asking.now = RENEWED_S
    asking.of()
    asking.now = KEPT_S
    assert asking.of() == 2  # the first was too old, and its renewal still waits its turn
    asking.carry_out()
    assert (asking.of(), asking.asked) == (2, 2)


def test_a_renewal_that_is_answered_late_undoes_nothing_that_was_asked_meanwhile() -> None:
    asking = Asking()
    asking.of()
    asking.now = RENEWED_S

    def slow() -> int:
        asking.now = KEPT_S
        assert asking.of() == 2
        return 100

    asking.known(slow)
    asking.carry_out()
    assert asking.of() == 2
