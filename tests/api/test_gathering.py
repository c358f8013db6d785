"""Changes of all Releases: encoded once for whoever reads along, and nobody slow holds up the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from delivery.api import gathering
from delivery.api.board import Board
from delivery.api.gathering import BEHIND_AT_MOST, Gathered
from tests.decision import given

PATIENCE_S = 20.0
Scenario = Callable[[Board, Gathered], Coroutine[Any, Any, None]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Scenario], None]:
    monkeypatch.setattr(gathering, "GATHERED_S", 0.001)

    async def on_a_loop(scenario: Scenario) -> None:
        board = Board()
        board.attach(asyncio.get_running_loop())
        await scenario(board, Gathered(board))

    return lambda scenario: asyncio.run(on_a_loop(scenario))


def change(board: Board) -> None:
    board.told("shop", given.RELEASE, given.release())


def test_what_is_told_is_encoded_once_for_all(run: Callable[[Scenario], None]) -> None:
    async def scenario(board: Board, gathered: Gathered) -> None:
        with gathered.reader("") as one, gathered.reader("") as other, gathered.reader("shop") as narrow:
            change(board)
            told = await one.next(PATIENCE_S)
            assert told is not None
            assert told is await other.next(PATIENCE_S)
            assert told == await narrow.next(PATIENCE_S)
            assert told.startswith(b"event: releases\r\n")

    run(scenario)


def test_another_namespace_is_told_nothing(run: Callable[[Scenario], None]) -> None:
    async def scenario(board: Board, gathered: Gathered) -> None:
        with gathered.reader("") as everything, gathered.reader("other") as narrow:
            change(board)
            assert await everything.next(PATIENCE_S)
            assert await narrow.next(0.0) is None

    run(scenario)


def test_one_that_reads_too_slowly_is_lost_and_no_other(run: Callable[[Scenario], None]) -> None:
    async def scenario(board: Board, gathered: Gathered) -> None:
        with gathered.reader("") as slow, gathered.reader("") as fast:
            for _ in range(BEHIND_AT_MOST + 1):
                assert not slow.lost
                change(board)
                assert await fast.next(PATIENCE_S)
            assert slow.lost
            assert not fast.lost

    run(scenario)


def test_who_comes_after_all_have_gone_is_told_again(run: Callable[[Scenario], None]) -> None:
    async def scenario(board: Board, gathered: Gathered) -> None:
        for _ in range(2):
            with gathered.reader("") as reader:
                change(board)
                assert await reader.next(PATIENCE_S)
            assert board._watchers == {}

    run(scenario)
