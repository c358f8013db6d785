"""Columns of a file, as it stands there."""

import gzip
from pathlib import Path

import pytest

from delivery.backtest.lines import read_lines
from delivery.backtest.recording import InvalidRecording

GOOD = '{"t": 10, "arm": "stable", "requests": 90, "errors": 1}'


@pytest.mark.parametrize("packed", [False, True])
def test_columns_hold_what_the_lines_say(tmp_path: Path, packed: bool) -> None:
    text = (
        f"{GOOD}\r\n   \n"
        '{"t": 10, "arm": "canary", "requests": 10, "errors": 2, "weight": 10, "release": "r", "instance": "pod",'
        ' "buckets": {"+Inf": 10, "5": 4, "0.5": 1}}'
    )
    path = tmp_path / "lines"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    consumed: list[int] = []
    lines = read_lines(str(path), consumed.append)
    assert lines.number.tolist() == [1, 3]
    assert (lines.t.tolist(), lines.arm.tolist(), lines.requests.tolist()) == ([10, 10], [0, 1], [90, 10])
    assert (lines.releases, lines.instances) == (["", "r"], ["", "pod"])
    [buckets] = lines.buckets
    assert buckets.bounds == (0.5, 5.0, float("inf"))
    assert buckets.counts.tolist() == [[1, 4, 10]]
    assert buckets.lines.tolist() == [1]
    assert consumed
    assert consumed[-1] == path.stat().st_size


def test_a_packed_file_that_is_damaged_is_refused(tmp_path: Path) -> None:
    damaged = bytearray(
        gzip.compress(b"".join(GOOD.replace("10", str(t)).encode() + b"\n" for t in range(1000)), mtime=0)
    )
    damaged[200] ^= 0xFF
    path = tmp_path / "damaged"
    path.write_bytes(damaged)
    with pytest.raises(InvalidRecording):
        read_lines(str(path))


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(GOOD.encode()[:-1] + b', "release": "\xff"}')
    with pytest.raises(InvalidRecording, match="line 1: is no JSON object"):
        read_lines(str(path))
