"""Prometheus' answers, checked and decoded in one go: those about many releases have a hundred thousand entries."""

from __future__ import annotations

from typing import Any

import msgspec


class Entry(msgspec.Struct, gc=False):
    """One series: its labels, and its value at one instant or at many; or a native histogram."""

    metric: dict[str, str]
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] | None = None
    histogram: tuple[float, dict[str, Any]] | None = None


class _Data(msgspec.Struct):
    result: list[Entry]


class _Answer(msgspec.Struct):
    data: _Data
    warnings: list[str] | None = None
    isPartial: bool = False  # noqa: N815  # VictoriaMetrics' spelling


_DECODER = msgspec.json.Decoder(_Answer)


def decode(content: bytes) -> dict[str, Any]:
    """The answer as the client library takes it, with an Entry for each series. Raises ValueError for what Prometheus
    would not send."""
    try:
        answer = _DECODER.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ValueError(str(problem)) from problem
    return {"data": {"result": answer.data.result}, "warnings": answer.warnings, "isPartial": answer.isPartial}
