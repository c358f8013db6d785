"""Native histograms and counters in Prometheus' protobuf exposition format, which no text can say."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise

CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
COUNTER, HISTOGRAM = 0, 4
VARINT, FIXED, BYTES = 0, 1, 2


def exposition(*families: bytes) -> bytes:
    """All families of one scrape."""
    return b"".join(_varint(len(family)) + family for family in families)


def counter(name: str, series: Sequence[tuple[Mapping[str, str], float]]) -> bytes:
    """A family of counters: labels and value each."""
    metrics = [_labels(labels) + _bytes(3, _double(1, value)) for labels, value in series]
    return _family(name, COUNTER, metrics)


def native_histogram(name: str, labels: Mapping[str, str], counts: Mapping[int, int]) -> bytes:
    """A family of one native histogram by powers of two (schema 0): how many were within (2**(i-1), 2**i] seconds, by
    `i`, which are next to one another."""
    first, values = min(counts), [counts[index] for index in sorted(counts)]
    deltas = [values[0], *(later - earlier for earlier, later in pairwise(values))]
    body = _field(1, VARINT) + _varint(sum(values)) + _double(2, float(sum(values)))
    body += _field(5, VARINT) + _varint(_zigzag(0)) + _double(6, 1e-9)
    body += _bytes(12, _field(1, VARINT) + _varint(_zigzag(first)) + _field(2, VARINT) + _varint(len(values)))
    body += _bytes(13, b"".join(_varint(_zigzag(delta)) for delta in deltas))
    return _family(name, HISTOGRAM, [_labels(labels) + _bytes(7, body)])


def _family(name: str, kind: int, metrics: Sequence[bytes]) -> bytes:
    head = _bytes(1, name.encode()) + _field(3, VARINT) + _varint(kind)
    return head + b"".join(_bytes(4, metric) for metric in metrics)


def _labels(labels: Mapping[str, str]) -> bytes:
    return b"".join(_bytes(1, _bytes(1, key.encode()) + _bytes(2, value.encode())) for key, value in labels.items())


def _field(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _bytes(number: int, content: bytes) -> bytes:
    return _field(number, BYTES) + _varint(len(content)) + content


def _double(number: int, value: float) -> bytes:
    return _field(number, FIXED) + struct.pack("<d", value)


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
