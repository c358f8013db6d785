"""What the mesh does not follow is waited for within the readyDeadline, counted from when it stopped."""

from __future__ import annotations

from delivery.decision.following import UNFOLLOWED
from delivery.decision.snapshot import RouteState
from delivery.resources.release import Phase, Traffic
from tests.decision.given import NOW, decided, kinds, recorded, release

SAID = "HTTPRoute shop/web: ResolvedRefs is False (BackendNotFound): Service web-canary is not there"
UNHEARD = RouteState(weight=5.0, unfollowed=SAID)


def test_a_mesh_that_stops_following_gets_the_deadline_anew() -> None:
    status = recorded(decided(release(stage_since=NOW - 600), route=UNHEARD))
    assert (status.phase, status.reason, status.message) == (Phase.SHIFTING, UNFOLLOWED, SAID)
    assert (status.stage_since, status.step_since, status.traffic.verified_weight) == (NOW, None, None)


def test_it_is_rolled_back_when_the_time_is_over_and_not_before() -> None:
    unverified = Traffic(desired_weight=5.0, first_weight_at=NOW - 100)
    waiting = decided(release(traffic=unverified, stage_since=NOW - 29), route=UNHEARD)
    assert (recorded(waiting).phase, kinds(waiting)) == (Phase.SHIFTING, [])
    over = recorded(decided(release(traffic=unverified, stage_since=NOW - 31), route=UNHEARD))
    assert (over.phase, over.outcome, over.reason) == (Phase.ROLLING_BACK, Phase.ROLLED_BACK, UNFOLLOWED)
    assert over.message == f"{SAID}, for 31 s (readyDeadline)"


def test_what_can_still_be_written_is_written_first() -> None:
    late = RouteState(weight=5.0, unfollowed=SAID, fenced=False)
    assert kinds(decided(release(), route=late)) == ["SetWeight"]
