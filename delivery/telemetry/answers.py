"""Prometheus' answers, checked and decoded in one go: those about many releases have a hundred thousand entries."""

from __future__ import annotations

from typing import Literal

import msgspec

from delivery.telemetry.reasons import AnswerProblem, Reason

WORDS = 300  # characters of a server's own sentence
BRACES_A_SERIES = 8  # an entry has two or three, and a label's value may have some
SAMPLES_A_SERIES = 15  # on average, of a range
_PARTIAL_PREFIX = "PromQL "  # remarks of PromQL itself are warnings too, and lack nothing
_AT_FAULT = {"bad_data", "execution"}


class Sample(msgspec.Struct, array_like=True, gc=False):
    """A value at an instant, in seconds since the epoch."""

    at: float
    value: str


class Histogram(msgspec.Struct, gc=False):
    """Of each bucket its boundaries' rule, the boundaries and its own count."""

    count: str
    buckets: list[tuple[int, str, str, str]] = []


class HistogramSample(msgspec.Struct, array_like=True, gc=False):
    at: float
    value: Histogram


class Entry(msgspec.Struct, gc=False):
    """One series: its labels, and its value at one instant or at many; or its native histograms."""

    metric: dict[str, str]
    value: Sample | None = None
    values: list[Sample] | None = None
    histogram: HistogramSample | None = None
    histograms: list[HistogramSample] | None = None


class Result(msgspec.Struct):
    """An answer's entries, and which kind of them it says they are."""

    result: list[Entry]
    resultType: Literal["vector", "matrix"]  # noqa: N815  # Prometheus' spelling


class _Answer(msgspec.Struct):
    status: str
    data: Result | None = None
    warnings: list[str] | None = None
    isPartial: bool = False  # noqa: N815  # VictoriaMetrics' spelling


class _Kind(msgspec.Struct):
    resultType: str  # noqa: N815


class _Answered(msgspec.Struct):
    """What an answer says of itself, whatever is in it."""

    status: str
    data: _Kind | None = None
    error: str = ""
    errorType: str = ""  # noqa: N815


_ANSWER = msgspec.json.Decoder(_Answer)
_ANSWERED = msgspec.json.Decoder(_Answered)


def decode(content: bytes | bytearray, max_series: int) -> Result:
    """The answer's entries. Raises AnswerProblem for one that is of no use, before it takes much memory."""
    # Every entry has two braces, and every sample a bracket, so this bounds what decoding makes of an answer.
    many = content.count(b"[") > SAMPLES_A_SERIES * max_series
    if many or content.count(b"{") > BRACES_A_SERIES * max_series:
        raise _too_many_series("more", max_series)
    try:
        answer = _ANSWER.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise _another(content, problem) from None
    if answer.status != "success" or answer.data is None:
        raise _another(content, None)
    _require_whole(answer)
    if len(answer.data.result) > max_series:
        raise _too_many_series(f"{len(answer.data.result)}, more", max_series)
    return answer.data


def words_of(body: bytes | bytearray) -> str:
    """Prometheus' error sentence where the body is its JSON, else the body; as much of it as a person reads."""
    try:
        return _ANSWERED.decode(body).error[:WORDS] or "no reason given"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        plain = bytes(body[: 4 * WORDS]).decode(errors="replace").replace("\0", " ").strip()
        return plain[:WORDS] or "no reason given"


def _too_many_series(found: str, most: int) -> AnswerProblem:
    told = f"{found} series than the {most} that are read at once: raise maxSeries, or drop labels that nobody needs"
    return AnswerProblem(Reason.TOO_MANY_SERIES, told)


def _require_whole(answer: _Answer) -> None:
    """Raises AnswerProblem where the server says that something is missing, as Thanos, Mimir and VictoriaMetrics do
    when a part of them does not answer. What looks like a counter that vanished, and later like one that was born, is
    neither.
    """
    missing = [each for each in answer.warnings or () if not each.startswith(_PARTIAL_PREFIX)]
    if missing or answer.isPartial:
        told = missing[0][:WORDS] if missing else "the server says no more"
        reason = Reason.TOO_MANY_SERIES if "truncated due to limit" in told else Reason.PARTIAL
        raise AnswerProblem(reason, f"the answer is partial: {told}")


def _another(content: bytes | bytearray, problem: Exception | None) -> AnswerProblem:
    """What an answer is that is no whole one of series."""
    try:
        told = _ANSWERED.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = None
    if told is not None and told.status == "error":
        reason = Reason.BAD_QUERY if told.errorType in _AT_FAULT else Reason.SERVER_ERROR
        return AnswerProblem(reason, told.error[:WORDS] or "an error without a reason")
    if told is not None and told.data is not None and told.data.resultType in {"scalar", "string"}:
        return AnswerProblem(Reason.BAD_QUERY, f"the query answers a {told.data.resultType}, not an instant vector")
    cause = type(problem).__name__ if isinstance(problem, RecursionError) else str(problem or "no data in it")
    return AnswerProblem(Reason.NOT_PROMETHEUS, cause[:WORDS])
