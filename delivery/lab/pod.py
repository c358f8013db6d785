"""One pod of the lab: a small HTTP server that fails and dawdles as its environment says. Standard library only.

It is well behaved about its end: on SIGTERM it goes on serving for a while, closing connections as it answers, so that
whoever still has its address loses nothing.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

CONTROL_EVERY_S = 0.1
CRASH_AFTER_S = 0.3


class Behaviour:
    """What the pod does to a request now: its own settings, what the control file overrides, the shared dependency."""

    def __init__(self, env: dict[str, str]) -> None:
        self.version = env["LAB_VERSION"]
        self.ready = env.get("LAB_NEVER_READY", "false") != "true"
        self._own = {
            "errorRate": float(env.get("LAB_ERROR_RATE", "0")),
            "medianMs": float(env.get("LAB_LATENCY_MEDIAN_MS", "5")),
            "sigma": float(env.get("LAB_LATENCY_SIGMA", "0")),
        }
        self._now = dict(self._own)
        self._dependency = 0.0
        self._control = Path(env["LAB_CONTROL"]) if env.get("LAB_CONTROL") else None
        self._random = random.Random(f"{env.get('LAB_SEED', '0')}/{env['LAB_POD']}")

    def refresh(self) -> None:
        """Reads the control file again, where there is one."""
        if self._control is None:
            return
        try:
            control = json.loads(self._control.read_text())
        except (OSError, ValueError):
            return
        self._dependency = float(control.get("dependency", 0.0))
        self._now = {**self._own, **control.get("versions", {}).get(self.version, {})}

    def delay(self) -> float:
        """Seconds this request takes, lognormal."""
        return self._now["medianMs"] / 1000 * self._random.lognormvariate(0, self._now["sigma"])

    def failure(self) -> str | None:
        """Why this request fails, None when it does not."""
        if self._random.random() < self._dependency:
            return "dependency"
        return "true" if self._random.random() < self._now["errorRate"] else None


class Server:
    """HTTP/1.1 with keep-alive; every answer says who gave it."""

    def __init__(self, behaviour: Behaviour, env: dict[str, str]) -> None:
        self._behaviour = behaviour
        self._identity = (
            f"x-lab-pod: {env['LAB_POD']}\r\nx-lab-workload: {env.get('LAB_WORKLOAD', '')}\r\n"
            f"x-lab-version: {behaviour.version}\r\n"
        )
        self.draining = False
        self._served = _record(env.get("LAB_SERVED", ""))
        self._open: set[asyncio.StreamWriter] = set()
        self._busy = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        self._open.add(writer)
        try:
            while (head := await _head(reader)) is not None:
                self._busy += 1
                try:
                    writer.write(await self._answer(head))
                    await writer.drain()
                finally:
                    self._busy -= 1
                if self.draining:
                    return
        except ConnectionError:
            return
        finally:
            self._open.discard(writer)
            writer.close()

    async def idle(self) -> None:
        """Waits until no request is being answered."""
        while self._busy:
            await asyncio.sleep(0.01)

    async def _answer(self, head: bytes) -> bytes:
        path = head.split(b" ", 2)[1]
        if path.startswith(b"/ready"):
            return self._response(200 if self._behaviour.ready else 503, "")
        failure = self._behaviour.failure()
        await asyncio.sleep(self._behaviour.delay())
        status = 500 if failure else 200
        if self._served is not None:
            os.write(self._served, f"{time.time():.3f} {status}\n".encode())
        return self._response(status, f"x-lab-injected: {failure}\r\n" if failure else "")

    def _response(self, status: int, extra: str) -> bytes:
        body = f"{status}\n"
        close = "connection: close\r\n" if self.draining else ""
        return (
            f"HTTP/1.1 {status} {'OK' if status == 200 else 'Error'}\r\ncontent-length: {len(body)}\r\n"
            f"{self._identity}{extra}{close}\r\n{body}"
        ).encode()


def _record(path: str) -> int | None:
    """Where each answer is noted, one line at a time and unbuffered: a pod that is killed has noted what it served."""
    return os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY) if path else None


async def _head(reader: asyncio.StreamReader) -> bytes | None:
    """The next request's head; None at the connection's end. Bodies are not expected."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None


async def run(env: dict[str, str]) -> int:
    """Serves until SIGTERM and the drain after it; returns the exit code."""
    behaviour = Behaviour(env)
    server = Server(behaviour, env)
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    if env.get("LAB_CRASH") == "true":
        await asyncio.sleep(CRASH_AFTER_S)
        print("told to crash (LAB_CRASH)", flush=True)
        return 1
    listener = await asyncio.start_server(server.serve, env["LAB_ADDRESS"], int(env["LAB_PORT"]), backlog=512)
    refreshing = asyncio.create_task(_keep_refreshing(behaviour))
    await ending.wait()
    server.draining = True
    await asyncio.sleep(float(env.get("LAB_DRAIN_S", "2")))
    listener.close()
    await server.idle()
    refreshing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await refreshing
    return 0


async def _keep_refreshing(behaviour: Behaviour) -> None:
    while True:
        behaviour.refresh()
        await asyncio.sleep(CONTROL_EVERY_S)


if __name__ == "__main__":
    sys.exit(asyncio.run(run(dict(os.environ))))
