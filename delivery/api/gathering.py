"""Changes of many Releases, told once a second at most and encoded once, however many read along."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from sse_starlette import ServerSentEvent

from delivery.api.board import Board, Key, Watcher

GATHERED_S = 1.0
BEHIND_AT_MOST = 30
"""Events that a reader has not taken yet. One that reads more slowly is let go, and begins anew."""


class Reader:
    """One stream's part."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[bytes] = asyncio.Queue(BEHIND_AT_MOST)
        self.lost = False
        """Whether it was too slow and has missed something."""

    def tell(self, event: bytes) -> None:
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            self.lost = True

    async def next(self, timeout_s: float) -> bytes | None:
        """The next event; None where there is none for so long."""
        try:
            return await asyncio.wait_for(self._events.get(), timeout_s)
        except TimeoutError:
            return None


class Gathered:
    """Lives on the event loop, as its readers do."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._channels: dict[str, Channel] = {}

    @contextmanager
    def reader(self, namespace: str) -> Iterator[Reader]:
        """Told of every change from now on, of those in the namespace; "" for all."""
        channel = self._channels.get(namespace)
        if channel is None:
            channel = self._channels[namespace] = Channel(self._board, namespace)
        reader = Reader()
        channel.readers.add(reader)
        try:
            yield reader
        finally:
            channel.readers.discard(reader)
            if not channel.readers:
                channel.close()
                del self._channels[namespace]


class Channel:
    """Those who read along in one namespace."""

    def __init__(self, board: Board, namespace: str) -> None:
        self._board = board
        self.readers: set[Reader] = set()
        self._open = ExitStack()
        watcher = self._open.enter_context(board.watcher(namespace))
        self._telling = asyncio.create_task(self._tell(watcher))

    def close(self) -> None:
        self._telling.cancel()
        self._open.close()

    async def _tell(self, watcher: Watcher) -> None:
        while True:
            changed = await watcher.changes(None)
            await asyncio.sleep(GATHERED_S)
            event = self._encoded(changed | await watcher.changes(0.0))
            for reader in self.readers:
                reader.tell(event)

    def _encoded(self, changed: Iterable[Key]) -> bytes:
        rows = [(key, self._board.row(key)) for key in sorted(changed)]
        gone = ",".join(f'"{key[0]}/{key[1]}"' for key, row in rows if row is None)
        there = b",".join(row.encoded for _, row in rows if row is not None).decode()
        return ServerSentEvent(event="releases", data=f'{{"items":[{there}],"gone":[{gone}]}}').encode()
