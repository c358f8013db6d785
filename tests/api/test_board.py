"""Which Release a name stands for, as Releases come, change and go."""

from __future__ import annotations

from delivery.api.board import Board
from delivery.resources.release import Phase
from tests.decision import given


def told(board: Board, name: str, phase: Phase, at: float, namespace: str = "shop") -> None:
    made = given.release(phase, name=name, started_at=given.NOW + at)
    spec = made.spec.model_copy(update={"release_id": f"build-{name}"})
    board.told(namespace, name, made.model_copy(update={"namespace": namespace, "spec": spec}))


def found(board: Board, name: str, release_id: str | None = None, namespace: str = "shop") -> str | None:
    row = board.find(namespace, name, release_id)
    return row.summary["name"] if row else None


def test_a_deployment_stands_for_its_active_release_then_for_its_newest() -> None:
    board = Board()
    for name, phase, at in (("a", Phase.SHIFTING, 1), ("b", Phase.SUCCEEDED, 2), ("c", Phase.FAILED, 3)):
        told(board, name, phase, at)
    assert found(board, "web") == "a"
    told(board, "a", Phase.SUCCEEDED, 1)
    assert found(board, "web") == "c"
    assert found(board, "web", "build-b") == "b"
    assert found(board, "web", "build-x") is None
    assert found(board, "b") == "b"
    assert found(board, "b", "build-c") is None


def test_what_is_gone_stands_for_nothing() -> None:
    board = Board()
    told(board, "a", Phase.SHIFTING, 1)
    told(board, "a", Phase.SHIFTING, 1, namespace="other")
    for _ in range(2):
        board.told("shop", "a", None)
    assert found(board, "web") is None
    assert found(board, "web", namespace="other") == "a"
    told(board, "b", Phase.SHIFTING, 2)
    assert found(board, "web") == "b"


def test_one_that_becomes_another_deployments_is_no_longer_the_former_ones() -> None:
    board = Board()
    told(board, "a", Phase.SHIFTING, 1)
    made = given.release(Phase.SHIFTING, name="a", started_at=given.NOW)
    other = made.model_copy(update={"spec": made.spec.model_copy(update={"deployment": "api"})})
    board.told("shop", "a", other)
    assert (found(board, "web"), found(board, "api")) == (None, "a")
    board.told("shop", "a", None)
    assert (found(board, "web"), found(board, "api")) == (None, None)


def test_rows_are_in_order_active_ones_first_then_the_newest() -> None:
    board = Board()

    def names() -> list[str]:
        return [row.summary["name"] for row in board.rows()]

    for name, phase, at in (("a", Phase.SHIFTING, 1), ("b", Phase.SUCCEEDED, 5), ("c", Phase.SHIFTING, 3)):
        told(board, name, phase, at)
    assert names() == ["c", "a", "b"]
    told(board, "d", Phase.SHIFTING, 2)
    assert names() == ["c", "d", "a", "b"]
    told(board, "c", Phase.FAILED, 3)
    assert names() == ["d", "a", "b", "c"]
    board.told("shop", "a", None)
    assert names() == ["d", "b", "c"]
