"""JSON lines read into columns, each checked as a whole; what is wrong is told with its line."""

from __future__ import annotations

import gc
import gzip
import io
import math
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal, TypeVar, cast

import msgspec
import numpy as np

from analysis.proportion import Floats, Rows
from delivery.backtest.recording import InvalidRecording

PIECE = 1 << 22
GZIP = b"\x1f\x8b"
STANDARD_INPUT = "-"
COLUMNS = ("number", "t", "arm", "requests", "errors", "weight", "release", "instance")
ROUNDING = 1e-9
Keys = tuple[str, ...]
Name = TypeVar("Name", str, Keys)


@dataclass(frozen=True, slots=True)
class Buckets:
    """The lines of one set of bounds: numbers of `lines` (m,) and cumulative counts (m, C), by rising bound."""

    bounds: tuple[float, ...]
    lines: Rows
    counts: Floats


@dataclass(frozen=True, slots=True)
class Lines:
    """N lines as columns (N,). `number` is where a line stands in the file, from 1; `weight` is NaN where it is not
    given; `release` and `instance` count into their names.
    """

    number: Rows
    t: Floats
    arm: Rows
    requests: Floats
    errors: Floats
    weight: Floats
    release: Rows
    instance: Rows
    releases: list[str]
    instances: list[str]
    buckets: list[Buckets]


def read_lines(path: str, progress: Callable[[int], None] | None = None) -> Lines:
    """All lines of a file, gzip or not, or of standard input (`-`). `progress` is told the bytes consumed of the file.

    Raises InvalidRecording naming the first line that cannot be.
    """
    columns = _Columns()
    try:
        with _without_collector(), _opened(path) as raw:
            packed = raw.peek(2)[:2] == GZIP
            text: IO[bytes] = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
            for first, lines in _pieces(text):
                columns.add(first, lines)
                if progress and path != STANDARD_INPUT:
                    progress(raw.tell())
    except (OSError, EOFError, zlib.error) as problem:
        raise InvalidRecording(f"input {path} cannot be read: {problem}") from problem
    return columns.lines()


@contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of short-lived objects without a cycle among them: looking for cycles took a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _opened(path: str) -> io.BufferedReader:
    if path == STANDARD_INPUT:
        return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
    return Path(path).open("rb")


def _pieces(text: IO[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Runs of whole lines and the number of the first of each."""
    number, rest = 1, b""
    while piece := text.read(PIECE):
        *lines, rest = (rest + piece).split(b"\n")
        yield number, lines
        number += len(lines)
    if rest:
        yield number, [rest]


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One line; a field of another name or type is refused, numbers are finite because JSON knows no others."""

    t: float
    arm: Literal["stable", "canary"]
    requests: float
    errors: float
    buckets: dict[str, float] | None = None
    weight: float | None = None
    instance: str = ""
    release: str = ""


_ONE, _MANY = msgspec.json.Decoder(_Line), msgspec.json.Decoder(list[_Line])


class _Columns:
    """Columns that grow by runs of lines."""

    def __init__(self) -> None:
        self._runs: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
        self._releases: dict[str, int] = {}
        self._instances: dict[str, int] = {}
        self._bounds: dict[Keys, int] = {}
        self._counts: dict[int, list[tuple[Rows, Floats]]] = {}
        self._seen = 0

    def add(self, first: int, lines: list[bytes]) -> None:
        filled = [i for i, line in enumerate(lines) if line and not line.isspace()]
        records = _decoded(first, lines, filled)
        if not records:
            return
        runs = self._runs
        runs["number"].append(first + np.array(filled, dtype=np.intp))
        runs["t"].append(np.array([record.t for record in records]))
        runs["requests"].append(np.array([record.requests for record in records]))
        runs["errors"].append(np.array([record.errors for record in records]))
        runs["weight"].append(np.array([math.nan if record.weight is None else record.weight for record in records]))
        runs["arm"].append(np.array([record.arm == "canary" for record in records], dtype=np.intp))
        runs["release"].append(_numbered(self._releases, [record.release for record in records]))
        runs["instance"].append(_numbered(self._instances, [record.instance for record in records]))
        self._add_buckets([record.buckets for record in records])
        self._seen += len(records)

    def _add_buckets(self, found: list[dict[str, float] | None]) -> None:
        lines = [i for i, buckets in enumerate(found) if buckets]
        kinds = _numbered(self._bounds, [tuple(found[i] or ()) for i in lines])
        names = list(self._bounds)
        for kind in np.unique(kinds).tolist():
            members = np.flatnonzero(kinds == kind).tolist()
            chosen = [lines[i] for i in members]
            flat = chain.from_iterable((found[i] or {}).values() for i in chosen)
            width = len(names[kind])
            counts = np.fromiter(flat, dtype=float, count=width * len(chosen)).reshape(-1, width)
            self._counts.setdefault(kind, []).append((self._seen + np.array(chosen, dtype=np.intp), counts))

    def lines(self) -> Lines:
        """Everything read, checked. Raises InvalidRecording."""
        if not self._seen:
            raise InvalidRecording("the input has no lines: nothing was recorded")
        joined = {name: np.concatenate(runs) for name, runs in self._runs.items()}
        buckets = [self._sorted(keys, kind, joined["number"]) for keys, kind in self._bounds.items()]
        lines = Lines(**joined, releases=list(self._releases), instances=list(self._instances), buckets=buckets)
        _check(lines)
        return lines

    def _sorted(self, keys: Keys, kind: int, number: Rows) -> Buckets:
        places = np.concatenate([run[0] for run in self._counts[kind]])
        counts = np.concatenate([run[1] for run in self._counts[kind]])
        bounds = np.array([_bound(key) for key in keys])
        wrong = not (bounds > 0).all() or np.unique(bounds).size != bounds.size
        told = "needs different bounds above 0 as keys, in milliseconds, the last one +Inf"
        _refuse(number[places[:1]], [wrong], "buckets", told)
        order = np.argsort(bounds)
        sorted_already = (order == np.arange(order.size)).all()
        return Buckets(tuple(bounds[order].tolist()), places, counts if sorted_already else counts[:, order])


def _decoded(first: int, lines: list[bytes], filled: list[int]) -> list[_Line]:
    """The lines that are not empty. Where they do not decode as a whole, one by one, to name the wrong one."""
    texts = lines if len(filled) == len(lines) else [lines[i] for i in filled]
    try:
        records = _MANY.decode(b"[" + b",".join(texts) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        records = []
    if len(records) == len(texts):
        return records
    return [_one(first + i, line) for i, line in zip(filled, texts, strict=True)]


def _one(number: int, line: bytes) -> _Line:
    try:
        return _ONE.decode(line)
    except msgspec.ValidationError as problem:
        raise InvalidRecording(
            f"line {number}: {problem}; a line has {', '.join(_Line.__struct_fields__)}"
        ) from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise InvalidRecording(f"line {number}: is no JSON object ({problem})") from problem


def _numbered(numbers: dict[Name, int], names: Sequence[Name]) -> Rows:
    """Each name's number, in the order in which they were first seen."""
    if len(set(names)) == 1:
        return np.full(len(names), numbers.setdefault(names[0], len(numbers)), dtype=np.intp)
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.intp)


def _bound(key: str) -> float:
    try:
        return float(key)
    except ValueError:
        return math.nan


def _check(lines: Lines) -> None:
    """What no column can be by itself or beside another. Raises InvalidRecording."""
    for field in ("requests", "errors"):
        _refuse(lines.number, getattr(lines, field) < 0, field, "must not be negative: record increments, not totals")
    _refuse(lines.number, lines.errors > lines.requests * (1 + ROUNDING), "errors", "exceed the requests of the line")
    outside = (lines.weight < 0) | (lines.weight > 100)
    _refuse(lines.number, outside, "weight", "must be a percentage from 0 to 100")
    for buckets in lines.buckets:
        at = lines.number[buckets.lines]
        falls = (buckets.counts[:, :1] < 0).any(axis=1) | (np.diff(buckets.counts, axis=1) < 0).any(axis=1)
        _refuse(at, falls, "buckets", "must not be negative nor fall with the bound: record cumulative counts")
        beyond = buckets.counts[:, -1] > lines.requests[buckets.lines] * (1 + ROUNDING)
        _refuse(at, beyond, "buckets", "count more than the requests of the line")
    _check_order(lines)


def _check_order(lines: Lines) -> None:
    """Times must not fall within a release and arm, and an instance must not report twice at one time."""
    side = lines.release * 2 + lines.arm
    order = np.argsort(side, kind="stable")
    same = np.diff(side[order]) == 0
    falls = np.zeros(side.size, dtype=bool)
    falls[order[1:]] = same & (np.diff(lines.t[order]) < 0)
    _refuse(
        lines.number, falls, "t", "is earlier than the line before of the same release and arm: sort the lines by t"
    )
    order = np.lexsort((lines.number, lines.instance, lines.t, side))
    twice = np.ones(side.size - 1, dtype=bool)
    for column in (side, lines.t, lines.instance):
        twice &= np.diff(column[order]) == 0
    repeated = np.zeros(side.size, dtype=bool)
    repeated[order[1:]] = twice
    _refuse(
        lines.number, repeated, "t", "repeats a line of the same release, arm and instance: name instances, or sum them"
    )


def _refuse(number: Rows, wrong: Any, field: str, problem: str) -> None:
    flags = np.asarray(wrong, dtype=bool)
    if flags.any():
        raise InvalidRecording(f"line {number[flags].min()}: {field} {problem}")
