"""Answers that no Prometheus gives, each as a server sends it; and a process that asks for them and says what it took.

python -m tests.telemetry.hostile URL MAX_BYTES TIMEOUT_S NAME...
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from itertools import chain, cycle, repeat
from pathlib import Path

from delivery.errors import HeadgateError
from delivery.telemetry.access import Access
from delivery.telemetry.prometheus import Prometheus
from delivery.telemetry.reasons import LONGEST_PROBLEM, reason_of

AT, STEP = 100.0, 10.0
PIECE = 65_536
Pieces = Callable[[int], Iterator[bytes]]

VECTOR = b'{"status":"success","data":{"resultType":"vector","result":['
MATRIX = b'{"status":"success","data":{"resultType":"matrix","result":['
END = b"]}}"


def small(body: bytes) -> Pieces:
    return lambda _: iter([body])


def blown_up(start: bytes, again: bytes, end: bytes = b"") -> Pieces:
    """`again` as often as fits into the size, never all at once."""
    piece = again * (PIECE // len(again))
    return lambda size: chain([start], repeat(piece, (size - len(start) - len(end)) // len(piece)), [end])


def many_labels(size: int) -> Iterator[bytes]:
    yield VECTOR + b'{"metric":{'
    written = 0
    while written < size - 200:
        piece = b"".join(b'"%x":"",' % number for number in range(written, written + PIECE // 10))
        written += len(piece)
        yield piece
    yield b'"a":"b"},"value":[100,"1"]}' + END


def drops(_: int) -> Iterator[bytes]:
    for each in cycle((b" ",)):
        time.sleep(0.02)  # the pace of the one who answers, not a wait for anything
        yield each


ONE = b'{"metric":{},"value":[100,"1"]}'
HOSTILE: dict[str, tuple[int, Pieces]] = {
    "malformed": (200, small(b'{"status":"success","data":')),
    "a-page": (200, small(b"<html>log in</html>")),
    "wrong-types": (200, small(VECTOR + b'{"metric":{"a":1},"value":["x",{}]}' + END)),
    "no-numbers": (200, small(VECTOR + b'{"metric":{},"value":[100,"many"]}' + END)),
    "a-scalar": (200, small(b'{"status":"success","data":{"resultType":"scalar","result":[100,"1"]}}')),
    "an-error": (200, small(b'{"status":"error","data":{"resultType":"vector","result":[]}}')),
    "another-instant": (200, small(VECTOR + b'{"metric":{},"value":[70,"1"],"values":[[70,"1"]]}' + END)),
    "elsewhere": (302, small(b"")),
    "not-found": (404, small(b"404 page not found")),
    "blanks": (200, blown_up(b"", b" ")),
    "zeros": (200, blown_up(b"", b"\0")),
    "refusal": (400, blown_up(b"", b"\0")),
    "failure": (500, blown_up(b"", b"\\x00'\"")),
    "depth": (200, blown_up(b"", b"[")),
    "entries": (200, blown_up(VECTOR, ONE + b",", ONE + END)),
    "instants": (200, blown_up(MATRIX + b'{"metric":{},"values":[', b'[1,"1"],', b'[1,"1"]]}' + END)),
    "labels": (200, many_labels),
    "warnings": (200, blown_up(VECTOR + b'],"x":[', b'"\xc3\xa9",', b'""' + END)),
    "native": (200, blown_up(VECTOR + b'{"metric":{},"histogram":[100,{"buckets":[', b"[],", b"[]]}]}" + END)),
    "drops": (200, drops),
}


def answering(size: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """What the first part of the path names, up to `size` bytes of it."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        status, pieces = HOSTILE[handler.path.split("/")[1]]
        handler.send_response(status)
        handler.end_headers()
        try:
            for piece in pieces(size):
                handler.wfile.write(piece)
        except OSError:
            return  # whoever asked has had enough
        handler.close_connection = True

    return answer


def peak_mb() -> float:
    """The most memory this process ever had."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return float(line.split()[1]) / 1000


def asked(prometheus: Prometheus, instants: int) -> str:
    """The reason for which there was no answer."""
    try:
        if instants == 1:
            prometheus.query("x", AT)
        else:
            prometheus.query_range("x", AT, AT + STEP * (instants - 1), STEP)
    except HeadgateError as problem:
        return reason_of(problem).value if len(str(problem)) <= LONGEST_PROBLEM else "too long to tell"
    return "points"


def main() -> None:
    url, max_bytes, timeout_s, *names = sys.argv[1:]
    access = Access(f"{url}/malformed", timeout_s=float(timeout_s), max_bytes=int(max_bytes))
    asked(Prometheus(access), 1)
    before = peak_mb()
    for name in names:
        prometheus = Prometheus(Access(f"{url}/{name}", timeout_s=float(timeout_s), max_bytes=int(max_bytes)))
        for instants in (1, 5):
            start = time.monotonic()
            reason = asked(prometheus, instants)
            told = {"name": name, "instants": instants, "reason": reason, "grown_mb": peak_mb() - before}
            print(json.dumps({**told, "seconds": time.monotonic() - start}), flush=True)


if __name__ == "__main__":
    main()
